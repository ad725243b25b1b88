"""`python -m bench [NAME ...]`: run benchmarks, print their tables, keep their results."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

from bench import (
    crowds,
    document,
    footprint,
    forwarding,
    join,
    network_document,
    networks,
    page,
    participants,
    pressure,
    rooms,
    signalling,
    soak,
    startup,
)
from bench.driven import FAILURES
from bench.process import Machine, own_cpu_s
from bench.report import ROOT, Report, command

QUIET = 0.1  # of all processors, used by others

BENCHMARKS: dict[str, Callable[[], Awaitable[Report]]] = {
    "startup": startup.run,
    "footprint": footprint.run,
    "signalling": signalling.run,
    "rooms": rooms.run,
    "crowds": crowds.run,
    "join": join.run,
    "page": page.run,
    "forwarding": forwarding.run,
    "participants": participants.run,
    "pressure": pressure.run,
    "networks": networks.run,
}


async def _ended_by_signals(benchmark: Callable[[], Awaitable[Report]]) -> Report:
    """Run it so that what it started is ended too, also when we are in the background."""
    task = asyncio.ensure_future(benchmark())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"which (default: all of {', '.join(BENCHMARKS)}); also soak",
    )
    parser.add_argument("--document", action="store_true", help="copy the kept results into docs")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="with `forwarding`: two cases in under 90 s, printed and not kept",
    )
    parser.add_argument(
        "--joins", type=int, default=1_000, help="for `soak` (default 1000); 0: keep the last"
    )
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="for `soak` (default 5); 0: keep the last"
    )
    arguments = parser.parse_args()
    if arguments.document:
        missing = document.update()
        if not network_document.update():
            missing.append("networks")
        for name in missing:
            print(f"{name}: no result is kept; run `python -m bench {name}`", file=sys.stderr)
        return 0
    names = arguments.names or list(BENCHMARKS)
    benchmarks = {**BENCHMARKS, "soak": lambda: soak.run(arguments.joins, arguments.minutes)}
    unknown = [name for name in names if name not in benchmarks]
    if unknown:
        parser.error(f"no benchmark called {unknown[0]}; there are {', '.join(benchmarks)}")
    if arguments.quick:
        if names != ["forwarding"]:
            parser.error("--quick is for `forwarding` alone")
        benchmarks = {"forwarding": forwarding.quick}
    failed = False
    for name in names:
        try:
            machine, spent = Machine.now(), own_cpu_s()
            report = asyncio.run(_ended_by_signals(benchmarks[name]))
        except asyncio.CancelledError:
            print(f"{name}: ended by a signal", file=sys.stderr)
            return 130
        except FAILURES as error:
            print(f"{name}: failed: {error or 'a deadline passed'}", file=sys.stderr, flush=True)
            failed = True
            continue
        others = Machine.now().busy_share_since(machine, without_s=own_cpu_s() - spent)
        report.conditions["machine busy with other work"] = round(others, 2)
        if others > QUIET:
            report.notes.append(
                f"other work used {others:.0%} of the machine meanwhile: the figures are inflated"
            )
        print(report.table())
        if arguments.quick:
            continue
        print(f"  kept in {report.save(command()).relative_to(ROOT)}\n", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
