"""Meetings over bad networks: headless ones beside Janus, real Chromiums, rooms by arithmetic.

Sender, bridge, emulator and viewers share this machine; a busy one shows as freezes that no network
made, so the load stands beside every case.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from bench import janus, network_carriers, network_cases, network_rooms, screened
from bench.driven import FAILURES
from bench.network_cases import CASES, JANUS, JANUS_LOW, OURS
from bench.report import Report

# Janus cannot choose an encoding for a subscriber. Where the link is narrow its subscribers are
# also shown asking for the lowest one all the time, which is the best they could do.
NARROW = ("500 kbit/s", "300 kbit/s")


def _headless() -> Iterator[Callable[[], Awaitable[dict[str, Any]]]]:
    has_janus = janus.program() is not None
    for case in CASES:
        systems = [OURS]
        if has_janus:
            systems += [JANUS, JANUS_LOW] if case.name in NARROW else [JANUS]
        for system in systems:
            yield partial(network_cases.judge, case, system)
    for each in (network_cases.course, network_cases.crowd, network_cases.rebinding):
        for system in (OURS, JANUS) if has_janus else (OURS,):
            yield partial(each, system)
    yield partial(network_cases.weak_sender, OURS)


async def run() -> Report:
    report = Report("networks")
    if janus.program() is None:
        report.notes.append("Janus is not installed: measured without it")
    else:
        report.conditions["Janus"] = janus.version()
    loads = []
    for case in _headless():
        try:
            found = await case()
        except FAILURES as error:
            report.notes.append(f"a case failed: {error or 'a deadline passed'}")
            continue
        loads.append(os.getloadavg()[0])
        found["load"] = round(loads[-1], 1)
        _keep(report, found)
    try:
        async for found in screened.run():
            loads.append(found["load"])
            _keep(report, found)
    except (*FAILURES, AssertionError) as error:
        report.notes.append(f"Chromium: {error or 'a deadline passed'}")
    report.cases += await network_rooms.run()
    report.cases += await network_carriers.run()
    report.conditions["load of the machine, least to most"] = (
        f"{min(loads):.1f} to {max(loads):.1f}"
    )
    for found in report.cases:
        if "carrier" in found:
            name = f"engine's CPU per packet by {found['carrier']}"
            report.add(name, found["cpu_us_per_packet"], "us")
        elif "way" in found:
            name = f"{found['people']} people, {found['way']}"
            report.add(f"{name}: in", found["in_mbps"], "Mbit/s")
            report.add(f"{name}: out", found["out_mbps"], "Mbit/s")
        else:
            name = f"{found['system']}: {found['case']}"
            report.add(f"{name}: frames", found["fps"], "per second")
            report.add(f"{name}: frozen", found["frozen_s"], "s")
    return report


def _keep(report: Report, found: dict[str, Any]) -> None:
    told = {key: value for key, value in found.items() if key not in ("estimates", "course")}
    print(told, flush=True)
    report.cases.append(found)
