"""The options through which commands take configuration keys from the command line."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from tertulia.config import Loaded, load
from tertulia.errors import ConfigError

# option -> the key it sets
OPTIONS = {
    "--host": "host",
    "--data": "data",
    "--port": "http.port",
    "--media-port": "media.port",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration file (TOML)")
    parser.add_argument("--host", metavar="NAME", help="the name people type (key host)")
    parser.add_argument("--data", metavar="DIR", help="folder for what is kept (key data)")
    parser.add_argument("--port", metavar="PORT", help="HTTPS port (key http.port)")
    parser.add_argument("--media-port", metavar="PORT", help="UDP media port (key media.port)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other key; see `tertulia config show`",
    )


def from_options(args: argparse.Namespace) -> Loaded:
    """The configuration with these options over environment and file. Raises: ConfigError."""
    given: dict[str, str] = {}
    for assignment in args.set:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigError(f"command line: --set {assignment} has no value; write KEY=VALUE")
        given[key.strip()] = value.strip()
    for option, key in OPTIONS.items():
        value = getattr(args, option.removeprefix("--").replace("-", "_"))
        if value is not None:
            given[key] = value
    return load(file=args.config, environment=os.environ, command_line=given)
