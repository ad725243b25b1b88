"""tertulia doctor: hold a real call by UDP and by TCP, and name what is broken.

On the server's machine it also looks at configuration, data folder, disk and ports. Exit status: 0
everything is good, 1 there are warnings, 2 something is broken.
"""

from __future__ import annotations

import argparse
import asyncio
from urllib.parse import urlsplit

from tertulia.cli.settings import add_options, from_options
from tertulia.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--server", metavar="URL", help="https://HOST[:PORT], a server elsewhere, seen from here"
    )
    parser.add_argument("--json", action="store_true", help="the findings as JSON, for scripts")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    # Imported here: the other commands start without them.
    from tertulia.doctor import examine  # noqa: PLC0415
    from tertulia.doctor.server import Address  # noqa: PLC0415

    if args.server:
        parts = urlsplit(args.server)
        if parts.scheme != "https" or not parts.hostname or parts.path not in ("", "/"):
            raise ConfigError(f"--server {args.server} is no server; write https://HOST[:PORT]")
        loaded, address = None, Address(parts.hostname, parts.port or 443)
    else:
        loaded = from_options(args)
        address = Address(loaded.config.host, loaded.config.http.port)
    report = asyncio.run(examine(address, loaded))
    print(report.json() if args.json else report.table())
    return report.exit_status
