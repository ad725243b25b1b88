"""tertulia usage: how much the site was used in a month, without names and addresses.

It reads the database, whether or not the server runs; the last seconds are not in it yet.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tertulia.cli.settings import add_options, from_options
from tertulia.cli.storing import mistakes, usage_days
from tertulia.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--month", metavar="YYYY-MM", help="such as 2026-11 (default: this month)")
    parser.add_argument("--csv", action="store_true", help="every day, for spreadsheets")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    from tertulia.usage.report import Month, days_of, is_month  # noqa: PLC0415

    config = from_options(args).config
    name = args.month or time.strftime("%Y-%m", time.gmtime())
    if not is_month(name):
        raise ConfigError(f"--month {name}: expected a year and a month, such as 2026-11")
    days = days_of(name)
    with mistakes():
        month = Month(name, asyncio.run(usage_days(config, days[0], days[-1])))
    if args.csv:
        sys.stdout.write(month.csv())
    else:
        print(month.table())
    return 0
