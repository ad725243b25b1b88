"""Who speaks: dominant speaker identification on audio levels (reference bridge 2.10).

The method of I. Volfin and I. Cohen, "Dominant speaker identification for multipoint
videoconferencing" (2012), on the levels of RFC 6464 instead of spectra: each speaker is scored on
what it did in the last packet, in the last tenth of a second and in the last second; a challenger
takes over when it is better in all three.

Levels come in batches from the engine; a tick every 300 ms decides. No clock inside.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

TICK_S = 0.3
_LEVELS = 50  # one per packet of 20 ms
_BANDS = 13  # N1: a level of 0..127 falls into one of 13 bands of 10
_BAND_WIDTH = 10
_MEDIUM_PARTS, _MEDIUM_THRESHOLD = 5, 7  # N2: immediates over the threshold, of 5
_LONG_PARTS, _LONG_THRESHOLD = 10, 4  # N3: mediums over the threshold, of 10
_RATES = (0.78, 24.0, 47.0)  # lambda of the three scores
_THRESHOLDS = (3.0, 2.0, 0.0)  # C1, C2, C3
_LEAST_SCORE = 1e-10
_FLOOR_WINDOW = 750  # levels (15 s) after which the noise floor may rise
_SILENT_STEP_S = 0.04
# The engine reports about every 100 ms, so a gap this long is silence, not batching.
_SILENT_AFTER_S = 0.16
_FORGET_AFTER_S = 3600.0

Speaker = TypeVar("Speaker", bound=Hashable)


@lru_cache(maxsize=256)
def _score(count: int, parts: int, rate: float) -> float:
    """Likelihood of speech against silence when `count` of `parts` are active."""
    score = (
        math.log(math.comb(parts, count)) + parts * math.log(0.5) - math.log(rate) + rate * count
    )
    return max(score, _LEAST_SCORE)


class _History:
    """What one speaker's last second was like."""

    def __init__(self, now: float) -> None:
        self.levels: deque[int] = deque([0] * _LEVELS, maxlen=_LEVELS)  # newest first
        self.heard_at = now
        self.filled_to = now  # silence is pushed from here on
        self._floor = 0
        self._next_floor = 0
        self._next_floor_age = 0

    def push(self, level: int) -> None:
        self.levels.appendleft(level)
        self._learn_floor(level)

    def _learn_floor(self, level: int) -> None:
        if level == 0:
            return
        if self._floor == 0 or level < self._floor:
            self._floor, self._next_floor, self._next_floor_age = level, 0, 0
            return
        self._next_floor = min(self._next_floor or level, level)
        self._next_floor_age += 1
        if self._next_floor_age >= _FLOOR_WINDOW:
            # It rises gradually: half way, geometrically, to what the window's minimum was.
            self._floor = int(math.sqrt(self._floor * self._next_floor))
            self._next_floor, self._next_floor_age = 0, 0

    def is_speaking(self) -> bool:
        """Whether the last tenth of a second sounded like speech."""
        return (
            _count_over(self._immediates()[:_MEDIUM_PARTS], _MEDIUM_PARTS, _MEDIUM_THRESHOLD)[0] > 0
        )

    def _immediates(self) -> list[int]:
        noise = self._floor + _BAND_WIDTH
        return [level // _BAND_WIDTH if level >= noise else 0 for level in self.levels]

    def scores(self) -> tuple[float, float, float]:
        """(immediate, medium, long)."""
        immediates = self._immediates()
        mediums = _count_over(immediates, _MEDIUM_PARTS, _MEDIUM_THRESHOLD)
        long = _count_over(mediums, _LONG_PARTS, _LONG_THRESHOLD)[0]
        return (
            _score(immediates[0], _BANDS, _RATES[0]),
            _score(mediums[0], _MEDIUM_PARTS, _RATES[1]),
            _score(long, _LONG_PARTS, _RATES[2]),
        )


def _count_over(values: list[int], size: int, threshold: int) -> list[int]:
    return [
        sum(value > threshold for value in values[start : start + size])
        for start in range(0, len(values), size)
    ]


@dataclass(frozen=True, slots=True)
class SpeakerChanged(Generic[Speaker]):
    dominant: Speaker
    previous: Speaker | None


class DominantSpeaker(Generic[Speaker]):
    """Follows all speakers of one conference. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._speakers: dict[Speaker, _History] = {}
        self.dominant: Speaker | None = None
        self.is_silent = False
        self._spoken_at: float | None = None

    def heard(self, speaker: Speaker, levels: bytes, now: float) -> None:
        """Note levels as RFC 6464 has them, one per packet, oldest first: 0 loud, 127 silent."""
        history = self._speakers.get(speaker)
        if history is None:
            history = self._speakers[speaker] = _History(now)
        for level in levels[-_LEVELS:]:
            history.push(127 - min(level, 127))
        history.heard_at = history.filled_to = now

    def notice_silence(self, now: float, after_s: float) -> bool:
        """Note whether anybody spoke within `after_s`. Returns: True if `is_silent` changed."""
        if self._spoken_at is None or any(each.is_speaking() for each in self._speakers.values()):
            self._spoken_at = now
        was_silent, self.is_silent = self.is_silent, now - self._spoken_at >= after_s
        return self.is_silent != was_silent

    def forget(self, speaker: Speaker) -> None:
        self._speakers.pop(speaker, None)
        if self.dominant == speaker:
            self.dominant = None

    def tick(self, now: float) -> SpeakerChanged[Speaker] | None:
        """Decide anew. Returns: the change, if there is one."""
        self._push_silence(now)
        if not self._speakers:
            return None
        previous = self.dominant
        if self.dominant is None:
            self.dominant = next(iter(self._speakers))
        self.dominant = self._best_challenger(self.dominant) or self.dominant
        if self.dominant == previous:
            return None
        return SpeakerChanged(self.dominant, previous)

    def _best_challenger(self, incumbent: Speaker) -> Speaker | None:
        to_beat = self._speakers[incumbent].scores()
        best, best_ratio = None, -math.inf
        for speaker, history in self._speakers.items():
            if speaker == incumbent:
                continue
            ratios = [
                math.log(mine / theirs)
                for mine, theirs in zip(history.scores(), to_beat, strict=True)
            ]
            wins = all(r > c for r, c in zip(ratios, _THRESHOLDS, strict=True))
            if wins and ratios[1] > best_ratio:
                best, best_ratio = speaker, ratios[1]
        return best

    def _push_silence(self, now: float) -> None:
        for speaker, history in list(self._speakers.items()):
            if now - history.heard_at > _FORGET_AFTER_S:
                self.forget(speaker)
            elif now - history.heard_at > _SILENT_AFTER_S:
                steps = int((now - history.filled_to) / _SILENT_STEP_S)
                for _ in range(min(steps, _LEVELS)):
                    history.push(0)
                history.filled_to += steps * _SILENT_STEP_S
