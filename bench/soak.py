"""P25: what is left of many joins and leaves, and how memory moves in a meeting that goes on."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench import ours
from bench.driven import FAILURES, machine_address
from bench.ours import MediaClient
from bench.report import Report
from bench.server import Server
from bench.synthetic import connections
from bench.traffic import THUMBNAIL, Case
from tertulia._engine import Load

AT_ONCE = 12  # visitors in the house at any moment, beside one who stays in each room
ROOMS = 4
SAMPLES = 20
AFTERWARDS_S = 60.0  # for what is given up with a delay
JOIN_WITHIN_S = 30.0
MEETING = Case(
    name="room of 20",
    meaning="twenty people with thumbnail cameras, three microphones open",
    people=20,
    video=THUMBNAIL,
    video_senders=20,
    audio_senders=3,
    counts=False,
)


@dataclass(slots=True)
class Trend:
    """Samples of one quantity over time or over joins."""

    at: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, at: float, value: float) -> None:
        self.at.append(at)
        self.values.append(value)

    def slope(self) -> float:
        """Per unit of `at`, least squares over the second half: the first warms up."""
        half = len(self.at) // 2
        xs, ys = self.at[half:], self.values[half:]
        if len(xs) < 2:
            return 0.0
        mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
        spread = sum((x - mean_x) ** 2 for x in xs)
        together = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
        return together / spread if spread else 0.0


async def run(joins: int, minutes: float) -> Report:
    report = Report("soak", conditions={"joins": joins, "minutes": minutes, "at once": AT_ONCE})
    if joins:
        await _joins_and_leaves(report, joins)
    if minutes:
        try:
            await _long_meeting(report, minutes)
        except FAILURES as error:
            report.notes.append(f"{MEETING.name}: {error or 'a deadline passed'}")
    report.notes.append("slopes are of the second half of the samples: the first half warms up")
    return report


async def _joins_and_leaves(report: Report, joins: int) -> None:
    trends = {"control": Trend(), "bridge": Trend()}
    load = Load(machine_address())
    failed: list[str] = []
    numbers = count()
    try:
        async with ours.serving() as server, connections() as http:
            empty = _state(server)

            async def visit(number: int) -> None:
                sends = number % 4 == 0
                one = MediaClient(
                    http,
                    server,
                    load,
                    room=f"soak{number % ROOMS}",
                    number=number % ROOMS,
                    video=THUMBNAIL if sends else None,
                    audio=sends,
                )
                try:
                    async with asyncio.timeout(JOIN_WITHIN_S):
                        await one.join()
                        await one.until_accepted()
                        await one.watch()
                        load.start([one.peer])
                        await asyncio.sleep(0.2)
                finally:
                    await one.close()

            async def worker() -> None:
                while (number := next(numbers)) < joins:
                    try:
                        await visit(number)
                    except FAILURES as error:
                        failed.append(f"join {number}: {error or 'a deadline passed'}")
                    if number % max(1, joins // SAMPLES) == 0:
                        _sample(trends, number, server)

            residents = [
                MediaClient(http, server, load, room=f"soak{room}", number=room)
                for room in range(ROOMS)
            ]
            await asyncio.gather(*(one.join() for one in residents))
            began = time.monotonic()
            await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
            took = time.monotonic() - began
            await asyncio.gather(*(one.close() for one in residents))
            await asyncio.sleep(AFTERWARDS_S)
            left = _state(server)
    finally:
        load.close()
    report.add("joins and leaves", joins, "")
    report.add("joins and leaves: failed", len(failed), "")
    report.add("joins and leaves: joins per second", joins / took, "joins/s")
    for process, trend in trends.items():
        report.samples[f"joins and leaves: {process} MiB"] = [round(v, 2) for v in trend.values]
        per_join = trend.slope() * 1024
        report.add(f"joins and leaves: growth of {process} per join", per_join, "KiB", "0")
    for name, value in left.items():
        report.add(f"nobody there: {name}, before", empty[name], "")
        report.add(f"nobody there: {name}, after", value, "")
    report.notes += failed[:5]


async def _long_meeting(report: Report, minutes: float) -> None:
    trends = {"control": Trend(), "bridge": Trend()}
    load = Load(machine_address())
    try:
        async with ours.serving() as server, ours.populated(server, load, MEETING) as driven:
            await driven.window(MEETING, 1.0)  # everything flows
            load.poll_every(2_000)
            load.reset()
            load.start(driven.rooms[0].senders)
            began = time.monotonic()
            for _ in range(SAMPLES):
                await asyncio.sleep(minutes * 60 / SAMPLES)
                _sample(trends, (time.monotonic() - began) / 3600, server)
            found = load.report()
            load.stop()
    finally:
        load.close()
    arrived = found["received"] / max(1, found["received"] + found["missing"] - found["late"])
    report.add(f"{MEETING.name}: minutes", minutes, "")
    for process, trend in trends.items():
        report.samples[f"{MEETING.name}: {process} MiB"] = [round(v, 2) for v in trend.values]
        goal = "< 1, 0" if process == "bridge" else ""
        report.add(f"{MEETING.name}: {process} grows (P25)", trend.slope(), "MiB/h", goal)
    report.add(f"{MEETING.name}: packets delivered", found["received"], "")
    report.add(f"{MEETING.name}: delivered", 100 * arrived, "%")
    report.add(f"{MEETING.name}: misnumbered", found["misnumbered"], "")
    report.add(f"{MEETING.name}: added delay p99", found["delay_p99_ns"] / 1e6, "ms")


def _sample(trends: dict[str, Trend], at: float, server: Server) -> None:
    memory = server.pss_mib()
    for process, trend in trends.items():
        trend.add(at, memory.get(process, 0.0))
    line = ", ".join(f"{process} {trend.values[-1]:.1f} MiB" for process, trend in trends.items())
    print(f"  soak, {at:.3g}: {line}", file=sys.stderr, flush=True)


def _state(server: Server) -> dict[str, float]:
    """What must be as before when everybody has left."""
    found: dict[str, float] = {}
    for name, pid in (("control", server.pid), ("bridge", server.bridge_pid)):
        found[f"{name}, open files"] = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        found[f"{name}, threads"] = len(list(Path(f"/proc/{pid}/task").iterdir()))
    return found | {f"{name}, MiB": mib for name, mib in server.pss_mib().items()}
