"""P25: what is left of many joins and leaves, and how memory moves in a meeting that goes on.

The two parts can be taken apart, by separate commands; `parts` puts their results together.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import ClientError

from bench import ours
from bench.document import STATE
from bench.driven import FAILURES, machine_address
from bench.objects import Objects, countable, more
from bench.ours import MediaClient
from bench.plot import lines
from bench.process import entries
from bench.report import RESULTS, ROOT, Report
from bench.server import Cost, Server
from bench.synthetic import connections
from bench.traffic import THUMBNAIL, Case, camera
from tertulia._engine import Load

PICTURES = ROOT / "docs" / "images"
AT_ONCE = 6  # visitors in the house at any moment, beside one who stays in each room
ROOMS = 4
SAMPLES = 40
COUNTS = 10  # of objects; each stops a process for a tenth of a second
WARM_JOINS = 300  # before the state everything is compared with
AFTERWARDS_S = 45.0  # for what is given up with a delay
JOIN_WITHIN_S = 30.0
JOINS, MEETING_PART = "joins and leaves", "room of 20"
MEETING = Case(
    name=MEETING_PART,
    # Slow pictures: an hour of it shares the machine with other work.
    meaning="twenty people with cameras of 40 kbit/s at 5 frames/s, two microphones open",
    people=20,
    video=camera(40, 5),
    video_senders=20,
    audio_senders=2,
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


class Trends:
    """Memory and blocks of both processes."""

    def __init__(self, server: Server, objects: Objects) -> None:
        self._server = server
        self._objects = objects
        self.memory = {"control": Trend(), "bridge": Trend()}
        self.blocks = {"control": Trend(), "bridge": Trend()}

    def sample(self, at: float) -> None:
        memory = self._server.pss_mib()
        for process, trend in self.memory.items():
            trend.add(at, memory.get(process, 0.0))
        line = ", ".join(
            f"{name} {trend.values[-1]:.1f} MiB" for name, trend in self.memory.items()
        )
        print(f"  soak, {at:.3g}: {line}", file=sys.stderr, flush=True)

    async def count(self, at: float) -> None:
        for process, found in (await _objects(self._server, self._objects)).items():
            self.blocks[process].add(at, found["blocks"])

    def keep(self, report: Report, part: str, unit: str) -> None:
        for process in self.memory:
            memory, blocks = self.memory[process], self.blocks[process]
            report.samples[f"{part}: {process} MiB"] = [round(v, 2) for v in memory.values]
            report.samples[f"{part}: {process} MiB, {unit}"] = [round(at, 2) for at in memory.at]
            report.samples[f"{part}: {process} blocks"] = blocks.values
            report.samples[f"{part}: {process} blocks, {unit}"] = [round(x, 2) for x in blocks.at]


async def run(joins: int, minutes: float) -> Report:
    """Take one part or both; a part that is left out is kept from the result before."""
    report = Report("soak")
    for part, wanted, take in (
        (JOINS, joins, lambda: _joins_and_leaves(report, joins)),
        (MEETING_PART, minutes, lambda: _long_meeting(report, minutes)),
    ):
        if not wanted:
            _kept(report, part)
            continue
        print(f"soak: {part}", file=sys.stderr, flush=True)
        await _taken(report, part, take)
    _draw(report.samples)
    report.notes.append("slopes are of the second half of the samples: the first half warms up")
    return report


async def _taken(report: Report, part: str, take: Callable[[], Awaitable[None]]) -> None:
    report.conditions[f"{part}: taken"] = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    report.conditions[f"{part}: revision"] = report.revision()
    try:
        await take()
    except FAILURES as error:
        report.notes.append(f"{part}: {error or 'a deadline passed'}")


def _kept(report: Report, part: str) -> None:
    """Take over what an earlier command found for this part."""
    path = RESULTS / "soak.json"
    before: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for figure in before.get("figures", []):
        if figure["name"].startswith(part):
            report.add(**figure)
    for kind in ("conditions", "samples"):
        mine = {k: v for k, v in before.get(kind, {}).items() if k.startswith(part)}
        getattr(report, kind).update(mine)
    report.notes += [note for note in before.get("notes", []) if note.startswith(part)]


async def _joins_and_leaves(report: Report, joins: int) -> None:
    report.conditions |= {f"{JOINS}: at once": AT_ONCE, f"{JOINS}: rooms": ROOMS}
    load = Load(machine_address())
    failed: list[str] = []
    try:
        with countable() as objects:
            async with (
                ours.serving(objects.environment) as server,
                connections() as http,
            ):
                trends = Trends(server, objects)

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

                async def through(many: int, *, is_measured: bool) -> float:
                    """Let so many people come and go; how long it took."""
                    numbers = count()

                    async def worker() -> None:
                        while (number := next(numbers)) < many:
                            try:
                                await visit(number)
                            except (*FAILURES, ClientError) as error:
                                failed.append(f"join {number}: {error or 'a deadline passed'}")
                            if is_measured and number % max(1, many // SAMPLES) == 0:
                                trends.sample(number)
                            if is_measured and number % max(1, many // COUNTS) == 0:
                                await trends.count(number)

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
                    return took

                new = await _state(server, objects)
                await through(min(WARM_JOINS, joins), is_measured=False)
                warm, warm_objects = await _state(server, objects), await _objects(server, objects)
                failed.clear()
                cost = server.cost()
                took = await through(joins, is_measured=True)
                cost = server.cost() - cost
                left, left_objects = await _state(server, objects), await _objects(server, objects)
    finally:
        load.close()
    report.add(f"{JOINS}: joins", joins, "")
    report.add(f"{JOINS}: failed", len(failed), "", "0")
    report.add(f"{JOINS}: joins per second", joins / took, "joins/s")
    report.add(f"{JOINS}: CPU of control per join", cost.control_ns / 1e6 / joins, "ms")
    report.add(f"{JOINS}: CPU of bridge per join", cost.bridge_ns / 1e6 / joins, "ms")
    trends.keep(report, JOINS, "joins")
    for process, trend in trends.memory.items():
        slope = trend.slope() * 1024
        report.add(f"{JOINS}: {process} grows", slope, "KiB/join", "0")
    _compare(report, JOINS, {"new": new, f"after {WARM_JOINS}": warm, f"after {joins}": left})
    for process in ("control", "bridge"):
        grown = more(warm_objects[process], left_objects[process], least=max(20, joins // 100))
        kinds = {k: v for k, v in grown.items() if "." in k}
        text = ", ".join(f"{kind} {number:+d}" for kind, number in kinds.items()) or "none"
        report.notes.append(f"{JOINS}: kinds of objects with more left in {process}: {text}")
    report.notes += [f"{JOINS}: {each}" for each in failed[:5]]


async def _long_meeting(report: Report, minutes: float) -> None:
    load = Load(machine_address())
    try:
        with countable() as objects:
            async with ours.serving(objects.environment) as server:
                new = await _state(server, objects)
                trends = Trends(server, objects)
                async with ours.populated(server, load, MEETING) as driven:
                    await driven.window(MEETING, 1.0)  # everything flows
                    load.poll_every(20_000)
                    load.reset()
                    load.start(driven.rooms[0].senders)
                    began, cost = time.monotonic(), server.cost()
                    own = load.report()["cpu_ns"]
                    for number in range(SAMPLES):
                        now = (time.monotonic() - began) / 60
                        trends.sample(now)
                        if number % (SAMPLES // COUNTS) == 0:
                            await trends.count(now)
                        due = began + minutes * 60 * (number + 1) / SAMPLES
                        await asyncio.sleep(max(0.0, due - time.monotonic()))
                    trends.sample((time.monotonic() - began) / 60)
                    await trends.count((time.monotonic() - began) / 60)
                    found, cost = load.report(), server.cost() - cost
                    took = time.monotonic() - began
                    load.stop()
                await asyncio.sleep(AFTERWARDS_S)
                left = await _state(server, objects)
    finally:
        load.close()
    report.conditions[f"{MEETING_PART}: is"] = MEETING.meaning
    _add_meeting(report, found, cost, took, (found["cpu_ns"] - own) / 1e9)
    trends.keep(report, MEETING_PART, "minutes")
    for process, trend in trends.memory.items():
        goal = "< 1, 0" if process == "bridge" else ""
        report.add(f"{MEETING_PART}: {process} grows (P25)", 60 * trend.slope(), "MiB/h", goal)
    _compare(report, MEETING_PART, {"new": new, "after it": left})


def _add_meeting(
    report: Report, found: Mapping[str, Any], cost: Cost, took: float, generator_s: float
) -> None:
    arrived = found["received"] / max(1, found["received"] + found["missing"] - found["late"])
    report.add(f"{MEETING_PART}: minutes", took / 60, "")
    report.add(f"{MEETING_PART}: packets sent per second", found["sent"] / took, "packets/s")
    report.add(f"{MEETING_PART}: packets delivered", found["received"], "")
    report.add(f"{MEETING_PART}: delivered", 100 * arrived, "%")
    report.add(f"{MEETING_PART}: misnumbered", found["misnumbered"], "", "0")
    report.add(f"{MEETING_PART}: CPU of control", cost.control_ns / 1e7 / took, "% of a core")
    report.add(f"{MEETING_PART}: CPU of bridge", cost.bridge_ns / 1e7 / took, "% of a core")
    report.add(f"{MEETING_PART}: CPU of generator", 100 * generator_s / took, "% of a core")


def _compare(report: Report, part: str, states: Mapping[str, Mapping[str, float]]) -> None:
    """The same things with nobody there, at several moments, in neighbouring rows."""
    for name in next(iter(states.values())):
        for moment, state in states.items():
            report.add(f"{part}{STATE}{name}, {moment}", state[name], "")


async def _objects(server: Server, objects: Objects) -> dict[str, dict[str, int]]:
    return {
        "control": await objects.count(server.pid),
        "bridge": await objects.count(server.bridge_pid),
    }


async def _state(server: Server, objects: Objects) -> dict[str, float]:
    """What must be as before when everybody has left."""
    memory = server.pss_mib()  # before the counting, which needs some itself
    counted = await _objects(server, objects)
    found: dict[str, float] = {}
    for name, pid in (("control", server.pid), ("bridge", server.bridge_pid)):
        found[f"{name}, open files"] = entries(pid, "fd")
        found[f"{name}, threads"] = entries(pid, "task")
        found[f"{name}, objects"] = sum(v for k, v in counted[name].items() if "." in k)
        found[f"{name}, Python memory blocks"] = counted[name]["blocks"]
        for kind in ("malloc used", "malloc kept"):
            if kind in counted[name]:
                found[f"{name}, {kind} MiB"] = counted[name][kind] / 2**20
        found[f"{name}, MiB"] = memory[name]
    return found


def _draw(samples: Mapping[str, list[float]]) -> None:
    """Memory over joins and over time, as docs/performance.md shows it."""
    for part, unit, name, title in (
        (JOINS, "joins", "soak-joins", "Memory (Pss) over joins and leaves"),
        (MEETING_PART, "minutes", "soak-meeting", "Memory (Pss) in a meeting of twenty"),
    ):
        series = {
            f"{process} process": (
                samples[f"{part}: {process} MiB, {unit}"],
                samples[f"{part}: {process} MiB"],
            )
            for process in ("control", "bridge")
            if f"{part}: {process} MiB, {unit}" in samples
        }
        if series:
            picture = lines(title, unit, "MiB", series)
            (PICTURES / f"{name}.svg").write_text(picture)
