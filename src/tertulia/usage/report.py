"""A month of usage as people read it, and as CSV (RFC 4180). Nothing in it comes from people."""

from __future__ import annotations

import calendar
import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tertulia.usage.days import Day, total

COLUMNS = (
    *("day", "meetings", "rooms", "participants", "person_minutes"),
    *("peak_people", "peak_meetings", "longest_minutes"),
    *("meetings_of_2", "meetings_of_3_to_5", "meetings_of_6_to_10"),
    *("meetings_of_11_to_30", "meetings_over_30"),
)
_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Month:
    name: str  # such as 2026-11
    days: Mapping[str, Day]  # those with meetings

    def rows(self) -> list[dict[str, str | int]]:
        """Each day of the month, and at the end the month itself as a whole."""
        rows = [_row(day, self.days.get(day, Day())) for day in days_of(self.name)]
        return [*rows, _row(self.name, total(self.days.values()))]

    def csv(self) -> str:
        out = io.StringIO()
        lines = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
        lines.writeheader()
        lines.writerows(self.rows())
        return out.getvalue()

    def table(self) -> str:
        """For a terminal: days without meetings are left out."""
        rows = [row for row in self.rows() if row["meetings"] or row["day"] == self.name]
        heads = ("day", "meetings", "rooms", "people", "person-hours", "peak", "longest")
        cells = [heads, *(_cells(row) for row in rows)]
        widths = [max(len(line[n]) for line in cells) for n in range(len(heads))]
        lines = (
            "  ".join((line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])))
            for line in cells
        )
        return "\n".join(lines)


def is_month(text: str) -> bool:
    return _MONTH.fullmatch(text) is not None


def days_of(month: str) -> list[str]:
    """All days of a month that `is_month`."""
    year, number = map(int, month.split("-"))
    return [f"{month}-{day:02}" for day in range(1, calendar.monthrange(year, number)[1] + 1)]


def _row(name: str, day: Day) -> dict[str, str | int]:
    minutes, longest = round(day.person_ms / 60_000), round(day.longest_ms / 60_000)
    values: tuple[str | int, ...] = (
        *(name, day.meetings, day.rooms, day.participants, minutes),
        *(day.peak_people, day.peak_meetings, longest, *day.sizes),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _cells(row: Mapping[str, str | int]) -> tuple[str, ...]:
    longest = int(row["longest_minutes"])
    return (
        *(str(row[name]) for name in ("day", "meetings", "rooms", "participants")),
        f"{int(row['person_minutes']) / 60:.1f}",
        str(row["peak_people"]),
        f"{longest // 60}:{longest % 60:02}",
    )
