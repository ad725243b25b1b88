"""The last hours, a sample every minute: what the plots on the overview show. Lost at a restart."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    at_ms: int
    people: int
    meetings: int
    stress: float  # of the most loaded bridge; 1.0 is full


class Recent:
    """`run` it; `samples` are oldest first."""

    def __init__(self, look: Callable[[], Sample], *, hours: int = 24) -> None:
        self._look = look
        self.samples: deque[Sample] = deque(maxlen=hours * 60)

    async def run(self) -> None:
        while True:
            self.samples.append(self._look())
            await asyncio.sleep(EVERY_S)
