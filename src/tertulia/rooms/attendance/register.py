"""Who was in one meeting and when, and the list of it as CSV. Without I/O and without a clock."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceLimits:
    attendance_people: int = 5000  # of one meeting; more are not written down
    attendance_visits: int = 200  # of one person; the last one is made longer beyond
    attendance_token_s: float = 12 * 3600.0  # the list can be fetched so long with one token
    attendance_after_s: float = 24 * 3600.0  # an ended meeting's list is held in memory
    attendance_recalled: int = 50  # lists of earlier meetings, in rooms that are kept


JOINED_AGAIN_S = 30  # changing rooms, or a page that is loaded again, is no new visit


class Visit(msgspec.Struct):
    """From one coming to one going, in ms since the epoch; no `left` while somebody is here."""

    joined: int
    left: int | None = None


class Attendee(msgspec.Struct, kw_only=True):
    name: str
    account: str = ""
    visits: list[Visit] = []

    def total_ms(self, now_ms: int) -> int:
        return sum((now_ms if v.left is None else v.left) - v.joined for v in self.visits)


class Register(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The people of one meeting, by the key of the person."""

    people: dict[str, Attendee] = {}

    def came(
        self, key: str, name: str, account: str, now_ms: int, limits: AttendanceLimits
    ) -> None:
        """Somebody is here from now on, under this name."""
        attendee = self.people.get(key)
        if attendee is None:
            if len(self.people) >= limits.attendance_people:
                return
            attendee = self.people[key] = Attendee(name=name, account=account)
        self.named(key, name)
        last = attendee.visits[-1] if attendee.visits else None
        if last is not None and (
            last.left is None
            or now_ms - last.left <= JOINED_AGAIN_S * 1000
            or len(attendee.visits) >= limits.attendance_visits
        ):
            last.left = None
        else:
            attendee.visits.append(Visit(now_ms))

    def went(self, key: str, now_ms: int) -> None:
        attendee = self.people.get(key)
        if attendee is not None and attendee.visits and attendee.visits[-1].left is None:
            attendee.visits[-1].left = now_ms

    def named(self, key: str, name: str) -> None:
        """The last name that somebody had is the one in the list."""
        if key in self.people and name:
            self.people[key].name = name

    def close(self, now_ms: int) -> None:
        for key in self.people:
            self.went(key, now_ms)

    def rows(self) -> list[dict[str, Any]]:
        """Each person as JSON, without the key."""
        return [msgspec.to_builtins(each) for each in self.people.values()]


def as_csv(attendees: list[Attendee], now_ms: int) -> str:
    """One line for each visit (RFC 4180), in the order of the first coming. Times are UTC.

    With a byte order mark, or spreadsheets take it for another encoding; and no cell begins like a
    formula, because names are what people call themselves.
    """
    out = io.StringIO()
    out.write("\ufeff")
    lines = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    lines.writerow(("name", "account", "joined (UTC)", "left (UTC)", "minutes", "total minutes"))
    for each in sorted(attendees, key=lambda a: a.visits[0].joined if a.visits else 0):
        total = _minutes(each.total_ms(now_ms))
        for visit in each.visits:
            left = now_ms if visit.left is None else visit.left
            lines.writerow(
                (
                    _harmless(each.name),
                    _harmless(each.account),
                    _time(visit.joined),
                    "" if visit.left is None else _time(visit.left),
                    _minutes(left - visit.joined),
                    total,
                )
            )
    return out.getvalue()


def _harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    text = " ".join(text.split())
    return f"'{text}" if text[:1] in "=+-@\t\r|%＝＋－＠" and text else text


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _minutes(ms: int) -> str:
    return f"{max(0, ms) / 60_000:.1f}"
