"""The figures of one day, and how two parts of a day are put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime

# How large a meeting became: at most so many people; the last class is everything above.
SIZES = (2, 5, 10, 30)


@dataclass(slots=True, kw_only=True)
class Day:
    """One day (UTC), or what happened in a part of it. Everything is counted for the day on which
    the meeting began, but the time and the peaks, which are counted when they were."""

    meetings: int = 0  # a meeting begins with its second person
    participants: int = 0  # people, once for each meeting they were in
    rooms: int = 0  # different ones
    new_rooms: int = 0  # of these, those without a meeting before in the same month
    person_ms: int = 0
    longest_ms: int = 0
    peak_people: int = 0
    peak_meetings: int = 0
    sizes: list[int] = field(default_factory=lambda: [0] * (len(SIZES) + 1))

    def add(self, more: Day) -> None:
        """Take another part of the same day in."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(more, name))
        for name in _MAXIMA:
            setattr(self, name, max(getattr(self, name), getattr(more, name)))
        self.sizes = [a + b for a, b in zip(self.sizes, more.sizes, strict=True)]


_MAXIMA = ("longest_ms", "peak_people", "peak_meetings")
_SUMS = tuple(
    each.name for each in fields(Day) if each.name not in _MAXIMA and each.name != "sizes"
)


def size_class(people: int) -> int:
    """The index in `Day.sizes` for a meeting of so many people."""
    return sum(people > most for most in SIZES)


def total(days: Iterable[Day]) -> Day:
    """Of a whole month: `rooms` are different ones of the month."""
    whole = Day()
    for each in days:
        whole.add(each)
    whole.rooms = whole.new_rooms
    return whole


def day_of(at_ms: int) -> str:
    """Such as 2026-11-21, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")
