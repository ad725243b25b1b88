"""tertulia serve: run pages, signalling and a supervised bridge; the whole system in one command.

Prints `ready https://HOST:PORT/` on standard output when a meeting can be held, log lines on
standard error. SIGTERM and SIGINT end it and its bridge.
"""

from __future__ import annotations

import argparse

from tertulia import machine
from tertulia.cli.settings import add_options, from_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    loaded = from_options(args)
    machine.rest_the_collector()  # the services are loaded by and by
    from tertulia import logs  # noqa: PLC0415  # the other commands start without them
    from tertulia.server import running  # noqa: PLC0415

    logs.set_up(loaded.config.log.level, loaded.config.log.format, "control")
    machine.raise_open_files_limit()
    machine.return_large_blocks()
    running.run(loaded.config)
    return 0
