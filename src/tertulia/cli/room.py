"""tertulia room: list rooms, keep some of them with an owner, a password or a lobby, print links.

A kept room exists whether or not anybody is in it: its password and its lobby are in force before
the first person comes. A running server knows of a change within seconds; a meeting under way goes
on as it began.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tertulia.cli.asking import ServerSilent, rooms_in_use
from tertulia.cli.settings import add_options, from_options
from tertulia.cli.storing import make_folder, mistakes, opened
from tertulia.config import Config
from tertulia.errors import ConfigError

if TYPE_CHECKING:
    from tertulia.rooms.kept import KeptRoom

_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNIT_S = {"m": 60, "h": 3600, "d": 86_400}
_LONGEST_S = 31 * 86_400
_RETENTION = re.compile(r"none|meeting|[1-9][0-9]{0,3}")
_PASSWORD_CHARACTERS = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    for name, summary in (
        ("list", "list the rooms: those in use and those that are kept"),
        ("add", "keep a room"),
        ("set", "change a room that is kept"),
        ("remove", "do not keep a room any longer"),
        ("link", "print a personal link, for somebody who cannot sign in"),
    ):
        action = actions.add_parser(name, help=summary, description=summary)
        if name != "list":
            action.add_argument("room", metavar="ROOM")
        if name in ("add", "set"):
            _add_settings(action)
        if name == "link":
            action.add_argument("--name", default="", metavar="TEXT", help="for whom it is")
            action.add_argument(
                "--moderator", action="store_true", help="who comes by it moderates"
            )
            action.add_argument(
                "--valid", default="2h", metavar="TIME", help="such as 90m, 2h or 7d (default: 2h)"
            )
        add_options(action)


def _add_settings(action: argparse.ArgumentParser) -> None:
    flag = argparse.BooleanOptionalAction
    action.add_argument("--owner", metavar="ACCOUNT", help="leads it; '' for nobody in particular")
    action.add_argument("--password-stdin", action="store_true", help="read a password, one line")
    action.add_argument("--no-password", action="store_true", help="take its password away")
    action.add_argument("--lobby", action=flag, default=None, help="people knock")
    action.add_argument("--members-only", action=flag, default=None, help="no guests")
    action.add_argument("--start-audio-muted", action=flag, default=None, help="for newcomers")
    action.add_argument("--start-video-muted", action=flag, default=None, help="for newcomers")
    action.add_argument(
        "--may-open",
        choices=("everybody", "accounts", "owner", ""),
        help="who may be the first; '' for the setting access.open",
    )
    action.add_argument(
        "--chat-retention", metavar="DAYS", help="days, or none, or meeting (until it ends)"
    )


def run(args: argparse.Namespace) -> int:
    config = from_options(args).config
    actions = {"list": list_all, "add": add, "set": change, "remove": remove, "link": link}
    with mistakes():
        return actions[args.action](args, config)


def list_all(args: argparse.Namespace, config: Config) -> int:
    """One line each: name, people in it, how it is kept. Exit status 1 if the server is silent."""

    async def kept_rooms() -> dict[str, KeptRoom]:
        async with opened(config) as tables:
            return await tables.rooms.all()

    kept = asyncio.run(kept_rooms())
    in_use = _in_use(config)
    for name in sorted({*kept, *(in_use or {})}):
        people = "?" if in_use is None else str(in_use.get(name, 0))
        print("\t".join((name, people, _described(kept.get(name)))).rstrip())
    return 1 if in_use is None else 0


def add(args: argparse.Namespace, config: Config) -> int:
    """Keep a room."""
    from tertulia.rooms.kept import KeptRoom  # noqa: PLC0415

    name = _room(args.room)
    room = _settings(args, KeptRoom(), config)

    async def do() -> None:
        async with opened(config) as tables:
            await tables.rooms.add(name, room, time.time_ns() // 1_000_000)

    asyncio.run(do())
    if room.lobby and not room.owner and config.access.open == "everybody":
        print(
            f"{name} has a lobby and no owner: somebody with an account has to let people in",
            file=sys.stderr,
        )
    return 0


def change(args: argparse.Namespace, config: Config) -> int:
    """Change what is given; the rest stays."""
    name = _room(args.room)

    async def do() -> None:
        async with opened(config) as tables:
            kept = (await tables.rooms.all()).get(name)
            if kept is None:
                raise ConfigError(f"the room {name} is not kept; add it with room add")
            await tables.rooms.put(name, _settings(args, kept, config))

    asyncio.run(do())
    return 0


def remove(args: argparse.Namespace, config: Config) -> int:
    """A meeting in it goes on; the next one is like any other."""

    async def do() -> None:
        async with opened(config) as tables:
            await tables.rooms.remove(_room(args.room))

    asyncio.run(do())
    return 0


def link(args: argparse.Namespace, config: Config) -> int:
    """Print one address that lets its holder into one room for some time."""
    from tertulia.accounts.links import LinkKey, PersonalLink  # noqa: PLC0415

    found = _DURATION.fullmatch(args.valid)
    valid_s = int(found[1]) * _UNIT_S[found[2]] if found else 0
    if not 0 < valid_s <= _LONGEST_S:
        raise ConfigError(f"--valid {args.valid}: expected a time up to 31d, such as 90m, 2h or 7d")
    _room(args.room)
    wanted = PersonalLink(
        room=args.room, name=args.name[:80], moderator=args.moderator, valid_s=valid_s
    )
    make_folder(config)
    port = config.http.port
    if not port:
        raise ConfigError("http.port is 0, so the address of the server is not known here")
    site = f"https://{config.host}/" if port == 443 else f"https://{config.host}:{port}/"
    print(LinkKey.kept(config.data, config.host).url(site, wanted, time.time()))
    return 0


def _room(text: str) -> str:
    from tertulia.accounts.tokens import room_node  # noqa: PLC0415

    name = room_node(text)
    if not name or "/" in text or name in ("*", ".") or len(name) > 600 or not text.isprintable():
        raise ConfigError(f"{text!r} cannot be the name of a room")
    return name


def _settings(args: argparse.Namespace, room: KeptRoom, config: Config) -> KeptRoom:
    """The room with what is given on the command line."""
    given: dict[str, Any] = {
        name: getattr(args, name)
        for name in ("lobby", "members_only", "start_audio_muted", "start_video_muted", "may_open")
        if getattr(args, name) is not None
    }
    if args.owner is not None:
        given["owner"] = _owner(args.owner, config)
    if args.chat_retention is not None:
        if args.chat_retention and not _RETENTION.fullmatch(args.chat_retention):
            raise ConfigError(
                f"--chat-retention {args.chat_retention}: expected days, none, or meeting"
            )
        given["chat_retention"] = args.chat_retention
    if args.no_password:
        given["password"] = ""
    if args.password_stdin:
        password = sys.stdin.readline().rstrip("\n")
        if not 1 <= len(password) <= _PASSWORD_CHARACTERS:
            raise ConfigError(f"the password of a room has 1 to {_PASSWORD_CHARACTERS} characters")
        given["password"] = password
    changed = replace(room, **given)
    if changed.may_open == "owner" and not changed.owner:
        raise ConfigError("--may-open owner: the room has no owner; name one with --owner")
    return changed


def _owner(text: str, config: Config) -> str:
    from tertulia.accounts.passwords import account_name  # noqa: PLC0415

    return f"{account_name(text)}@{config.host}" if text else ""


def _described(room: KeptRoom | None) -> str:
    if room is None:
        return ""
    words = ["kept"]
    if room.owner:
        words.append(f"owner={room.owner.partition('@')[0]}")
    for name in ("lobby", "members_only", "start_audio_muted", "start_video_muted"):
        if getattr(room, name):
            words.append(name.replace("_", "-"))
    if room.password:
        words.append("password")
    if room.may_open:
        words.append(f"may-open={room.may_open}")
    if room.chat_retention:
        words.append(f"chat-retention={room.chat_retention}")
    return " ".join(words)


def _in_use(config: Config) -> dict[str, int] | None:
    """People by room; None, and a line, when the running server does not tell."""
    try:
        return {each.name: each.people for each in rooms_in_use(config)}
    except ServerSilent as error:
        print(error, file=sys.stderr)
        return None
