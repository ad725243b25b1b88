"""Days of usage in the database. Loads SQLAlchemy."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia.storage.database import Database
from tertulia.storage.schema import usage_days, usage_rooms
from tertulia.usage.days import Day
from tertulia.usage.tally import Counted

_AT_ONCE = 500  # marks in one question
_SIZES = ("size_2", "size_3_5", "size_6_10", "size_11_30", "size_31")
_SAME = (
    *("meetings", "participants", "rooms", "new_rooms"),
    *("person_ms", "longest_ms", "peak_people", "peak_meetings"),
)


class SqlUsageTable:
    """A `keeping.UsageTable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, counted: Counted) -> None:
        async with self._database.write() as connection:
            for name, part in counted.days.items():
                new = await _with_rooms(connection, name, part, counted.marks.get(name, set()))
                known = select(usage_days).where(usage_days.c.day == name).with_for_update()
                row = (await connection.execute(known)).first()
                if row is None:
                    await connection.execute(insert(usage_days).values(day=name, **_values(new)))
                    continue
                day = _day(row)
                day.add(new)
                await connection.execute(
                    update(usage_days).where(usage_days.c.day == name).values(**_values(day))
                )

    async def days(self, first: str, last: str) -> dict[str, Day]:
        query = select(usage_days).where(usage_days.c.day.between(first, last))
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(usage_days.c.day))
            return {row.day: _day(row) for row in rows}

    async def months(self) -> list[str]:
        async with self._database.read() as connection:
            days = await connection.scalars(select(usage_days.c.day).order_by(usage_days.c.day))
            return list(dict.fromkeys(day[:7] for day in days))

    async def forget(self, before: str, marks_before: str) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(usage_days).where(usage_days.c.day < before))
            await connection.execute(delete(usage_rooms).where(usage_rooms.c.day < marks_before))


async def _with_rooms(connection: AsyncConnection, name: str, part: Day, marks: set[str]) -> Day:
    """The part with how many rooms it adds to its day and to its month."""
    whole = Day()
    whole.add(part)
    table = usage_rooms.c
    ordered = sorted(marks)
    for start in range(0, len(ordered), _AT_ONCE):
        asked = ordered[start : start + _AT_ONCE]
        rows = await connection.execute(
            select(table.day, table.mark).where(
                table.mark.in_(asked), table.day.between(f"{name[:7]}-01", f"{name[:7]}-31")
            )
        )
        known = [(row.day, row.mark) for row in rows]
        fresh = [mark for mark in asked if (name, mark) not in known]
        of_month = {mark for _, mark in known}
        whole.rooms += len(fresh)
        whole.new_rooms += sum(mark not in of_month for mark in fresh)
        if fresh:
            added = [{"day": name, "mark": mark} for mark in fresh]
            await connection.execute(insert(usage_rooms), added)
    return whole


def _values(day: Day) -> dict[str, int]:
    same = {name: getattr(day, name) for name in _SAME}
    return same | dict(zip(_SIZES, day.sizes, strict=True))


def _day(row: Row[Any]) -> Day:
    same = {name: getattr(row, name) for name in _SAME}
    return Day(**same, sizes=[getattr(row, name) for name in _SIZES])
