"""tertulia config: check the configuration, or show each key with value, origin and meaning."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tertulia.cli.settings import add_options, from_options
from tertulia.config import keys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["check", "show"], help="what to do")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    return {"check": check, "show": show}[args.action](args)


def check(args: argparse.Namespace) -> int:
    """Read the configuration and the files it names; a mistake is reported with status 2.

    Everything a start would stumble over is looked at, but for what only a start finds out: taken
    ports, a data folder or database that cannot be used.
    """
    # Other commands begin sooner without all this.
    from tertulia import certificates, signing_in, turn  # noqa: PLC0415
    from tertulia.accounts.foreign_tokens import foreign_origin  # noqa: PLC0415
    from tertulia.accounts.links import LinkKey  # noqa: PLC0415
    from tertulia.accounts.tokens import SHORTEST_SECRET_BYTES  # noqa: PLC0415
    from tertulia.storage.database import check_address  # noqa: PLC0415
    from tertulia.web.theme import theme_of  # noqa: PLC0415

    config = from_options(args).config
    http = config.http
    if http.certificate is not None and http.private_key is not None:
        certificates.given(http.certificate, http.private_key).server_context()
    foreign_origin(config.tokens, config.host)
    signing_in.configured(config, LinkKey(bytes(SHORTEST_SECRET_BYTES), config.host))
    turn.configured(config.turn.servers, config.turn.secret_file, config.turn.lifetime_hours)
    theme_of(config.site)
    check_address(config.storage.url)
    print("the configuration is good")
    return 0


def show(args: argparse.Namespace) -> int:
    """Print every key as a line of TOML, after its meaning, with the origin of the value."""
    loaded = from_options(args)
    section = ""
    for key in keys():
        here, _, name = key.path.rpartition(".")
        if here != section:
            section = here
            print(f"\n[{section}]")
        print(f"# {key.meaning} ({key.kind_name}; from: {loaded.origins[key.path]})")
        value = loaded.value(key.path)
        print(f"# {name} is not set" if value is None else f"{name} = {as_toml(value)}")
    return 0


def as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, str | Path):
        escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)
