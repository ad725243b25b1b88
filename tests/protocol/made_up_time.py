"""Time for tests of what happens later: nothing waits longer than it has to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class MadeUpTime:
    """A clock that stands still until somebody waits, and then goes on to what is due next."""

    def __init__(self) -> None:
        self._now = 1_800_000_000.0
        self._due: list[Due] = []

    def clock(self) -> float:
        return self._now

    def later(self, delay_s: float, action: Callable[[], None]) -> Due:
        due = Due(self._now + delay_s, action)
        self._due.append(due)
        return due

    def next_due(self) -> float | None:
        """When something is due next, if ever."""
        self._due = [each for each in self._due if not each.is_cancelled]
        return min((each.when for each in self._due), default=None)

    def advance(self) -> bool:
        """Do what is due next; False when nothing is."""
        when = self.next_due()
        if when is None:
            return False
        due = next(each for each in self._due if each.when == when)
        self._due.remove(due)
        self.move_to(when)
        due.action()
        return True

    def move_to(self, when: float) -> None:
        self._now = max(self._now, when)


@dataclass(eq=False)
class Due:
    when: float
    action: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True
