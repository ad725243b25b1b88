"""The loudest of many speakers, for rooms in which not every voice is forwarded.

Levels are smoothed by half per batch; whoever was silent for a moment keeps its place for a while,
so that the ends of words are not cut (reference bridge 2.10).
"""

from __future__ import annotations

from collections.abc import Iterable

KEPT_S = 0.3  # levels come about every 100 ms


class Loudness:
    """The smoothed levels of all speakers; 0 is silence, 127 the loudest (RFC 6464 upside down)."""

    def __init__(self) -> None:
        self._levels: dict[str, tuple[float, float]] = {}  # smoothed level, heard at

    def heard(self, speaker: str, levels: bytes, now: float) -> None:
        if not levels:
            return
        peak = 127 - min(*levels, 127)
        smoothed = self._levels.get(speaker, (0.0, now))[0]
        self._levels[speaker] = ((smoothed + peak) / 2, now)

    def forget(self, speaker: str) -> None:
        self._levels.pop(speaker, None)

    def loudest(self, count: int, now: float, *, always: Iterable[str] = ()) -> frozenset[str]:
        """The `count` loudest of those heard just now, and those that are heard in any case."""
        heard = [
            (level, speaker)
            for speaker, (level, heard_at) in self._levels.items()
            if now - heard_at <= KEPT_S and level > 0
        ]
        heard.sort(reverse=True)
        return frozenset((*(speaker for _, speaker in heard[:count]), *always))
