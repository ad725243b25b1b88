"""P6a, P7, P11, P12, P16: what a participant costs and waits for, beside Janus where it can."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from bench import janus, ours
from bench.driven import FAILURES, CaseFailed, Driven, machine_address
from bench.figures import median
from bench.interleaved import JANUS, JANUS_LOOPS, TERTULIA
from bench.report import Report
from bench.synthetic import connections
from bench.traffic import SD, Case, arrivals
from tertulia._engine import Load

FEW, MANY = 30, 60
ROUNDS = 3
SETTLE_S = 4.0
IDLE_S = 3.0
NEWCOMERS = 60
FIRST_PACKET_WITHIN_S = 10.0
MEETING = Case(
    name="meeting",
    meaning="two people with 360p cameras and microphones, whom others join",
    people=2,
    video=SD,
    video_senders=2,
    audio_senders=2,
    counts=False,
)
_SYSTEMS: dict[str, Callable[[Case], AbstractAsyncContextManager[Driven]]] = {
    TERTULIA: ours.prepared,
    JANUS: janus.prepared,
    JANUS_LOOPS: lambda case: janus.prepared(case, event_loops=2),
}


@dataclass(slots=True)
class Cost:
    """What one crowd cost, and how its handshakes went."""

    join_cpu_ms: float
    idle_ms_per_s: float  # of the whole process
    more_kib: float  # than when nobody was there
    handshakes_ms: list[float] = field(default_factory=list)
    repeated: int = 0


async def run() -> Report:
    report = Report(
        "participants",
        conditions={
            "people": f"{FEW} and {MANY} in rooms of ten",
            "rounds": ROUNDS,
            "settled for s": SETTLE_S,
            "janus": janus.version(),
        },
    )
    found: dict[str, list[tuple[Cost, Cost]]] = {name: [] for name in _SYSTEMS}
    for number in range(ROUNDS):
        for name, prepared in _SYSTEMS.items():
            try:
                few = await _crowd(prepared(arrivals(FEW)), FEW)
                many = await _crowd(prepared(arrivals(MANY)), MANY)
            except FAILURES as error:
                report.notes.append(f"round {number + 1}, {name}: {error or 'a deadline passed'}")
                continue
            found[name].append((few, many))
    for name, pairs in found.items():
        if pairs:
            _add(report, name, pairs)
    try:
        await _first_packets(report)
    except FAILURES as error:
        report.notes.append(f"first packets: {error or 'a deadline passed'}")
    if not report.figures:
        raise CaseFailed("; ".join(report.notes))
    report.notes += [
        "memory and idle CPU per participant are differences between the larger and the smaller"
        " crowd; Janus has one connection per person here, as only one in each room publishes",
        "the CPU of a join is that of the bridge process for us, of everything for Janus",
        "ClientHello records beyond the first (with DTLS 1.2 cookies: the second) are repetitions"
        " after a second without an answer",
    ]
    return report


async def _crowd(context: AbstractAsyncContextManager[Driven], people: int) -> Cost:
    async with context as driven:
        full = driven.full
        if full is None:
            raise CaseFailed("nobody connected")
        peers = driven.load.report()["peers"].values()
        await asyncio.sleep(SETTLE_S)
        idle = await driven.idle_ns_per_s(IDLE_S)
        settled = type(full).now(driven.pid)
    return Cost(
        join_cpu_ms=(full.cpu_ns - driven.empty.cpu_ns) / 1e6 / people,
        idle_ms_per_s=idle / 1e6,
        more_kib=settled.pss_kib - driven.empty.pss_kib,
        handshakes_ms=[(one["dtls_s"] - one["ice_s"]) * 1000 for one in peers],
        repeated=sum(max(0, one["client_hellos"] - 1) for one in peers),
    )


async def _first_packets(report: Report) -> None:
    """P11: from connecting until the first packet of somebody who is sending, one after another."""
    load = Load(machine_address())
    waits: list[float] = []
    steps: dict[str, list[float]] = {"offered": [], "ICE": [], "DTLS": []}
    try:
        async with (
            ours.serving() as server,
            ours.populated(server, load, MEETING) as driven,
            connections() as http,
        ):
            load.start(driven.rooms[0].senders)
            for number in range(NEWCOMERS + 1):
                one = ours.MediaClient(http, server, load, room="load0", number=0)
                await one.join()
                found = await _until_first_packet(load, one)
                began = one.at.began
                if number:  # the first one warms up
                    since_answer = one.answered_at - began
                    waits.append((since_answer + found["first_packet_s"]) * 1000)
                    steps["offered"].append((one.at.offered - began) * 1000)
                    steps["ICE"].append((since_answer + found["ice_s"]) * 1000)
                    steps["DTLS"].append((since_answer + found["dtls_s"]) * 1000)
                await one.close()
    finally:
        load.close()
    report.add_samples(
        "Tertulia: connecting -> first remote packet (P11)", waits, "ms", "<= 300, <= 150"
    )
    for step, samples in steps.items():
        report.add_samples(f"Tertulia: connecting -> {step}", samples, "ms")


async def _until_first_packet(load: Load, one: ours.MediaClient) -> dict[str, Any]:
    async with asyncio.timeout(FIRST_PACKET_WITHIN_S):
        while True:
            found: dict[str, Any] = load.report()["peers"][one.peer.id]
            if found["first_packet_s"] is not None:
                return found
            await asyncio.sleep(0.01)


def _add(report: Report, name: str, pairs: list[tuple[Cost, Cost]]) -> None:
    is_ours = name == TERTULIA
    more = MANY - FEW
    idle = [(many.idle_ms_per_s - few.idle_ms_per_s) / more for few, many in pairs]
    memory = [(many.more_kib - few.more_kib) / more for few, many in pairs]
    joins = [each.join_cpu_ms for pair in pairs for each in pair]
    handshakes = [ms for pair in pairs for each in pair for ms in each.handshakes_ms]
    goal = "<= 0.5, <= 0.2" if is_ours else ""
    report.add_samples(f"{name}: idle CPU per participant (P6a)", idle, "ms/s", goal, tail=False)
    goal = "<= 250, <= 120" if is_ours else ""
    report.add_samples(f"{name}: memory per participant (P7)", memory, "KiB", goal, tail=False)
    goal = "<= 60, <= 30 (p95)" if is_ours else ""
    report.add_samples(f"{name}: ICE connected -> DTLS done (P12)", handshakes, "ms", goal)
    repeated = sum(each.repeated for pair in pairs for each in pair)
    report.add(f"{name}: repeated ClientHellos in {len(handshakes)} joins", repeated, "")
    report.add_samples(f"{name}: CPU per join (P16)", joins, "ms", tail=False)
    report.summary[f"{name}: idle_ms_per_s"] = round(median(idle), 4)
    report.summary[f"{name}: memory_kib"] = round(median(memory), 1)
    report.summary[f"{name}: join_cpu_ms"] = round(median(joins), 2)
