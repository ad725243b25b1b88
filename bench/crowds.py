"""P14 and P15: crowds that join, chat and leave, beside Prosody's rooms in the same run.

Two crowds, turn by turn at both servers: 1,000 people in 100 rooms, and one room that grows to
300. The cost is the processor time of the server in each phase over the stanzas it delivered in
it; the load in the chatting phases is the same for both, offered at a fixed pace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from aiohttp import ClientSession

from bench import prosody
from bench.crowd_client import Chatter
from bench.figures import median, percentile
from bench.process import Machine
from bench.report import Report
from bench.server import ONE_ADDRESS, running
from bench.synthetic import connections

ROUNDS = 3
ROOMS, ROOM_OF = 100, 10
ONE_ROOM = 300
AT_ONCE = 20  # joins under way at any moment
LINES_PER_S = 200  # in the hundred rooms: 2,000 deliveries a second
LINES = 2000
ROOM_LINES_PER_S = 10  # in one room
ROOM_LINES = 50
PROBES = 10  # people who join a room of 200 one after another
PHASE_WITHIN_S = 120.0

SETTINGS = {
    **ONE_ADDRESS,
    "TERTULIA_LIMITS_OCCUPANTS_PER_ROOM": "1000",
    "TERTULIA_LIMITS_ROOMS_PER_CREATOR": "100000",
}

Make = Callable[[ClientSession, str], Chatter]  # a client for the room of this name


@dataclass(slots=True)
class Phase:
    """What one phase cost and delivered."""

    cpu_us: float
    stanzas: int
    delays_ms: list[float] = field(default_factory=list)

    @property
    def us_per_stanza(self) -> float:
        return self.cpu_us / self.stanzas


@dataclass(slots=True)
class Host:
    """One of the two servers under load."""

    name: str
    make: Make
    cpu_ns: Callable[[], int]
    phases: dict[str, list[Phase]] = field(default_factory=dict)

    def note(self, name: str, phase: Phase) -> None:
        self.phases.setdefault(name, []).append(phase)


class _Meter:
    """Processor time and delivered stanzas from its making on."""

    def __init__(self, host: Host, people: Sequence[Chatter]) -> None:
        self._host, self._people = host, people
        self._cpu_ns, self._frames = host.cpu_ns(), self._delivered()

    def read(self, delays_ms: list[float] | None = None) -> Phase:
        cpu_us = (self._host.cpu_ns() - self._cpu_ns) / 1e3
        return Phase(cpu_us, self._delivered() - self._frames, delays_ms or [])

    def _delivered(self) -> int:
        return sum(each.traffic.frames for each in self._people)


async def run() -> Report:
    report = Report(
        "crowds",
        conditions={
            "rooms": f"{ROOMS} of {ROOM_OF}",
            "one room of": ONE_ROOM,
            "at once": AT_ONCE,
            "rounds": ROUNDS,
        },
    )
    machine = Machine.now()
    async with running(SETTINGS) as server, prosody.running() as peer:
        report.conditions["prosody"] = peer.version
        ours = Host(
            "Tertulia",
            lambda http, room: Chatter(http, server.websocket_url, domain=server.domain, room=room),
            lambda: server.cost(with_bridge=False).control_ns,
        )
        theirs = Host(
            "Prosody",
            lambda http, room: Chatter(
                http, peer.websocket_url, domain="localhost", room=room, with_focus=False
            ),
            peer.cpu_ns,
        )
        for number in range(ROUNDS):
            for host in (ours, theirs) if number % 2 == 0 else (theirs, ours):
                await _hundred_rooms(host, number)
                await _one_room(host, number)
    report.conditions["machine busy"] = round(Machine.now().busy_share_since(machine), 2)
    _tell(report, ours, theirs)
    return report


async def _hundred_rooms(host: Host, number: int) -> None:
    async with connections() as http:
        people = [
            host.make(http, f"crowd{number}x{room}")
            for room in range(ROOMS)
            for _ in range(ROOM_OF)
        ]
        meter = _Meter(host, people)
        await _join(people)
        await _all(each.until_knows(ROOM_OF - 1) for each in people)
        host.note("100 rooms: join", meter.read([_took_ms(each) for each in people]))
        host.note("100 rooms: chat", await _chat(host, people, LINES, LINES_PER_S, ROOM_OF))
        await _leave(host, "100 rooms: leave", people)


async def _one_room(host: Host, number: int) -> None:
    async with connections() as http:
        people = [host.make(http, f"hall{number}") for _ in range(ONE_ROOM)]
        await _join(people[:100])
        await _all(each.until_knows(99) for each in people[:100])
        lines = await _chat(host, people[:100], ROOM_LINES, ROOM_LINES_PER_S, 100)
        host.note("room of 100: chat", lines)
        meter = _Meter(host, people)
        await _join(people[100:200])
        await _all(each.until_knows(199) for each in people[:200])
        host.note("100 -> 200 people: join", meter.read())
        known_ms = []
        for place in range(200, 200 + PROBES):
            began = time.monotonic()
            await _join(people[place : place + 1])
            await _all(each.until_knows(place) for each in people[: place + 1])
            known_ms.append((time.monotonic() - began) * 1000)
        host.note("join to a room of 200", Phase(0.0, 1, known_ms))
        await _join(people[200 + PROBES :])
        await _all(each.until_knows(ONE_ROOM - 1) for each in people)
        lines = await _chat(host, people, ROOM_LINES, ROOM_LINES_PER_S, ONE_ROOM)
        host.note("room of 300: chat", lines)
        await _leave(host, "room of 300: leave", people)


async def _join(people: Sequence[Chatter]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def arrive(one: Chatter) -> None:
        async with slots:
            await one.join()

    await _all(arrive(each) for each in people)


async def _chat(
    host: Host, people: Sequence[Chatter], lines: int, per_s: float, room_of: int
) -> Phase:
    """`lines` lines, `per_s` a second, by everybody in turn, until all have heard all of theirs."""
    before = [len(each.delays_ms) for each in people]
    said = [0] * (len(people) // room_of)
    meter = _Meter(host, people)
    began = time.monotonic()
    for line in range(lines):
        room = line % len(said)
        speaker = people[room * room_of + (line // len(said)) % room_of]
        said[room] += 1
        await asyncio.sleep(max(0.0, began + line / per_s - time.monotonic()))
        await speaker.say()
    await _all(
        each.until_heard(before[place] + said[place // room_of])
        for place, each in enumerate(people)
    )
    heard = [
        delay
        for each, known in zip(people, before, strict=True)
        for delay in each.delays_ms[known:]
    ]
    return meter.read(heard)


async def _leave(host: Host, name: str, people: Sequence[Chatter]) -> None:
    meter = _Meter(host, people)
    await _all(each.leave() for each in people)
    await _all(each.until_left() for each in people)
    host.note(name, meter.read())
    await _all(each.close() for each in people)


async def _all(doings: Iterable[Awaitable[object]]) -> None:
    async with asyncio.timeout(PHASE_WITHIN_S):
        await asyncio.gather(*doings)


def _took_ms(one: Chatter) -> float:
    return (one.at.present - one.at.began) * 1000


def _tell(report: Report, ours: Host, theirs: Host) -> None:
    goals = {"room of 100: chat": "<= 2, <= 1"}
    for name, mine in ours.phases.items():
        other = theirs.phases[name]
        if name == "join to a room of 200":
            for host, phases in ((ours, mine), (theirs, other)):
                waits = [wait for phase in phases for wait in phase.delays_ms]
                report.add_samples(
                    f"{host.name}: {name}, all know all", waits, "ms", "<= 2000, <= 1000"
                )
            continue
        for host, phases in ((ours, mine), (theirs, other)):
            costs = [phase.us_per_stanza for phase in phases]
            report.add_samples(f"{host.name}: {name}, CPU per stanza", costs, "us", tail=False)
            delays = [delay for phase in phases for delay in phase.delays_ms]
            if delays:
                report.add(f"{host.name}: {name}, p99", percentile(delays, 0.99), "ms")
            report.add(f"{host.name}: {name}, stanzas", median([p.stanzas for p in phases]), "")
        ratios = [a.us_per_stanza / b.us_per_stanza for a, b in zip(mine, other, strict=True)]
        report.add_samples(
            f"{name}: Tertulia / Prosody", ratios, "", goals.get(name, ""), tail=False
        )
    report.notes += [
        "p99 is connect -> list complete under join, said -> heard under chat; the clients of both"
        " share one Python process, whose queueing is in it",
        "Tertulia also answers the conference request, TURN and two discovery requests per join,"
        " which Prosody is not asked; what it delivers includes the focus",
    ]
