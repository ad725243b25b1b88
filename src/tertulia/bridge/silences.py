"""Endpoints of whom nothing arrives any more: their path may have died, another one may be open.

The focus is asked to restart ICE with them in place (decision 23), long before they are given up.
"""

from __future__ import annotations

from collections.abc import Iterable

# Also who sends nothing else checks its path every 6 s at least (RFC 7675 §5.1).
AFTER_S = 6.5
# A restart has failed after 20 s (`_engine.Engine.restart_ice`); then another one is tried.
AGAIN_S = 25.0


class Silences:
    """When each silent endpoint was told of last, by handle."""

    def __init__(self) -> None:
        self._told_at: dict[int, float] = {}

    def due(self, idle: Iterable[tuple[int, float]], now: float) -> list[int]:
        """The handles to tell of now.

        Args:
            idle: of all connected endpoints, for how many seconds nothing arrived.
        """
        silent = {handle for handle, seconds in idle if seconds >= AFTER_S}
        for handle in self._told_at.keys() - silent:
            del self._told_at[handle]
        due = [
            handle
            for handle in silent
            if handle not in self._told_at or now - self._told_at[handle] >= AGAIN_S
        ]
        self._told_at.update(dict.fromkeys(due, now))
        return due
