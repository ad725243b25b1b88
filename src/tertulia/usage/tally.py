"""Counts meetings and people as they come and go. Without I/O and without a clock.

What has been counted is taken away in parts (`take`) and added up elsewhere, so that a process that
is killed loses what it counted since the last part and nothing more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from tertulia.usage.days import Day, day_of, size_class

_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLimits:
    usage_people: int = 10_000  # of one meeting; more are not told from one another
    usage_gap_s: float = 300.0  # a machine that slept for longer has held no meeting meanwhile


class Meeting(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One meeting that goes on; survives a killed process with its room."""

    room: str  # the node of its address
    here: dict[str, int] = {}  # key of the person -> since when, in ms
    seen: set[str] = set()  # keys of those who were here at any time
    begun_ms: int | None = None  # when the second person came
    largest: int = 0


@dataclass(slots=True)
class Counted:
    """A part of what happened: figures by day, and which rooms had a meeting on it."""

    days: dict[str, Day]
    marks: dict[str, set[str]]  # by day

    def add(self, more: Counted) -> None:
        for name, day in more.days.items():
            self.days.setdefault(name, Day()).add(day)
        for name, marks in more.marks.items():
            self.marks.setdefault(name, set()).update(marks)


class Tally:
    """Times are passed in: milliseconds since the epoch."""

    def __init__(
        self, mark: Callable[[str, str], str], now_ms: int, limits: UsageLimits | None = None
    ) -> None:
        """
        Args:
            mark: what stands for a room (the node of its address) on a day: the same for the same
                room within a month, and telling nothing of its name.
        """
        self.meetings: dict[str, Meeting] = {}  # by meeting id
        self.people = 0  # in meetings that have begun
        self.running = 0  # meetings that have begun and have somebody in them
        self._mark = mark
        self._limits = limits or UsageLimits()
        self._counted = Counted({}, {})
        self._settled_ms = now_ms

    # What happens

    def came(self, meeting_id: str, room: str, key: str, now_ms: int) -> None:
        """Somebody is in a meeting from now on; known already: nothing new."""
        self._settle(now_ms)
        meeting = self.meetings.get(meeting_id)
        if meeting is None:
            meeting = self.meetings[meeting_id] = Meeting(room=room)
        if key in meeting.here:
            return
        is_new = key not in meeting.seen
        if is_new and len(meeting.seen) >= self._limits.usage_people:
            return
        meeting.here[key] = now_ms
        meeting.seen.add(key)
        if meeting.begun_ms is None:
            if len(meeting.here) >= 2:
                self._begin(meeting, now_ms)
            return
        self.people += 1
        self.running += len(meeting.here) == 1
        begun = self._day(meeting.begun_ms)
        begun.participants += is_new
        if len(meeting.here) > meeting.largest:
            begun.sizes[size_class(meeting.largest)] -= 1
            meeting.largest = len(meeting.here)
            begun.sizes[size_class(meeting.largest)] += 1
        self._peak(now_ms)

    def went(self, meeting_id: str, key: str, now_ms: int) -> None:
        """Somebody is in a meeting no longer."""
        self._settle(now_ms)
        meeting = self.meetings.get(meeting_id)
        if meeting is None or meeting.here.pop(key, None) is None:
            return
        if meeting.begun_ms is not None:
            self._lasted(meeting, now_ms)
            self.people -= 1
            self.running -= not meeting.here

    def ended(self, meeting_id: str, now_ms: int) -> None:
        meeting = self.meetings.get(meeting_id)
        for key in list(meeting.here) if meeting is not None else ():
            self.went(meeting_id, key, now_ms)
        self.meetings.pop(meeting_id, None)

    def resume(self, meeting_id: str, meeting: Meeting, now_ms: int) -> None:
        """A meeting of a former process goes on."""
        self._settle(now_ms)
        self.meetings[meeting_id] = meeting
        if meeting.begun_ms is not None:
            self.people += len(meeting.here)
            self.running += bool(meeting.here)
            self._peak(now_ms)

    # What was counted

    def take(self, now_ms: int) -> Counted:
        """What happened since the last time."""
        self._settle(now_ms)
        for meeting in self.meetings.values():
            if meeting.here:
                self._lasted(meeting, now_ms)
        if self.people:
            self._peak(now_ms)  # of a day that has begun meanwhile
        taken, self._counted = self._counted, Counted({}, {})
        return taken

    def give_back(self, counted: Counted) -> None:
        """It could not be kept: it is in what is taken next."""
        self._counted.add(counted)

    def _begin(self, meeting: Meeting, now_ms: int) -> None:
        meeting.begun_ms = now_ms
        meeting.largest = len(meeting.here)
        self.people += len(meeting.here)
        self.running += 1
        day = self._day(now_ms)
        day.meetings += 1
        day.participants += len(meeting.seen)
        day.sizes[size_class(meeting.largest)] += 1
        name = day_of(now_ms)
        self._counted.marks.setdefault(name, set()).add(self._mark(meeting.room, name))
        self._peak(now_ms)

    def _settle(self, now_ms: int) -> None:
        """Count the time of those who are here up to now, each day for itself."""
        since = max(self._settled_ms, now_ms - int(self._limits.usage_gap_s * 1000))
        self._settled_ms = now_ms
        while self.people and since < now_ms:
            until = min(now_ms, (since // _DAY_MS + 1) * _DAY_MS)
            self._day(since).person_ms += self.people * (until - since)
            since = until

    def _lasted(self, meeting: Meeting, now_ms: int) -> None:
        if meeting.begun_ms is not None:
            day = self._day(meeting.begun_ms)
            day.longest_ms = max(day.longest_ms, now_ms - meeting.begun_ms)

    def _peak(self, now_ms: int) -> None:
        day = self._day(now_ms)
        day.peak_people = max(day.peak_people, self.people)
        day.peak_meetings = max(day.peak_meetings, self.running)

    def _day(self, at_ms: int) -> Day:
        return self._counted.days.setdefault(day_of(at_ms), Day())
