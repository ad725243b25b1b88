"""P3, P5, P6 and the large room: our bridge at half a core, among joins, with a hundred people."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from bench import bound, ours
from bench.driven import FAILURES, CaseFailed, Driven, Window, machine_address
from bench.ours import MediaClient
from bench.process import Machine
from bench.report import Report
from bench.server import Server
from bench.synthetic import connections
from bench.traffic import HD, LARGE, Case, evenly
from tertulia._engine import Load

WINDOW_S = 5.0
CORE_SHARE = 0.55
FIRST_RATE = 400
JOINS_PER_S = 30
JOINING_S = 6.0
STALL_CASE = evenly(400, 10)


async def run() -> Report:
    report = Report("pressure", conditions={"window s": WINDOW_S})
    parts: tuple[Callable[[Report], Awaitable[None]], ...] = (_half_a_core, _joins, _large_room)
    for part in parts:
        try:
            await part(report)
        except FAILURES as error:
            report.notes.append(
                f"{part.__name__.strip('_')} failed: {error or 'a deadline passed'}"
            )
    if not report.figures:
        raise CaseFailed("; ".join(report.notes))
    return report


async def _half_a_core(report: Report) -> None:
    """P3 and P5: a rate that takes about 55 % of a core, found from the cost at a lower one."""
    for name, prepared in (("Tertulia", ours.prepared), ("bound", bound.prepared)):
        goals = ("", "")
        if name == "Tertulia":
            goals = (">= 75,000, >= 120,000", "<= 5, <= 3")
        case = evenly(FIRST_RATE)
        async with prepared(case) as driven:
            first = await driven.window(case, WINDOW_S / 2)
        rate = CORE_SHARE / (first.cpu_us / 1e6) / case.fan_out
        case = evenly(rate)
        async with prepared(case) as driven:
            machine = Machine.now()
            window = await driven.window(case, WINDOW_S)
            busy = Machine.now().busy_share_since(machine)
        share = window.cpu_ns / 1e9 / window.seconds
        at_share = window.packets_per_s * CORE_SHARE / share
        where = f"{name}, {share:.0%} of a core"
        report.add(f"{where}: packets forwarded", window.packets_per_s, "packets/s")
        report.add(f"{name}: scaled to 55 % (P3)", at_share, "packets/s", goals[0])
        report.add(f"{where}: added delay p99 (P5)", window.delay_p99_ms, "ms", goals[1])
        report.add(f"{where}: delivered", 100 * window.delivered, "%")
        report.add(f"{where}: machine busy", 100 * busy, "%")


async def _joins(report: Report) -> None:
    """P6: a steady flow while others join rooms of their own, thirty a second."""
    async with ours.serving() as server:
        flow = Load(machine_address())
        crowd = Load(machine_address())
        try:
            async with ours.populated(server, flow, STALL_CASE) as driven:
                calm = await driven.window(STALL_CASE, JOINING_S)
                arriving = asyncio.create_task(_arrive(server, crowd))
                busy = await driven.window(STALL_CASE, JOINING_S)
                joined = await arriving
        finally:
            flow.close()
            crowd.close()
    report.add("flow alone: longest delay", calm.delay_max_ms, "ms")
    report.add(
        f"flow during {joined / JOINING_S:.0f} joins/s: longest delay (P6)",
        busy.delay_max_ms,
        "ms",
        "<= 20, <= 5",
    )
    report.add("flow during joins: delay p99", busy.delay_p99_ms, "ms")
    report.add("flow during joins: delivered", 100 * busy.delivered, "%")


async def _arrive(server: Server, load: Load) -> int:
    """People join in rooms of five at an even pace; how many did within the time."""
    async with connections() as http:
        clients: list[MediaClient] = []
        joining: list[asyncio.Task[None]] = []
        began = time.monotonic()
        for number in range(int(JOINS_PER_S * JOINING_S)):
            ahead = began + number / JOINS_PER_S - time.monotonic()
            await asyncio.sleep(max(0.0, ahead))
            room = 1000 + number // 5
            sends = HD if number % 5 == 0 else None
            one = MediaClient(http, server, load, room=f"crowd{room}", number=room, video=sends)
            clients.append(one)
            joining.append(asyncio.create_task(_join(one)))
        ended = began + JOINING_S
        await asyncio.wait(joining, timeout=max(0.1, ended - time.monotonic()))
        done = sum(one.done() and one.exception() is None for one in joining)
        for task in joining:
            task.cancel()
        await asyncio.gather(*joining, return_exceptions=True)
        await asyncio.gather(*(one.close() for one in clients), return_exceptions=True)
    return done


async def _join(one: MediaClient) -> None:
    await one.join()
    await one.until_accepted()
    await one.watch()


async def _large_room(report: Report) -> None:
    async with ours.prepared(LARGE) as driven:
        machine = Machine.now()
        window = await _steady(driven, LARGE)
        busy = Machine.now().busy_share_since(machine)
    name = "room of 100, last-n 20"
    report.add(f"{name}: streams that flow", 100 * window.heard / LARGE.flows, "%")
    report.add(f"{name}: packets forwarded", window.packets_per_s, "packets/s")
    report.add(f"{name}: CPU per packet", window.cpu_us, "us")
    report.add(f"{name}: bridge", window.cpu_ns / 1e7 / window.seconds, "% of a core")
    for kind, ms in (
        ("p50", window.delay_p50_ms),
        ("p99", window.delay_p99_ms),
        ("max", window.delay_max_ms),
    ):
        report.add(f"{name}: added delay {kind}", ms, "ms")
    report.add(f"{name}: delivered", 100 * window.delivered, "%")
    report.add(f"{name}: machine busy", 100 * busy, "%")


async def _steady(driven: Driven, case: Case) -> Window:
    """A window; who is watched changes at first, so the second one counts."""
    await driven.window(case, WINDOW_S / 2)
    return await driven.window(case, WINDOW_S)
