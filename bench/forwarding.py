"""The first cost of a forwarded packet: CPU of the bridge process with three Chromium people."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.browser.people import CAMERA_FPS, Person

from bench import udp_floor
from bench.browser import browsers, clocked, leave, traffic
from bench.process import Machine, cpu_ns
from bench.report import Report
from bench.server import Server, ServerFailed, running

PEOPLE = 3
WINDOW_S = 20.0
ROUNDS = 5
FLOOR_S = 4.0


@dataclass(frozen=True, slots=True)
class Window:
    """What the bridge used and what the receivers got in one stretch of time."""

    seconds: float
    cpu_ns: int
    received: int  # first copies
    repeated: int  # by RTX: repairs, and the bridge's probes for bandwidth
    lost: int

    @property
    def cpu_share(self) -> float:
        return self.cpu_ns / 1e9 / self.seconds

    @property
    def packets_per_s(self) -> float:
        return self.received / self.seconds


async def run() -> Report:
    report = Report(
        "forwarding",
        conditions={
            "people": PEOPLE,
            "camera": f"{CAMERA_FPS} frames/s, generated",
            "window s": WINDOW_S,
            "rounds": ROUNDS,
        },
    )
    machine = Machine.now()
    async with running({"TERTULIA_P2P_ENABLED": "false"}) as server, browsers() as browser:
        empty = await _window(server, [])
        people = [await clocked(browser, f"person{number}") for number in range(PEOPLE)]
        for one in people:
            await one.open_directly(server.url, "forwarding")
        await asyncio.gather(*(one.until_seeing_and_hearing(PEOPLE - 1) for one in people))
        windows, floors = [], []
        for _ in range(ROUNDS):
            windows.append(await _window(server, people))
            rate = windows[-1].packets_per_s / (PEOPLE - 1)
            floors.append(await asyncio.to_thread(udp_floor.relay, PEOPLE - 1, rate, FLOOR_S))
        await leave(people)
    async with running() as server, browsers() as browser:
        pair = [await clocked(browser, f"person{number}") for number in range(2)]
        for one in pair:
            await one.open_directly(server.url, "standing-by")
        await asyncio.gather(*(one.until_transport("p2p") for one in pair))
        await asyncio.gather(*(one.until_seeing(1) for one in pair))
        standing_by = await _window(server, pair)
        await leave(pair)
    report.conditions["machine busy"] = round(Machine.now().busy_share_since(machine), 2)

    whole = [window.cpu_ns / 1e3 / window.received for window in windows]
    idle_ns = [empty.cpu_share * 1e9 * window.seconds for window in windows]
    net = [
        (window.cpu_ns - idle) / 1e3 / window.received
        for window, idle in zip(windows, idle_ns, strict=True)
    ]
    report.add_samples("CPU per forwarded packet", whole, "us", tail=False)
    report.add_samples("the same, less the idle bridge", net, "us", tail=False)
    rates = [window.packets_per_s for window in windows]
    report.add_samples("packets received by all", rates, "packets/s", tail=False)
    shares = [window.cpu_share * 100 for window in windows]
    report.add_samples("bridge, three people with media", shares, "% of a core", tail=False)
    repeated = sum(window.repeated for window in windows)
    report.add(
        "repeated packets (RTX) beside them", 100 * repeated / sum(w.received for w in windows), "%"
    )
    lost = sum(window.lost for window in windows)
    report.add("lost packets", 100 * lost / sum(w.received + w.lost for w in windows), "%")
    report.add("bridge, nobody there", empty.cpu_share * 100, "% of a core")
    report.add("bridge, two on P2P", standing_by.cpu_share * 100, "% of a core")
    probes = standing_by.repeated / standing_by.seconds
    report.add("bridge, two on P2P: repeated packets sent to them", probes, "packets/s")
    more = (standing_by.cpu_share - empty.cpu_share) * 1000 / len(pair)
    report.add("connected without media, per person (P6a)", more, "ms per s", "<= 0.5, <= 0.2")
    report.add_samples(
        "floor: Python relay, no crypto, same rate and receivers", floors, "us", tail=False
    )
    ratios = [cpu / floor for cpu, floor in zip(whole, floors, strict=True)]
    report.add_samples("forwarded packet / relayed datagram", ratios, "", tail=False)
    report.add_samples(
        "floor: sendto in a hot loop",
        [udp_floor.hot(PEOPLE - 1) for _ in range(ROUNDS)],
        "us",
        tail=False,
    )
    report.notes += [
        "packets are counted by the receivers (getStats), without repeated ones; those, RTCP, STUN"
        " and the bridge's own XMPP connection are in the CPU time but not in the count",
        "the floors carry 1,100-byte datagrams on loopback, the meeting mostly small ones",
    ]
    return report


async def _window(server: Server, people: Sequence[Person]) -> Window:
    pid = server.bridge_pid
    before, began, cpu = await traffic(people), time.monotonic(), cpu_ns(pid)
    await asyncio.sleep(WINDOW_S)
    if server.bridge_pid != pid:
        raise ServerFailed("the bridge was started anew within a window: the figures are void")
    used, took, after = cpu_ns(pid) - cpu, time.monotonic() - began, await traffic(people)
    more = {key: after.get(key, 0) - before.get(key, 0) for key in ("received", "repeated", "lost")}
    return Window(
        seconds=took,
        cpu_ns=used,
        received=more["received"] - more["repeated"],
        repeated=more["repeated"],
        lost=more["lost"],
    )
