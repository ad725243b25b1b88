"""The link emulator does what it says: rules on a made-up clock, process on a real one."""

from __future__ import annotations

import math
import random
import socket
import statistics
import struct
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path as File

import pytest
from tests.network.link import Counts, Direction, Link, Path
from tests.network.namespaces import Namespace, are_possible, connect, entered

needs_root = pytest.mark.skipif(not are_possible(), reason="needs root and /dev/net/tun")
PACKET = bytes(1000)
SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python does not name it


def arrivals(path: Path, gap_s: float, count: int) -> tuple[list[tuple[float, int]], Counts]:
    """Send numbered packets at even distances; return (time taken in s, number) by arrival."""
    direction = Direction(path=path, chance=random.Random(7).random)
    seen: list[tuple[float, int]] = []
    sent = [number * gap_s for number in range(count)]

    def collect(until: float) -> None:
        while (at := direction.next_due()) is not None and at <= until:
            for packet in direction.due(at):
                number = int.from_bytes(packet[:4], "big")
                seen.append((at - sent[number], number))

    for number, now in enumerate(sent):
        collect(now)
        direction.accept(number.to_bytes(4, "big") + PACKET[4:], now)
    collect(math.inf)
    return seen, direction.counts


def within_binomial(hits: int, trials: int, share: float) -> bool:
    """Within four standard deviations: right 99.99 % of the time, and the seed is fixed."""
    return abs(hits - trials * share) <= 4 * math.sqrt(trials * share * (1 - share))


def test_perfect_cable_changes_nothing() -> None:
    seen, _ = arrivals(Path(), gap_s=0.001, count=100)

    assert seen == [(0.0, number) for number in range(100)]


def test_delay_and_jitter_have_their_mean_and_deviation() -> None:
    seen, _ = arrivals(Path(delay_ms=40, jitter_ms=30), gap_s=0.05, count=4000)

    taken = [at * 1000 for at, _ in seen]
    assert statistics.mean(taken) == pytest.approx(55, abs=0.6)
    assert statistics.stdev(taken) == pytest.approx(30 / math.sqrt(12), rel=0.03)
    assert min(taken) >= 40
    assert max(taken) <= 70


def test_jitter_keeps_order_unless_told_otherwise() -> None:
    ordered, _ = arrivals(Path(jitter_ms=30), gap_s=0.005, count=1000)
    mixed, _ = arrivals(Path(jitter_ms=30, keeps_order=False), gap_s=0.005, count=1000)

    assert [number for _, number in ordered] == list(range(1000))
    assert [number for _, number in mixed] != list(range(1000))


def test_loss_is_as_frequent_as_asked_for() -> None:
    for loss in (0.01, 0.05, 0.15):
        _, counts = arrivals(Path(loss=loss), gap_s=0.001, count=20_000)

        assert within_binomial(counts.lost, 20_000, loss)
        assert counts.delivered == 20_000 - counts.lost


def test_bursts_have_their_share_and_their_length() -> None:
    path = Path(burst_enter=0.01, burst_leave=0.2)
    seen, counts = arrivals(path, gap_s=0.001, count=50_000)

    present = {number for _, number in seen}
    bursts = sum(
        number not in present and (number == 0 or number - 1 in present) for number in range(50_000)
    )
    assert counts.lost / 50_000 == pytest.approx(0.01 / (0.01 + 0.2), rel=0.1)
    assert counts.lost / bursts == pytest.approx(1 / 0.2, rel=0.1)


def test_reordered_and_doubled_packets_are_as_frequent_as_asked_for() -> None:
    seen, _ = arrivals(Path(delay_ms=5, reorder=0.05), gap_s=0.005, count=10_000)
    doubled, _ = arrivals(Path(duplicate=0.02), gap_s=0.005, count=10_000)

    late = sum(taken > 0.006 for taken, _ in seen)
    assert within_binomial(late, 10_000, 0.05)
    assert [number for _, number in seen] != list(range(10_000))
    assert within_binomial(len(doubled) - 10_000, 10_000, 0.02)


def test_rate_is_kept_and_what_waits_too_long_is_dropped() -> None:
    # 1000 bytes each ms are 8 Mbit/s into a link of 2.
    seen, counts = arrivals(Path(rate_bps=2_000_000, queue_ms=100), gap_s=0.001, count=5000)

    assert counts.delivered * 8000 / 5.0 == pytest.approx(2_000_000, rel=0.05)
    assert max(taken for taken, _ in seen) == pytest.approx(0.104, abs=0.001)
    assert counts.dropped == 5000 - counts.delivered


def test_cut_link_carries_nothing() -> None:
    seen, counts = arrivals(Path(cut=True), gap_s=0.001, count=10)

    assert (seen, counts.lost) == ([], 10)


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Path(loss=1.5)
    with pytest.raises(ValueError, match="not negative"):
        Path(delay_ms=-1)


def measure(
    near: Namespace, far: Namespace, count: int, gap_s: float
) -> tuple[list[float], list[float]]:
    """Send stamped datagrams to the far end; return ms taken and ms since the one before."""
    with entered(far):
        inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        inbox.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        # The kernel stamps arrivals: what is measured is the link, not when we are scheduled.
        inbox.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        inbox.bind(("10.99.7.2", 9000))
    with entered(near):
        outbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken: list[float] = []
    stamps: list[float] = []
    with outbox, inbox:
        start = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, start + number * gap_s - time.monotonic()))
            stamp = struct.pack("!d", time.time())
            outbox.sendto(stamp + bytes(964), ("10.99.7.2", 9000))  # 1000 bytes with headers
        inbox.settimeout(1.0)
        while True:
            try:
                data, ancillary, _, _ = inbox.recvmsg(2000, 100)
            except TimeoutError:
                break
            seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
            arrived = seconds + nanoseconds / 1e9
            taken.append((arrived - struct.unpack("!d", data[:8])[0]) * 1000)
            stamps.append(arrived * 1000)
    return taken, [after - before for before, after in pairwise(stamps)]


@needs_root
def test_running_link_delays_loses_and_limits_as_told() -> None:
    # Neither end is where other programs of this machine might use the link.
    with (
        Namespace() as near,
        Namespace() as far,
        Link(near, far, near_address="10.99.7.1", far_address="10.99.7.2") as link,
    ):
        link.set(down=Path(delay_ms=25, jitter_ms=20, keeps_order=False))
        taken, _ = measure(near, far, count=200, gap_s=0.004)
        link.set(down=Path(loss=0.15))
        survivors, _ = measure(near, far, count=1000, gap_s=0.0005)
        link.set(down=Path(rate_bps=4_000_000, queue_ms=5000))
        limited, apart = measure(near, far, count=300, gap_s=0.0)

    assert len(taken) == 200
    # Twenty even ms over 200 datagrams: the middle one is at 35, give or take 0.8.
    assert statistics.median(taken) == pytest.approx(35, abs=4)
    assert within_binomial(1000 - len(survivors), 1000, 0.15)
    assert len(limited) == 300
    # 8000 bits at 4 Mbit/s. The middle one, for the sender may pause on a busy machine.
    assert statistics.median(apart) == pytest.approx(2.0, rel=0.05)


@needs_root
def test_ports_of_the_far_side_are_moved_and_moved_again() -> None:
    with (
        Namespace() as near,
        Namespace() as far,
        Link(near, far, near_address="10.99.6.1", far_address="10.99.6.2") as link,
    ):
        with entered(far):
            inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            inside.bind(("10.99.6.2", 9000))
        with entered(near):
            outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            outside.bind(("10.99.6.1", 9001))
        with inside, outside:
            inside.settimeout(5)
            outside.settimeout(5)
            for shift in (1000, 2000):
                link.set(ports=shift)
                inside.sendto(b"hello", ("10.99.6.1", 9001))
                _, seen = outside.recvfrom(100)
                assert seen == ("10.99.6.2", 9000 + shift)
            # The old port is closed, the new one open.
            outside.sendto(b"old", ("10.99.6.2", 10_000))
            outside.sendto(b"new", ("10.99.6.2", 11_000))
            assert inside.recv(100) == b"new"


@needs_root
def test_two_namespaces_meet_over_a_pair_of_interfaces() -> None:
    with Namespace() as left, Namespace() as right:
        connect(left, right, "10.98.1")

        with entered(right):
            inbox = socket.create_server(("10.98.1.2", 9000))
        with entered(left):
            outbox = socket.create_connection(("10.98.1.2", 9000), timeout=5)
        with inbox, outbox:
            peer, (address, _) = inbox.accept()
            peer.close()

        assert address == "10.98.1.1"


@needs_root
def test_nothing_is_left_when_the_maker_is_killed() -> None:
    code = """
import sys
from tests.network.link import Link
from tests.network.namespaces import Namespace
far = Namespace()
program = far.start("sleep", "1000")
link = Link(None, far, near_address="10.99.8.1", far_address="10.99.8.2")
print(far.pid, program.pid, link.interface, flush=True)
sys.stdin.read()
"""
    root = File(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as maker:
        assert maker.stdout is not None
        holder, program, interface = maker.stdout.readline().split()
        assert File("/sys/class/net", interface).exists()
        maker.kill()

    deadline = time.monotonic() + 10
    left = [File("/proc", holder), File("/proc", program), File("/sys/class/net", interface)]
    while any(each.exists() and not _is_zombie(each) for each in left):
        assert time.monotonic() < deadline, [str(each) for each in left if each.exists()]
        time.sleep(0.02)


def _is_zombie(process: File) -> bool:
    stat = process / "stat"
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"
