"""Network namespaces that vanish with whoever made them (namespaces(7), Linux, root only).

Each namespace is anonymous and held open by one small process; that process and every program
started in the namespace ask the kernel to be killed when their parent dies. So nothing is left
behind, even after the parent was killed: no name in /run/netns, no interface, no process.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

_CLONE_NEWNET = 0x4000_0000
_libc = ctypes.CDLL(None, use_errno=True)
_interfaces = itertools.count(1)

# Makes the namespace, says so, and stays until the pipe to its parent closes or the parent dies.
_HOLDER = f"""
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare({_CLONE_NEWNET}):
    sys.exit("unshare: errno %d" % ctypes.get_errno())
print("ready", flush=True)
sys.stdin.read()
"""


class NamespaceError(RuntimeError):
    """The machine does not let us make namespaces, or a command inside one failed."""


# The kernel kills the program when the thread that started it dies (setpriv(1), prctl(2)).
DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")


@functools.cache
def are_possible() -> bool:
    """Whether this machine lets us make namespaces and tunnel interfaces."""
    if os.geteuid() != 0 or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return False
    # Root in a container may still not be allowed to.
    return subprocess.run(["unshare", "--net", "true"], check=False).returncode == 0


class Namespace:
    """One network namespace, with its loopback up."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(
            [*DIE_WITH_PARENT, sys.executable, "-S", "-E", "-c", _HOLDER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline().strip() != "ready":
            _, said = self._holder.communicate(timeout=5)
            raise NamespaceError(f"no namespace: {said.strip()}")
        self._programs: list[subprocess.Popen[Any]] = []
        self.call("ip", "link", "set", "lo", "up")

    @property
    def path(self) -> Path:
        """The file that stands for the namespace, as nsenter(1) and setns(2) take it."""
        return Path(f"/proc/{self._holder.pid}/ns/net")

    @property
    def pid(self) -> int:
        """A process inside, as `ip link set .. netns PID` takes it."""
        return self._holder.pid

    def inside(self, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` in this namespace."""
        return [*DIE_WITH_PARENT, "nsenter", f"--net={self.path}", "--", *command]

    def start(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        """Start a program inside; it ends with the namespace, or with us."""
        program: subprocess.Popen[Any] = subprocess.Popen(self.inside(command), **options)
        self._programs.append(program)
        return program

    def call(self, *command: str) -> str:
        """Run a program inside to its end and return what it printed.

        Raises: NamespaceError when it fails.
        """
        done = subprocess.run(
            self.inside(command), capture_output=True, text=True, timeout=30, check=False
        )
        if done.returncode:
            raise NamespaceError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def close(self) -> None:
        """End the programs started here and give the namespace up; idempotent."""
        for program in self._programs:
            if program.poll() is None:
                program.terminate()
        for program in self._programs:
            try:
                program.wait(timeout=5)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        self._programs.clear()
        with contextlib.suppress(BrokenPipeError):
            self._holder.communicate(timeout=5)

    def __enter__(self) -> Namespace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def connect(left: Namespace, right: Namespace, subnet: str, mtu: int = 1500) -> tuple[str, str]:
    """Join two namespaces by a veth pair; return the names of its two ends.

    Args:
        subnet: the first three numbers of a /24, such as "10.9.1"; left is .1, right is .2.
    """
    number = next(_interfaces)
    ends = (f"v{number}l", f"v{number}r")
    left.call("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
    left.call("ip", "link", "set", ends[1], "netns", str(right.pid))
    for at, (namespace, end) in enumerate(zip((left, right), ends, strict=True), start=1):
        namespace.call("ip", "address", "add", f"{subnet}.{at}/24", "dev", end)
        namespace.call("ip", "link", "set", end, "mtu", str(mtu), "up")
    return ends


@contextlib.contextmanager
def entered(namespace: Namespace | None) -> Iterator[None]:
    """This thread is in the namespace while the block runs; None: it stays where it is."""
    if namespace is None:
        yield
        return
    with Path("/proc/thread-self/ns/net").open("rb") as home, namespace.path.open("rb") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise NamespaceError(f"setns: {os.strerror(ctypes.get_errno())}")
