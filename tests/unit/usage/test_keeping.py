"""Counts reach the database, survive restarts there, and are forgotten in time."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy import select
from tests.unit.rooms.house import HOST, PLAZA, House

from tertulia.storage import schema
from tertulia.storage.database import Database
from tertulia.storage.errors import StorageUnavailable
from tertulia.usage.days import Day
from tertulia.usage.keeping import Keeper
from tertulia.usage.part import Usage
from tertulia.usage.report import COLUMNS, Month, is_month
from tertulia.usage.table import SqlUsageTable
from tertulia.usage.tally import Counted, Tally
from tertulia.xmpp.jid import Jid

NOON = 1_795_262_400_000  # 2026-11-21 12:00 UTC


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(database_url)
    yield database
    await database.close()


def counted(day: str, *marks: str, **values: int) -> Counted:
    return Counted({day: Day(**values)}, {day: set(marks)})  # type: ignore[arg-type]


async def test_parts_of_a_day_are_added_up(database: Database) -> None:
    table = SqlUsageTable(database)
    await table.add(counted("2026-11-20", "a", "b", meetings=2, peak_people=9, person_ms=5))
    await table.add(counted("2026-11-20", "b", "c", meetings=1, peak_people=4, person_ms=6))
    await table.add(counted("2026-11-21", "c", "d", meetings=2))

    days = await table.days("2026-11-01", "2026-11-31")

    first = days["2026-11-20"]
    assert (first.meetings, first.peak_people, first.person_ms) == (3, 9, 11)
    assert (first.rooms, first.new_rooms) == (3, 3)
    assert (days["2026-11-21"].rooms, days["2026-11-21"].new_rooms) == (2, 1)
    assert await table.months() == ["2026-11"]


async def test_rooms_are_told_apart_within_a_month_only(database: Database) -> None:
    table = SqlUsageTable(database)
    await table.add(counted("2026-10-31", "a", meetings=1))
    await table.add(counted("2026-11-01", "b", meetings=1))

    await table.forget("2026-01-01", "2026-11-01")

    async with database.read() as connection:
        assert list(await connection.scalars(select(schema.usage_rooms.c.mark))) == ["b"]
    assert await table.months() == ["2026-10", "2026-11"]


class Broken:
    """A table that can be away."""

    def __init__(self) -> None:
        self.is_away = True
        self.got = Counted({}, {})
        self.forgot: list[tuple[str, str]] = []

    async def add(self, counted: Counted) -> None:
        if self.is_away:
            raise StorageUnavailable("locked")
        self.got.add(counted)

    async def days(self, first: str, last: str) -> dict[str, Day]:
        return self.got.days

    async def months(self) -> list[str]:
        return []

    async def forget(self, before: str, marks_before: str) -> None:
        self.forgot.append((before, marks_before))


def busy(tally: Tally) -> None:
    tally.came("m", "plaza", "ana", NOON)
    tally.came("m", "plaza", "bea", NOON)


async def running(keeper: Keeper, table: Broken) -> None:
    """Once around, and the end."""
    task = asyncio.create_task(keeper.run(table))
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_database_that_is_away_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    now = [NOON / 1000]
    tally = Tally(lambda room, day: room, NOON)
    keeper, table = Keeper(tally, lambda: now[0], retention_days=400), Broken()
    busy(tally)
    with pytest.raises(StorageUnavailable):
        keeper.table  # noqa: B018
    await keeper.write()  # before it is open
    await running(keeper, table)
    assert caplog.text.count("cannot be written") == 1

    table.is_away = False
    now[0] += 60
    await keeper.write()

    assert table.got.days["2026-11-21"].meetings == 1
    assert table.got.days["2026-11-21"].person_ms == 120_000
    assert table.forgot == [("2025-10-17", "2026-11-01")]


async def test_the_end_of_the_process_writes_what_is_left() -> None:
    tally = Tally(lambda room, day: room, NOON)
    keeper, table = Keeper(tally, lambda: NOON / 1000 + 30, retention_days=400), Broken()
    table.is_away = False
    busy(tally)

    await running(keeper, table)

    assert table.got.days["2026-11-21"].person_ms == 60_000


async def test_a_site_that_wants_no_counts_has_none() -> None:
    tally = Tally(lambda room, day: room, NOON)
    table = Broken()
    table.is_away = False
    busy(tally)

    await running(Keeper(tally, lambda: NOON / 1000, retention_days=0), table)

    assert table.got.days == {}


def test_rooms_tell_who_comes_and_a_breakout_room_is_no_meeting_of_its_own() -> None:
    house = House()
    usage = Usage(house.persons, secret="s", clock=house.time.clock)
    house.parts.add(usage, serve=False)
    ana, bea = house.enter("ana"), house.enter("bea")
    assert usage.tally.people == 2
    occupant = house.main.occupant("ana")
    assert occupant is not None
    assert usage.since_ms(house.main, occupant) == usage.now_ms()
    house.send(
        ana,
        f"<message to='breakout.{HOST}'><breakout_rooms type='features/breakout-rooms/add'"
        " subject='Tables'/></message>",
    )
    house.pass_time(1)
    side = ana.told("breakout_rooms")[-1]["rooms"]
    house.switch(bea, PLAZA, Jid.parse(list(side.values())[1]["jid"]))
    house.pass_time(30)
    again = house.enter("ana2", "machine of ana")  # a second tab
    house.leave(ana)

    assert (usage.tally.people, usage.tally.running) == (2, 1)
    assert "usage" in house.touched
    state = usage.dump(house.main)
    assert state["room"] == "plaza" and "ana" not in str(state)

    house.leave(again)
    house.router.unbind(bea)
    house.pass_time(3600)
    house.focus_leaves(PLAZA)
    day = usage.tally.take(usage.now_ms()).days
    assert [each.participants for each in day.values()] == [2]
    assert usage.tally.meetings == {}
    assert not any("usage" in str(each) for each in house.parts.identities())


def test_a_month_as_csv_has_every_day_and_the_whole() -> None:
    day = Day(meetings=2, participants=7, rooms=2, new_rooms=1, person_ms=90_000)
    lines = list(csv.DictReader(io.StringIO(Month("2026-02", {"2026-02-03": day}).csv())))

    assert tuple(lines[0]) == COLUMNS
    assert len(lines) == 29
    assert lines[2]["meetings"] == "2" and lines[2]["person_minutes"] == "2"
    assert lines[3]["meetings"] == "0"
    assert (lines[-1]["day"], lines[-1]["rooms"], lines[2]["rooms"]) == ("2026-02", "1", "2")


@pytest.mark.parametrize(
    ("text", "is_one"), [("2026-11", True), ("2026-13", False), ("26-11", False), ("2026-1", False)]
)
def test_what_is_a_month(text: str, *, is_one: bool) -> None:
    assert is_month(text) is is_one
