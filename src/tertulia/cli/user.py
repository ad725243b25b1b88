"""tertulia user: add, list and remove accounts, give them passwords, name administrators.

A password comes from standard input or is made here and printed once; never from the command line,
where others on the machine can read it. A running server knows of a change within seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
import time
from datetime import UTC, datetime

from tertulia.cli.settings import add_options, from_options
from tertulia.cli.storing import mistakes, opened
from tertulia.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    for name, summary in (
        ("add", "make an account"),
        ("list", "list the accounts"),
        ("remove", "remove an account"),
        ("password", "give an account another password"),
        ("admin", "let an account use the pages for administrators, or no longer"),
    ):
        action = actions.add_parser(name, help=summary, description=summary)
        if name != "list":
            action.add_argument("name", metavar="NAME")
        if name == "add":
            action.add_argument(
                "--display-name", default="", metavar="TEXT", help="as people write it"
            )
            action.add_argument(
                "--admin", action="store_true", help="may use the pages for administrators"
            )
        if name == "admin":
            action.add_argument("switch", choices=("on", "off"))
        if name in ("add", "password"):
            action.add_argument(
                "--password-stdin",
                action="store_true",
                help="read it, one line, instead of making it",
            )
        add_options(action)


def run(args: argparse.Namespace) -> int:
    config = from_options(args).config
    actions = {
        "add": add,
        "list": list_all,
        "remove": remove,
        "password": password,
        "admin": admin,
    }
    with mistakes():
        return actions[args.action](args, config)


def add(args: argparse.Namespace, config: Config) -> int:
    """Make an account; print its password if it was made here."""
    from tertulia.accounts.passwords import Account, account_name, keys_of  # noqa: PLC0415

    name = account_name(args.name)
    text, is_made = _password(args)
    account = Account(
        name=name,
        display_name=args.display_name[:80] or args.name,
        keys=keys_of(text),
        created_ms=time.time_ns() // 1_000_000,
        is_admin=args.admin,
    )

    async def do() -> None:
        async with opened(config) as tables:
            await tables.accounts.add(account)

    asyncio.run(do())
    _tell(name, text, is_made)
    return 0


def list_all(args: argparse.Namespace, config: Config) -> int:
    """One line each: name, day, name as people write it, whether it is an administrator.

    Exit status 1 when there is none.
    """

    async def do() -> int:
        async with opened(config) as tables:
            accounts = await tables.accounts.all()
        for each in accounts:
            day = datetime.fromtimestamp(each.created_ms / 1000, UTC).date()
            mark = "\tadministrator" if each.is_admin else ""
            print(f"{each.name}\t{day}\t{each.display_name}{mark}")
        if not accounts:
            print("there are no accounts; make one with `tertulia user add NAME`", file=sys.stderr)
        return 0 if accounts else 1

    return asyncio.run(do())


def remove(args: argparse.Namespace, config: Config) -> int:
    """Remove an account; who is in a meeting with it stays there."""
    from tertulia.accounts.passwords import account_name  # noqa: PLC0415

    async def do() -> None:
        async with opened(config) as tables:
            await tables.accounts.remove(account_name(args.name))

    asyncio.run(do())
    return 0


def password(args: argparse.Namespace, config: Config) -> int:
    """Give an account another password; browsers that had logged in with the old one are out."""
    from tertulia.accounts.passwords import account_name, keys_of  # noqa: PLC0415

    name = account_name(args.name)
    text, is_made = _password(args)

    async def do() -> None:
        async with opened(config) as tables:
            await tables.accounts.set_keys(name, keys_of(text))

    asyncio.run(do())
    _tell(name, text, is_made)
    return 0


def admin(args: argparse.Namespace, config: Config) -> int:
    """Make an account an administrator, or take that away: its browser is signed out then."""
    from tertulia.accounts.passwords import account_name  # noqa: PLC0415

    async def do() -> None:
        async with opened(config) as tables:
            await tables.accounts.set_admin(account_name(args.name), is_admin=args.switch == "on")

    asyncio.run(do())
    return 0


def _password(args: argparse.Namespace) -> tuple[str, bool]:
    """The password, and whether it was made here."""
    from tertulia.accounts.passwords import generated_password  # noqa: PLC0415

    if not args.password_stdin:
        return generated_password(), True
    if sys.stdin.isatty():
        return getpass.getpass("Password: "), False
    return sys.stdin.readline().rstrip("\n"), False


def _tell(name: str, text: str, is_made: bool) -> None:
    if is_made:
        print(f"password of {name}: {text}")
