"""What processes cost: CPU time and memory of a process and its descendants (Linux)."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


def descendants(pid: int) -> list[int]:
    """The process and everything it started that still runs, parents before children."""
    found = [pid]
    for parent in found:  # grows while it is walked
        for task in _listed(_PROC / str(parent) / "task"):
            found += [int(child) for child in _read(task / "children").split()]
    return found


def cpu_ns(pid: int) -> int:
    """CPU time of all threads of one process, also of those that have ended, in nanoseconds.

    The process's own CPU clock (clock_getcpuclockid(3)): utime and stime of /proc/PID/stat count
    in ticks of 10 ms, and schedstat forgets threads that have ended.
    """
    return time.clock_gettime_ns((~pid << 3) | 2)


def pss_kib(pid: int) -> int:
    """Proportional set size: shared pages count in the share this process has in them."""
    for line in _read(_PROC / str(pid) / "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ProcessLookupError(pid)


def entries(pid: int, folder: str) -> int:
    """How many open files ("fd") or threads ("task") a process has."""
    return len(_listed(_PROC / str(pid) / folder))


async def stop(process: asyncio.subprocess.Process, within_s: float) -> None:
    """Ask a child of ours to end, and kill it when it does not."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), within_s)
    except TimeoutError:
        process.kill()
        await process.wait()


def own_cpu_s() -> float:
    """CPU time of this process and of all descendants that have ended and were waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def command_line(pid: int) -> list[str]:
    return _read(_PROC / str(pid) / "cmdline").rstrip("\0").split("\0")


@dataclass(frozen=True, slots=True)
class Machine:
    """How busy the whole machine has been since it started, in ticks."""

    busy: int
    idle: int

    @classmethod
    def now(cls) -> Machine:
        first = _read(_PROC / "stat").splitlines()[0].split()[1:]
        user, nice, system, idle, iowait, irq, softirq, steal = map(int, first[:8])
        return cls(user + nice + system + irq + softirq + steal, idle + iowait)

    def busy_share_since(self, before: Machine, *, without_s: float = 0.0) -> float:
        """The share of all processors that was used in between, 0 to 1.

        Args:
            without_s: CPU seconds that do not count, because they were our own.
        """
        busy, idle = self.busy - before.busy, self.idle - before.idle
        ours = without_s * os.sysconf("SC_CLK_TCK")
        return max(0.0, busy - ours) / max(1, busy + idle)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process or thread has just ended
        return ""
