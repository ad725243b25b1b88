"""P13: what a join costs the signalling, with 200 synthetic clients in rooms of ten."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.figures import median
from bench.process import Machine
from bench.report import Report
from bench.server import ONE_ADDRESS, Cost, Server, running
from bench.synthetic import SyntheticClient, connections

CLIENTS = 200
ROOM_OF = 10
AT_ONCE = 10  # joins under way at any moment
ROUNDS = 5
ROUND_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Round:
    """One crowd arriving."""

    joins_per_s: float
    latencies_ms: list[float]  # connect -> session accepted, without the first of each room
    frames_per_join: float
    kib_per_join: float
    own_cpu_ms: float  # of this process, per join


async def run() -> Report:
    report = Report(
        "signalling",
        conditions={
            "clients": CLIENTS,
            "per room": ROOM_OF,
            "at once": AT_ONCE,
            "rounds": ROUNDS,
            "server": "a fresh one each round",
        },
    )
    rounds: list[Round] = []
    costs: list[Cost] = []
    growth: dict[str, list[float]] = {}
    machine = Machine.now()
    for _ in range(ROUNDS):
        async with running(ONE_ADDRESS) as server:
            found, cost, memory = await _round(server)
        rounds.append(found)
        costs.append(cost)
        for process, kib in memory.items():
            growth.setdefault(process, []).append(kib)
    busy = Machine.now().busy_share_since(machine)
    report.conditions["machine busy"] = round(busy, 2)
    latencies = [each for one in rounds for each in one.latencies_ms]
    goal = ">= 50"
    report.add("joins per second", median([r.joins_per_s for r in rounds]), "joins/s", goal)
    control = [cost.control_ns / 1e6 / CLIENTS for cost in costs]
    bridge = [cost.bridge_ns / 1e6 / CLIENTS for cost in costs]
    both = [cost.total_ns / 1e6 / CLIENTS for cost in costs]
    report.add_samples("CPU per join: control", control, "ms", tail=False)
    report.add_samples("CPU per join: bridge", bridge, "ms", tail=False)
    report.add_samples("CPU per join: both", both, "ms", "<= 15, <= 8 (with DTLS)", tail=False)
    report.add_samples("connect -> session accepted", latencies, "ms")
    report.add("frames to the client per join", median([r.frames_per_join for r in rounds]), "")
    report.add("text to the client per join", median([r.kib_per_join for r in rounds]), "KiB")
    report.add("CPU of the clients per join", median([r.own_cpu_ms for r in rounds]), "ms")
    for process, kib in growth.items():
        report.add_samples(f"memory per participant: {process}", kib, "KiB Pss", tail=False)
    report.notes += [
        "all clients come from one address, so the limits per address were raised by configuration",
        "no ICE, DTLS or RTP: the bridge allocates and configures, its handshakes are not included",
        "CPU runs until every client knows all sources and all presences of its room",
    ]
    return report


async def _round(server: Server) -> tuple[Round, Cost, dict[str, float]]:
    """One crowd at a fresh server: what it saw, the CPU it cost, KiB per client by process."""

    def client(room: int) -> Callable[..., SyntheticClient]:
        return lambda http: SyntheticClient(
            http, server.websocket_url, domain=server.domain, room=f"bench{room}"
        )

    empty, before = server.pss_mib(), server.cost()
    after: list[Cost] = []
    full: dict[str, float] = {}

    def at_rest() -> None:
        after.append(server.cost())
        full.update(server.pss_mib())

    found = await crowd(client, at_rest=at_rest)
    memory = {name: (full[name] - empty[name]) * 1024 / CLIENTS for name in empty}
    return found, after[0] - before, memory


async def crowd(
    client: Callable[[int], Callable[..., SyntheticClient]],
    *,
    at_rest: Callable[[], object],
    with_sessions: bool = True,
) -> Round:
    """Let `CLIENTS` clients join room by room, `AT_ONCE` at a time; then they all leave.

    Args:
        client: makes a client for the room of this number.
        at_rest: called when nothing is under way any more, before anybody leaves.
    """
    slots = asyncio.Semaphore(AT_ONCE)
    rooms = CLIENTS // ROOM_OF
    async with connections() as http, asyncio.timeout(ROUND_WITHIN_S):
        everybody = [(room, client(room)(http)) for room in range(rooms) for _ in range(ROOM_OF)]
        seated: set[int] = set()

        async def arrive(room: int, one: SyntheticClient) -> None:
            async with slots:
                is_first = room not in seated  # it has no session until the second comes
                seated.add(room)
                await one.join()
                if with_sessions and not is_first:
                    await one.until_accepted()

        cpu, began = time.process_time(), time.monotonic()
        await asyncio.gather(*(arrive(room, one) for room, one in everybody))
        if with_sessions:
            await asyncio.gather(*(one.until_accepted() for _, one in everybody))
        took = time.monotonic() - began
        await asyncio.gather(*(one.until_settled(ROOM_OF - 1) for _, one in everybody))
        at_rest()
        cpu = time.process_time() - cpu
        clients = [one for _, one in everybody]
        await asyncio.gather(*(one.close() for one in clients))
    later = [one for index, one in enumerate(clients) if index % ROOM_OF]
    ends = [(one.at.accepted if with_sessions else one.at.present) for one in later]
    return Round(
        joins_per_s=CLIENTS / took,
        latencies_ms=[(end - one.at.began) * 1000 for end, one in zip(ends, later, strict=True)],
        frames_per_join=sum(one.traffic.frames for one in clients) / CLIENTS,
        kib_per_join=sum(one.traffic.characters for one in clients) / 1024 / CLIENTS,
        own_cpu_ms=cpu * 1000 / CLIENTS,
    )
