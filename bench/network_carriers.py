"""What a packet costs the engine's thread when it goes out by UDP and when by TCP."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.network.meeting import Meeting

from bench.figures import median

VIEWERS = 8
ROUNDS = 3
_THREAD = "tertulia-engine"


async def run() -> list[dict[str, Any]]:
    """Both, by turns, with one sender and the viewers on the same links."""
    found: dict[str, list[tuple[float, float]]] = {"UDP": [], "TCP": []}
    for _ in range(ROUNDS):
        for carrier, rounds in found.items():
            rounds.append(await _measure(by_tcp=carrier == "TCP"))
    return [
        {
            "carrier": carrier,
            "viewers": VIEWERS,
            "cpu_us_per_packet": round(median([cost for cost, _ in rounds]), 2),
            "least": round(min(cost for cost, _ in rounds), 2),
            "most": round(max(cost for cost, _ in rounds), 2),
            "packets_per_s": round(median([rate for _, rate in rounds])),
        }
        for carrier, rounds in found.items()
    ]


async def _measure(*, by_tcp: bool) -> tuple[float, float]:
    """Microseconds of the engine's thread per packet it sent, and packets per second."""
    meeting = Meeting()
    try:
        meeting.join("sender", height=0)
        for number in range(VIEWERS):
            viewer = meeting.join(f"v{number}", has_camera=False, by_tcp=by_tcp)
            viewer.has_voice = False
        async with meeting.running():
            await asyncio.sleep(3)
            before, spent, start = meeting.engine.stats(), _cpu_ns(), meeting.now()
            await asyncio.sleep(5)
            after, took = meeting.engine.stats(), meeting.now() - start
            packets = after.packets_sent - before.packets_sent
            return (_cpu_ns() - spent) / 1000 / packets, packets / took
    finally:
        meeting.close()


def _cpu_ns() -> int:
    """What the engine's thread of this process has used so far."""
    for task in Path("/proc/self/task").iterdir():
        if task.joinpath("comm").read_text().strip() == _THREAD:
            return int(task.joinpath("schedstat").read_text().split()[0])
    raise LookupError(f"no thread {_THREAD}")
