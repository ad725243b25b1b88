"""tertulia config: check the configuration, or show each key with value, origin and meaning."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tertulia import certificates
from tertulia.accounts.foreign_tokens import foreign_origin
from tertulia.cli.settings import add_options, from_options
from tertulia.config import keys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["check", "show"], help="what to do")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    return {"check": check, "show": show}[args.action](args)


def check(args: argparse.Namespace) -> int:
    """Read the configuration and the files it names; a mistake is reported with status 2."""
    config = from_options(args).config
    http = config.http
    if http.certificate is not None and http.private_key is not None:
        certificates.given(http.certificate, http.private_key).server_context()
    foreign_origin(config.tokens, config.host)
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
