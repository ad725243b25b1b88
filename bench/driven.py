"""A system under load: its process, the generator's peers in it, and one stretch of measuring."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.process import cpu_ns, pss_kib
from bench.server import ServerFailed
from bench.synthetic import SyntheticError
from bench.traffic import Case
from tertulia._engine import Load, LoadPeer

POLL_US = 2_000  # how often receivers look at their sockets: nobody is woken for a packet
FLOWING_WITHIN_S = 20.0
SETTLE_S = 0.4
WHOLE_OVER_S = 0.3
UNDERWAY_S = 0.05  # for what was sent within the window
DELIVERED = 0.999
FLOWED = 0.98  # a stream that fell silent leaves no numbers out


class CaseFailed(Exception):
    """The system did not do what the case needs; the message says what."""


# What may go wrong with a system while it is measured.
FAILURES = (CaseFailed, ServerFailed, SyntheticError, TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Room:
    senders: list[LoadPeer]
    people: list[LoadPeer]


@dataclass(frozen=True, slots=True)
class Window:
    """What one stretch of time with media showed."""

    seconds: float
    cpu_ns: int  # of the system's process
    own_cpu_ns: int  # of the generator's thread
    sent: int
    received: int
    expected: int  # by the numbers that were left out
    offered: int  # sent times receivers; the edges of the window blur it a little
    heard: int  # streams times receivers that flowed
    misnumbered: int
    strangers: int
    delay_p50_ms: float
    delay_p99_ms: float
    delay_max_ms: float

    @property
    def delivered(self) -> float:
        return self.received / max(1, self.expected)

    @property
    def is_void(self) -> bool:
        # More than was sent is a queue from before: then the machine was too busy.
        flowed = FLOWED * self.offered <= self.received <= self.offered / FLOWED
        return self.delivered < DELIVERED or not flowed or self.strangers > 0

    @property
    def cpu_us(self) -> float:
        """CPU per packet that reached a receiver."""
        return self.cpu_ns / 1e3 / max(1, self.received)

    @property
    def packets_per_s(self) -> float:
        return self.received / self.seconds

    def net_cpu_us(self, idle_ns_per_s: float) -> float:
        return (self.cpu_ns - idle_ns_per_s * self.seconds) / 1e3 / max(1, self.received)


@dataclass(frozen=True, slots=True)
class Standing:
    """The system's process at one moment."""

    at: float
    cpu_ns: int
    pss_kib: int

    @classmethod
    def now(cls, pid: int) -> Standing:
        return cls(time.monotonic(), cpu_ns(pid), pss_kib(pid))


@dataclass(slots=True)
class Driven:
    """One system with everybody connected."""

    name: str
    load: Load
    pid: int
    rooms: Sequence[Room]
    empty: Standing  # before anybody came
    full: Standing | None = None  # when everybody was connected

    def peers(self) -> list[LoadPeer]:
        return [peer for room in self.rooms for peer in room.people]

    async def until_connected(self, within_s: float) -> dict[int, dict[str, Any]]:
        """Wait until ICE and DTLS of every peer are done; what each peer reports."""
        deadline = time.monotonic() + within_s
        while True:
            peers: dict[int, dict[str, Any]] = self.load.report()["peers"]
            waiting = [one for one in peers.values() if one["dtls_s"] is None]
            if not waiting:
                self.full = Standing.now(self.pid)
                return peers
            if time.monotonic() > deadline:
                raise CaseFailed(f"{self.name}: {len(waiting)} of {len(peers)} did not connect")
            await asyncio.sleep(0.05)

    async def window(self, case: Case, seconds: float) -> Window:
        """Send, wait until everything flows, and measure. Raises: CaseFailed."""
        load = self.load
        load.poll_every(POLL_US)
        load.reset()
        load.start([peer for room in self.rooms for peer in room.senders])
        try:
            await self._until_flowing(case)
            await asyncio.sleep(SETTLE_S)
            load.reset()
            own, began, cpu = load.report()["cpu_ns"], time.monotonic(), cpu_ns(self.pid)
            await asyncio.sleep(seconds)
            used, took = cpu_ns(self.pid) - cpu, time.monotonic() - began
            load.stop()
            await asyncio.sleep(UNDERWAY_S)
            found = load.report()
        finally:
            load.stop()
            load.poll_every(0)
        return Window(
            seconds=took,
            cpu_ns=used,
            own_cpu_ns=found["cpu_ns"] - own,
            sent=found["sent"],
            received=found["received"],
            expected=found["received"] + max(0, found["missing"] - found["late"]),
            offered=found["sent"] * case.fan_out or found["received"],
            heard=sum(one["streams_heard"] for one in found["peers"].values()),
            misnumbered=found["misnumbered"],
            strangers=found["strangers"],
            delay_p50_ms=found["delay_p50_ns"] / 1e6,
            delay_p99_ms=found["delay_p99_ns"] / 1e6,
            delay_max_ms=found["delay_max_ns"] / 1e6,
        )

    async def _until_flowing(self, case: Case) -> None:
        deadline = time.monotonic() + FLOWING_WITHIN_S
        while True:
            peers = self.load.report()["peers"]
            heard = sum(one["streams_heard"] for one in peers.values())
            if heard >= case.flows:
                await self._until_whole(case, deadline)
                return
            if time.monotonic() > deadline:
                if case.last_n >= 0:  # who is watched may still change: measured as it is
                    return
                raise CaseFailed(f"{self.name}: {heard} of {case.flows} streams flow")
            await asyncio.sleep(0.05)

    async def _until_whole(self, case: Case, deadline: float) -> None:
        """Wait until every stream flows to everybody: a bridge that measures what receivers can
        take begins with few streams and adds the others within seconds. Whatever flows at the
        deadline is measured, and the window tells what was left out."""
        if case.fan_out == 0:
            return
        before = self.load.report()
        while time.monotonic() < deadline:
            await asyncio.sleep(WHOLE_OVER_S)
            now = self.load.report()
            offered = (now["sent"] - before["sent"]) * case.fan_out
            if now["received"] - before["received"] >= FLOWED * offered > 0:
                return
            before = now

    async def idle_ns_per_s(self, seconds: float) -> float:
        """CPU of the system while nothing is sent."""
        began, cpu = time.monotonic(), cpu_ns(self.pid)
        await asyncio.sleep(seconds)
        return (cpu_ns(self.pid) - cpu) / (time.monotonic() - began)


def machine_address() -> str:
    """The address traffic leaves by; Janus's ICE library will not use loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))  # sends nothing (RFC 5737)
        except OSError:
            return "127.0.0.1"
        return str(one.getsockname()[0])
