"""The floor under forwarding: what this machine takes for UDP datagrams alone, in Python."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from bench.process import cpu_ns

PAYLOAD_BYTES = 1_100
_HOT_DATAGRAMS = 20_000


def hot(ports: int) -> float:
    """CPU in us of one `sendto` to one of `ports` sockets in turn, back to back.

    The receivers' queues fill up and then drop; on loopback the sender pays for that too.
    """
    payload = bytes(PAYLOAD_BYTES)
    with _sockets(ports) as receivers, socket.socket(type=socket.SOCK_DGRAM) as sender:
        addresses = [receiver.getsockname() for receiver in receivers]
        for address in addresses:
            sender.sendto(payload, address)
        before = time.thread_time_ns()
        for index in range(_HOT_DATAGRAMS):
            sender.sendto(payload, addresses[index % ports])
        return (time.thread_time_ns() - before) / 1e3 / _HOT_DATAGRAMS


def relay(ports: int, packets_per_s: float, seconds: float) -> float:
    """CPU in us per datagram sent by a process that passes each packet on to `ports` sockets.

    It is woken for each packet as a bridge is, but opens, seals and rewrites nothing.
    """
    with _sockets(ports) as receivers, socket.socket(type=socket.SOCK_DGRAM) as sender:
        targets = [str(receiver.getsockname()[1]) for receiver in receivers]
        child = subprocess.Popen(
            [sys.executable, "-m", "bench.udp_floor", *targets], stdout=subprocess.PIPE, text=True
        )
        try:
            assert child.stdout is not None
            address = ("127.0.0.1", int(child.stdout.readline()))
            before = cpu_ns(child.pid)
            sent = _offer(sender, address, packets_per_s, seconds)
            return (cpu_ns(child.pid) - before) / 1e3 / (sent * ports)
        finally:
            child.kill()
            child.communicate()


def _offer(
    sender: socket.socket, address: tuple[str, int], packets_per_s: float, seconds: float
) -> int:
    """Send at an even rate; the time of each packet is fixed from the start, so nothing drifts."""
    payload = bytes(PAYLOAD_BYTES)
    count = max(1, int(packets_per_s * seconds))
    began = time.monotonic()
    for number in range(count):
        ahead = began + number / packets_per_s - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        sender.sendto(payload, address)
    return count


@contextlib.contextmanager
def _sockets(count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as opened:
        bound = [opened.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(count)]
        for each in bound:
            each.bind(("127.0.0.1", 0))
        yield bound


def _pass_on(ports: list[int]) -> None:
    """The child of `relay`: prints its port, then passes on until it is killed."""
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        print(one.getsockname()[1], flush=True)
        buffer = bytearray(2048)
        targets = [("127.0.0.1", port) for port in ports]
        while True:
            size = one.recv_into(buffer)
            for target in targets:
                one.sendto(memoryview(buffer)[:size], target)


if __name__ == "__main__":
    _pass_on([int(port) for port in sys.argv[1:]])
