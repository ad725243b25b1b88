"""A link with the faults of real networks, between two TUN interfaces.

`python link.py` is a process of its own: it holds one tunnel interface in each of two network
namespaces (handed over as open descriptors) and carries IP packets between them. Each direction has
its own `Path`, whose numbers may be changed while it runs, by one line of JSON on standard input:

    {"down": {"rate_bps": 500000, "loss": 0.05}, "up": {}}

"down" is from the first interface to the second. A direction that is not named stays as it is, one
that is named is replaced. {"ports": 1000} makes the link a NAT that shows each UDP port of the far
side as one 1000 higher; another number is a rebinding. Each line is answered by one line with the
packets and bytes so far.
`Link` is the other side: it makes the interfaces, starts the process and speaks with it.
"""

from __future__ import annotations

import argparse
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path as File
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.network.namespaces import Namespace

_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_LARGEST_PACKET = 65_536
_PRIORITY = 10  # of SCHED_FIFO: the link must be on time on a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What one direction of the link does to packets; the defaults are a perfect cable."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0  # each packet takes up to this much more, evenly spread
    keeps_order: bool = True  # a packet waits for a slower one before it; False: jitter overtakes
    reorder: float = 0.0  # this part of the packets is overtaken: held for `reorder_ms` more
    reorder_ms: float = 20.0
    loss: float = 0.0  # each packet for itself
    # Gilbert-Elliott: all is lost in the bad state; chances per packet of going there and back.
    burst_enter: float = 0.0
    burst_leave: float = 1.0
    duplicate: float = 0.0
    rate_bps: float = 0.0  # of whole IP packets; 0: no limit
    queue_ms: float = 300.0  # what would wait longer for the rate is dropped
    cut: bool = False  # nothing passes

    def __post_init__(self) -> None:
        shares = (self.reorder, self.loss, self.burst_enter, self.burst_leave, self.duplicate)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"a chance is between 0 and 1: {self}")
        if min(self.delay_ms, self.jitter_ms, self.reorder_ms, self.rate_bps, self.queue_ms) < 0:
            raise ValueError(f"delays and rates are not negative: {self}")


@dataclass(slots=True)
class Counts:
    """What went into one direction and what became of it."""

    packets: int = 0
    bytes: int = 0
    delivered: int = 0
    delivered_bytes: int = 0
    lost: int = 0  # by chance
    dropped: int = 0  # because the queue was full
    worst_late_ms: float = 0.0  # delivered this much after its time: the emulator's own error


@dataclass(slots=True)
class Direction:
    """One direction: packets in with the time, packets out when they are due. No I/O."""

    path: Path = field(default_factory=Path)
    chance: Callable[[], float] = random.random
    counts: Counts = field(default_factory=Counts)
    _is_bad: bool = False
    _free_at: float = 0.0  # when the last packet has left for the wire
    _last_due: float = 0.0
    _order: Any = field(default_factory=itertools.count)
    _waiting: list[tuple[float, int, bytes]] = field(default_factory=list)

    def accept(self, packet: bytes, now: float) -> None:
        """Take one packet at the time `now` in seconds."""
        self.counts.packets += 1
        self.counts.bytes += len(packet)
        if self._loses():
            self.counts.lost += 1
            return
        leaves = now
        if self.path.rate_bps:
            start = max(now, self._free_at)
            if (start - now) * 1000 > self.path.queue_ms:
                self.counts.dropped += 1
                return
            leaves = self._free_at = start + len(packet) * 8 / self.path.rate_bps
        for _ in range(2 if self._happens(self.path.duplicate) else 1):
            heapq.heappush(self._waiting, (self._due(leaves), next(self._order), packet))

    def due(self, now: float) -> list[bytes]:
        """The packets that arrive by now, in order of arrival."""
        arrived = []
        while self._waiting and self._waiting[0][0] <= now:
            at, _, packet = heapq.heappop(self._waiting)
            self.counts.delivered += 1
            self.counts.delivered_bytes += len(packet)
            self.counts.worst_late_ms = max(self.counts.worst_late_ms, (now - at) * 1000)
            arrived.append(packet)
        return arrived

    def next_due(self) -> float | None:
        """When the next packet arrives, if one is under way."""
        return self._waiting[0][0] if self._waiting else None

    def _due(self, leaves: float) -> float:
        path = self.path
        at = leaves + path.delay_ms / 1000
        if path.jitter_ms:
            at += self.chance() * path.jitter_ms / 1000
        if self._happens(path.reorder):
            return at + path.reorder_ms / 1000
        if path.keeps_order:
            at = self._last_due = max(at, self._last_due)
        return at

    def _loses(self) -> bool:
        path = self.path
        if path.cut:
            return True
        if path.burst_enter:
            turns = path.burst_leave if self._is_bad else path.burst_enter
            if self.chance() < turns:
                self._is_bad = not self._is_bad
            if self._is_bad:
                return True
        return self._happens(path.loss)

    def _happens(self, share: float) -> bool:
        return share > 0 and self.chance() < share


@dataclass(slots=True)
class Nat:
    """Shows UDP ports of the far side moved by `shift`; forgets what it showed before (IPv4)."""

    shift: int = 0
    _inside: set[bytes] = field(default_factory=set)

    def outwards(self, packet: bytes) -> bytes | None:
        """A packet of the far side, as the near side sees it."""
        return self._moved(packet, 0, self.shift)

    def inwards(self, packet: bytes) -> bytes | None:
        """A packet for the far side, as that sees it; None for a port that is not open."""
        return self._moved(packet, 2, -self.shift)

    def _moved(self, packet: bytes, offset: int, shift: int) -> bytes | None:
        if not self.shift or packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_UDP:
            return packet
        header = 4 * (packet[0] & 15)
        at = header + offset
        port = packet[at : at + 2]
        moved = ((int.from_bytes(port, "big") + shift) % 65536).to_bytes(2, "big")
        if shift > 0:
            self._inside.add(port)
        elif moved not in self._inside:
            return None
        # A checksum of zero is none (RFC 768).
        checksum = header + 6
        return packet[:at] + moved + packet[at + 2 : checksum] + b"\0\0" + packet[checksum + 2 :]


class Link:
    """A running emulator between two namespaces; None stands for the one we are in."""

    def __init__(
        self,
        near: Namespace | None,
        far: Namespace | None,
        *,
        near_address: str,
        far_address: str,
        mtu: int = 1500,
    ) -> None:
        """Both addresses are of a point-to-point link; the interfaces end with the process."""
        from tests.network.namespaces import DIE_WITH_PARENT

        names = (f"tl{os.getpid() % 100_000}n{id(self) % 9973}", "up0")
        ends = [open_tun(near, names[0]), open_tun(far, names[1])]
        try:
            _configure(near, names[0], near_address, far_address, mtu)
            _configure(far, names[1], far_address, near_address, mtu)
            if far is not None:
                family = "-6" if ":" in near_address else "-4"
                far.call("ip", family, "route", "add", "default", "dev", names[1])
            self.interface = names[0]
            self.far_interface = names[1]
            self._process = subprocess.Popen(
                [*DIE_WITH_PARENT, sys.executable, "-S", "-E", __file__, *map(str, ends)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
                pass_fds=ends,
            )
        finally:
            for end in ends:
                os.close(end)
        self.set()

    def set(
        self, *, down: Path | None = None, up: Path | None = None, ports: int | None = None
    ) -> dict[str, Counts]:
        """Change directions, or the ports the far side is seen with; return what has passed so far.

        The counts come by "down" and "up".
        """
        paths = {"down": down, "up": up}
        wish: dict[str, Any] = {
            name: asdict(path) for name, path in paths.items() if path is not None
        }
        line = json.dumps(wish if ports is None else {**wish, "ports": ports})
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the link ended with status {self._process.wait()}")
        return {name: Counts(**counts) for name, counts in json.loads(answer).items()}

    def counts(self) -> dict[str, Counts]:
        return self.set()

    def close(self) -> None:
        """End the process, and with it the interfaces; idempotent."""
        if self._process.poll() is None:
            self._process.communicate(timeout=10)

    def __enter__(self) -> Link:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_tun(namespace: Namespace | None, name: str) -> int:
    """Make a TUN interface in a namespace; it exists as long as the descriptor is open."""
    from tests.network.namespaces import entered

    with entered(namespace):
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        request = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
        fcntl.ioctl(descriptor, _TUNSETIFF, request)
    return descriptor


def _configure(namespace: Namespace | None, name: str, address: str, peer: str, mtu: int) -> None:
    address_of = ["ip", "address", "add", address, "peer", peer, "dev", name]
    # The waiting is done by `Direction`; the interface itself has to hold what comes at once.
    up = ["ip", "link", "set", name, "mtu", str(mtu), "txqueuelen", "5000", "up"]
    commands = [address_of, up]
    if ":" in address:
        # Nobody else is on the link who could have the same address; the way to the other end is
        # kept only from when the interface is up.
        commands = [
            up,
            [*address_of, "nodad"],
            ["ip", "-6", "route", "replace", peer, "dev", name],
        ]
    for command in commands:
        if namespace is None:
            subprocess.run(command, check=True, capture_output=True, timeout=10)
        else:
            namespace.call(*command)


def carry(near: int, far: int) -> None:
    """Carry packets between two interfaces until standard input closes."""
    down, up, nat = Direction(), Direction(), Nat()
    wires = {near: (down, far, nat.inwards), far: (up, near, nat.outwards)}
    while True:
        due = [at for at in (down.next_due(), up.next_due()) if at is not None]
        wait = max(0.0, min(due) - time.monotonic()) if due else None
        readable, _, _ = select.select([near, far, sys.stdin], [], [], wait)
        if sys.stdin in readable:
            line = sys.stdin.readline()
            if not line:
                return
            _obey(json.loads(line), down, up, nat)
        now = time.monotonic()
        for end, (direction, out, translate) in wires.items():
            if end in readable:
                for packet in _packets(end):
                    direction.accept(packet, now)
            for packet in direction.due(time.monotonic()):
                translated = translate(packet)
                if translated is not None:
                    _write(out, translated)


def _obey(wish: dict[str, Any], down: Direction, up: Direction, nat: Nat) -> None:
    if "ports" in wish:
        nat.shift = wish["ports"]
    for name, direction in (("down", down), ("up", up)):
        if name in wish:
            direction.path = Path(**wish[name])
    counts = {"down": asdict(down.counts), "up": asdict(up.counts)}
    print(json.dumps(counts), flush=True)


def _packets(end: int) -> list[bytes]:
    packets = []
    try:
        while len(packets) < 64:
            packets.append(os.read(end, _LARGEST_PACKET))
    except BlockingIOError:
        pass
    return packets


def _write(end: int, packet: bytes) -> None:
    # An interface that is down, or a packet larger than its MTU: what a wire does then is lose it.
    try:
        os.write(end, packet)
    except OSError:
        return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("near", type=int, help="descriptor of the first interface")
    parser.add_argument("far", type=int, help="descriptor of the second interface")
    arguments = parser.parse_args()
    # Without the right to it the link works all the same, less punctually.
    if hasattr(os, "sched_setscheduler"):
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
        except PermissionError:
            print("no real-time priority", file=sys.stderr)
    carry(arguments.near, arguments.far)


if __name__ == "__main__":
    # Started as a file, `sys.path` would begin with this folder and hide modules of other names.
    sys.path[0] = str(File(__file__).resolve().parents[2])
    main()
