"""What a viewer would see and hear of the frames that arrive.

A picture can be shown when it is a key frame or follows one without a gap. A freeze is a pause
between shown pictures longer than three times the usual one and at least 150 ms more than it, as
browsers count `totalFreezesDuration`. Sound is concealed where a packet has not come 200 ms after
the quickest would have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

USUAL_S = 1 / 25
LATEST_S = 0.2
ASK_AGAIN_S = 0.5
PACKET_TICKS = 960  # of Opus at 48 kHz
HEIGHTS = (180, 360, 720)


class Arrived(Protocol):
    keyframe: bool
    contiguous: bool
    arrived: float
    data: bytes


@dataclass(slots=True)
class View:
    """One picture, from the frames of its source."""

    shown: list[tuple[float, int]] = field(default_factory=list)  # when, of which encoding
    bytes: list[tuple[float, int]] = field(default_factory=list)
    _is_broken: bool = True
    _asked: float = float("-inf")

    def add(self, frame: Arrived) -> bool:
        """Take one frame; True when a key frame has to be asked for."""
        self.bytes.append((frame.arrived, len(frame.data)))
        self._is_broken = not frame.keyframe and (self._is_broken or not frame.contiguous)
        if not self._is_broken:
            self.shown.append((frame.arrived, frame.data[10]))
            return False
        if frame.arrived < self._asked + ASK_AGAIN_S:
            return False
        self._asked = frame.arrived
        return True

    def frozen_s(self, since: float, until: float) -> float:
        """Seconds of freezes that began in a stretch of time."""
        times = [since, *(at for at, _ in self.shown if since <= at <= until), until]
        longest = max(3 * USUAL_S, USUAL_S + 0.15)
        return sum(after - before for before, after in pairwise(times) if after - before > longest)

    def fps(self, since: float, until: float) -> float:
        return sum(since <= at <= until for at, _ in self.shown) / (until - since)

    def height(self, since: float, until: float) -> float:
        """The mean over the pictures shown; 0 if none was."""
        heights = [HEIGHTS[encoding] for at, encoding in self.shown if since <= at <= until]
        return sum(heights) / len(heights) if heights else 0.0

    def bps(self, since: float, until: float) -> float:
        return sum(n for at, n in self.bytes if since <= at <= until) * 8 / (until - since)

    def first_shown(self, since: float, least_height: int = 0) -> float | None:
        """Seconds until the first picture of at least this height."""
        for at, encoding in self.shown:
            if at >= since and HEIGHTS[encoding] >= least_height:
                return at - since
        return None


@dataclass(slots=True)
class Sound:
    """One voice, from the packets that arrive."""

    packets: dict[int, float] = field(default_factory=dict)  # number -> when it arrived

    def add(self, timestamp: int, arrived: float) -> None:
        self.packets.setdefault(timestamp // PACKET_TICKS, arrived)

    @property
    def last_arrived(self) -> float:
        """When a packet last arrived; 0.0 if none did."""
        return max(self.packets.values(), default=0.0)

    def concealed(self, since: float, until: float, *, redundancy: int = 0) -> float:
        """The part of the packets that could not be played in time.

        Args:
            redundancy: each packet also carries that many before it (RED, RFC 2198).
        """
        took = {number: at - number * 0.02 for number, at in self.packets.items()}
        if not took:
            return 1.0
        least = min(took.values())
        first = round((since - least) / 0.02)
        last = round((until - least - LATEST_S) / 0.02)
        if last <= first:
            return 0.0
        missing = 0
        for number in range(first, last):
            due = least + number * 0.02 + LATEST_S
            carriers = (self.packets.get(number + n) for n in range(redundancy + 1))
            missing += not any(at is not None and at <= due for at in carriers)
        return missing / (last - first)
