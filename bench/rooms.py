"""Connections and rooms beside Prosody: the part of a join that a plain MUC service does too."""

from __future__ import annotations

from collections.abc import Callable

from bench import prosody
from bench.figures import median
from bench.process import Machine
from bench.report import Report
from bench.server import ONE_ADDRESS, Server, running
from bench.signalling import AT_ONCE, CLIENTS, ROOM_OF, Round, crowd
from bench.synthetic import SyntheticClient

ROUNDS = 5


async def run() -> Report:
    report = Report(
        "rooms",
        conditions={"clients": CLIENTS, "per room": ROOM_OF, "at once": AT_ONCE, "rounds": ROUNDS},
    )
    ours: list[tuple[Round, float]] = []
    theirs: list[tuple[Round, float]] = []
    has_peer = prosody.command() is not None
    machine = Machine.now()
    async with running(ONE_ADDRESS) as server:
        if not has_peer:
            report.notes.append("the package prosody is not installed: no peer was measured")
            for number in range(ROUNDS):
                ours.append(await _ours(server, number))
        else:
            async with prosody.running() as peer:
                report.conditions["prosody"] = peer.version
                for number in range(ROUNDS):  # side by side: this machine drifts
                    ours.append(await _ours(server, number))
                    theirs.append(await _theirs(peer, number))
    report.conditions["machine busy"] = round(Machine.now().busy_share_since(machine), 2)
    _add(report, "Tertulia", ours)
    if theirs:
        _add(report, "Prosody", theirs)
        ratios = [mine[1] / other[1] for mine, other in zip(ours, theirs, strict=True)]
        report.add_samples("CPU per join, Tertulia / Prosody", ratios, "", tail=False)
    report.notes += [
        "the clients say they have no media, so the focus gives them no session",
        "Tertulia also answers the conference request, TURN and two discovery requests per join,"
        " which Prosody is not asked",
    ]
    return report


def _add(report: Report, name: str, rounds: list[tuple[Round, float]]) -> None:
    report.add_samples(f"{name}: CPU per join", [cpu for _, cpu in rounds], "ms", tail=False)
    speed = median([one.joins_per_s for one, _ in rounds])
    report.add(f"{name}: joins per second", speed, "joins/s")
    times = [each for one, _ in rounds for each in one.latencies_ms]
    report.add_samples(f"{name}: connect -> room complete", times, "ms")


async def _ours(server: Server, number: int) -> tuple[Round, float]:
    def client(room: int) -> Callable[..., SyntheticClient]:
        return lambda http: SyntheticClient(
            http,
            server.websocket_url,
            domain=server.domain,
            room=f"rooms{number}x{room}",
            with_media=False,
        )

    return await _measured(client, lambda: server.cost().control_ns)


async def _theirs(peer: prosody.Prosody, number: int) -> tuple[Round, float]:
    def client(room: int) -> Callable[..., SyntheticClient]:
        return lambda http: SyntheticClient(
            http,
            peer.websocket_url,
            domain="localhost",
            room=f"rooms{number}x{room}",
            with_focus=False,
            with_media=False,
        )

    return await _measured(client, peer.cpu_ns)


async def _measured(
    client: Callable[[int], Callable[..., SyntheticClient]], cpu_ns: Callable[[], int]
) -> tuple[Round, float]:
    """The round and its CPU time in ms per join."""
    before = cpu_ns()
    after: list[int] = []
    found = await crowd(client, at_rest=lambda: after.append(cpu_ns()), with_sessions=False)
    return found, (after[0] - before) / 1e6 / CLIENTS
