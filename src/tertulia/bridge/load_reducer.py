"""When a bridge has too much to do: fewer videos for everybody, before all of them stutter.

The limit falls by a quarter of what anybody receives now, at most once a minute, so that its effect
is seen before the next step, and rises again in the same calm way (reference bridge 2.3).
"""

from __future__ import annotations

from dataclasses import dataclass

from tertulia.bridge.video import UNLIMITED


@dataclass(frozen=True, slots=True, kw_only=True)
class ReducerLimits:
    too_much: float = 0.95  # stress (`load`), above which videos are shed
    enough_room: float = 0.7  # below which they come back
    step_s: float = 60.0
    shed_to: float = 0.75
    recover_to: float = 1.25
    no_limit_above: int = 40


class LoadReducer:
    """Follows the stress of one bridge."""

    def __init__(self, limits: ReducerLimits | None = None) -> None:
        self.last_n = UNLIMITED
        self._limits = limits or ReducerLimits()
        self._stepped_at = float("-inf")

    def observe(self, stress: float, most_forwarded: int, now: float) -> int:
        """Judge anew.

        Args:
            most_forwarded: the largest number of videos that anybody receives now.
        Returns: how many anybody may receive; -1: as many as they want.
        """
        limits = self._limits
        if now - self._stepped_at < limits.step_s:
            return self.last_n
        if stress > limits.too_much and most_forwarded > 1:
            self.last_n = max(1, int(most_forwarded * limits.shed_to))
            self._stepped_at = now
        elif stress < limits.enough_room and self.last_n != UNLIMITED:
            more = max(self.last_n + 1, int(self.last_n * limits.recover_to))
            self.last_n = UNLIMITED if more > limits.no_limit_above else more
            self._stepped_at = now
        return self.last_n
