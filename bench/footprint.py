"""P9: resident memory (Pss) of all processes, idle and with five people."""

from __future__ import annotations

import asyncio

from bench.browser import browsers, clocked, leave
from bench.report import Report
from bench.server import Server, running

SETTLE_S = 60.0  # the method: memory is read a minute after the state was reached
PEOPLE = 5


async def run() -> Report:
    report = Report("footprint", conditions={"settled for s": SETTLE_S, "people": PEOPLE})
    async with running() as server:
        await asyncio.sleep(SETTLE_S)
        idle = _read(report, server, "idle")
        async with browsers() as browser:
            people = [await clocked(browser, f"person{number}") for number in range(PEOPLE)]
            for one in people:
                await one.open_directly(server.url, "footprint")
            await asyncio.gather(*(one.until_seeing(PEOPLE - 1) for one in people))
            await asyncio.sleep(SETTLE_S)
            full = _read(report, server, f"{PEOPLE} people")
            await leave(people)
    report.add("more per person, both processes", (full - idle) * 1024 / PEOPLE, "KiB")
    report.notes.append(
        "five Chromium people whose media goes through the bridge; their browsers are not counted"
    )
    return report


def _read(report: Report, server: Server, state: str) -> float:
    found = server.pss_mib()
    for process, mib in found.items():
        report.add(f"{state}: {process}", mib, "MiB Pss")
    total = sum(found.values())
    report.add(
        f"{state}: altogether", total, "MiB Pss", "<= 250, <= 150" if state == "idle" else ""
    )
    return total
