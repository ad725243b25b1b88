"""How hard this bridge works, by its own measure: its threads and its packets.

What else runs on the machine is not its stress: a bridge beside a busy database would be passed
over although its threads have time left, and two bridges on one machine would count each other.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLimits:
    """What is a stress of 1."""

    busy_thread: float = 0.9  # of one processor: neither engine nor mind can use more than one
    packets_per_s: int = 250_000  # in and out


@dataclass(frozen=True, slots=True)
class Load:
    """The load between two looks; shares of one processor."""

    engine: float = 0.0
    mind: float = 0.0  # everything of the process but the engine's thread
    packets_per_s: float = 0.0
    stress: float = 0.0


def resident_mib() -> int:
    """Memory of this process that is in RAM; 0 where that cannot be told."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # no Linux
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024**2


class LoadMeter:
    """Turns running counters into the load since the last look."""

    def __init__(
        self, limits: LoadLimits | None = None, process_s: Callable[[], float] = time.process_time
    ) -> None:
        """`process_s` tells the processor time of all threads of this process."""
        self._limits = limits or LoadLimits()
        self._process_s = process_s
        self._then: tuple[float, float, float, int] | None = None
        self._load = Load()

    def look(self, *, engine_us: int, packets: int, now: float) -> Load:
        """Read the counters.

        Args:
            engine_us: processor time of the engine's thread so far.
            packets: received and sent so far.
        Returns: the load since the call before, or that call's when no time has passed.
        """
        engine_s, process_s = engine_us / 1e6, self._process_s()
        if self._then is not None and now > self._then[0]:
            at, engine_then, process_then, packets_then = self._then
            elapsed_s = now - at
            engine = max(0.0, (engine_s - engine_then) / elapsed_s)
            mind = max(0.0, (process_s - process_then) / elapsed_s - engine)
            rate = max(0.0, (packets - packets_then) / elapsed_s)
            limits = self._limits
            stress = max(max(engine, mind) / limits.busy_thread, rate / limits.packets_per_s)
            self._load = Load(engine, mind, rate, round(stress, 3))
        self._then = (now, engine_s, process_s, packets)
        return self._load
