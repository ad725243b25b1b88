"""Attendance: who is written down and when, and a list that no spreadsheet runs."""

from __future__ import annotations

import base64
import csv
import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rooms.house import HOST, PLAZA, House, Someone

from tertulia.rooms.attendance import Attendance
from tertulia.rooms.attendance.register import AttendanceLimits, Attendee, Register, Visit, as_csv
from tertulia.rooms.attendance.tokens import ListGrant, ListTokens
from tertulia.rooms.metadata import RoomMetadata
from tertulia.xmpp.errors import NotAuthorized
from tertulia.xmpp.jid import Jid

NAMED = "<nick xmlns='http://jabber.org/protocol/nick'>{}</nick>"


def house_with_list() -> tuple[House, Attendance, list[Any]]:
    kept: list[Any] = []
    attendance = Attendance(f"attendance.{HOST}", keep=lambda room, rows: kept.append(rows))
    house = House(RoomMetadata(f"metadata.{HOST}"), attendance)
    attendance._persons = house.persons
    return house, attendance, kept


def switch(house: House, who: Someone, is_on: bool) -> None:
    change = json.dumps({"key": "attendance", "data": is_on, "type": "room_metadata"})
    child = f"<room_metadata xmlns='http://jitsi.org/jitmeet' room='{PLAZA}'>{change}"
    house.send(who, f"<message to='metadata.{HOST}'>{child}</room_metadata></message>")


def test_only_what_everybody_was_told_of_is_written_down() -> None:
    house, attendance, _ = house_with_list()
    ana = house.enter("ana")
    assert attendance.attendees(PLAZA, house.main.meeting_id) is None
    bea = house.enter("bea")
    switch(house, bea, True)
    assert bea.errors() == ["forbidden"]
    assert attendance.attendees(PLAZA, house.main.meeting_id) is None

    switch(house, ana, True)

    assert bea.told("room_metadata")[-1]["metadata"]["attendance"] is True
    attendees = attendance.attendees(PLAZA, house.main.meeting_id)
    assert attendees is not None and [each.name for each in attendees] == ["ana", "bea"]
    switch(house, ana, False)
    assert attendance.attendees(PLAZA, house.main.meeting_id) is None


def test_breakout_rooms_and_reloads_are_no_new_visits() -> None:
    house, _, kept = house_with_list()
    ana = house.enter("ana")
    switch(house, ana, True)
    bea = house.enter("bea", beside=NAMED.format("Bea"))
    house.send(
        ana,
        f"<message to='breakout.{HOST}'><breakout_rooms type='features/breakout-rooms/add'"
        " subject='Tables'/></message>",
    )
    house.pass_time(1)
    side = Jid.parse(list(ana.told("breakout_rooms")[-1]["rooms"].values())[1]["jid"])
    house.switch(bea, PLAZA, side)
    house.pass_time(60)
    house.router.unbind(bea)
    house.pass_time(10)
    bea = house.enter("bea2", "machine of bea", beside=NAMED.format("Beatriz"))
    house.pass_time(600)
    house.leave(bea)
    house.pass_time(3600)
    house.leave(ana)
    house.focus_leaves(PLAZA)

    by_name = {each["name"]: each["visits"] for each in kept[0]}
    assert {name: len(visits) for name, visits in by_name.items()} == {"ana": 1, "Beatriz": 1}
    visit = by_name["Beatriz"][0]
    assert 670 <= (visit["left"] - visit["joined"]) / 1000 <= 672


def test_the_list_can_be_fetched_for_a_day_after_the_end() -> None:
    house, attendance, _ = house_with_list()
    ana = house.enter("ana")
    meeting = house.main.meeting_id
    switch(house, ana, True)
    house.leave(ana)
    house.focus_leaves(PLAZA)

    assert attendance.attendees(PLAZA, meeting) is not None
    house.time.move_to(house.time.clock() + AttendanceLimits().attendance_after_s + 1)
    assert attendance.attendees(PLAZA, meeting) is None


def test_a_list_survives_a_restart() -> None:
    house, attendance, _ = house_with_list()
    switch(house, house.enter("ana"), True)
    state = msgspec.json.decode(msgspec.json.encode(attendance.dump(house.main)))
    after, other, _ = house_with_list()
    other.load(after.main, state)

    assert other.dump(after.main) == state and "attendance" in house.touched


GRANT = ListGrant(room=str(PLAZA), meeting="m", until=100.0)
TOKEN = ListTokens("secret").give(GRANT)


def test_a_token_is_good_in_the_next_process_and_until_its_time() -> None:
    assert ListTokens("secret").read(TOKEN, 99.0) == GRANT
    for tokens, now in ((ListTokens("secret"), 100.0), (ListTokens("other"), 0.0)):
        with pytest.raises(NotAuthorized):
            tokens.read(TOKEN, now)
    with pytest.raises(NotAuthorized):
        ListTokens().read(ListTokens().give(GRANT), 0.0)  # without a secret each has its own


@given(st.one_of(st.text(max_size=200), st.integers(0, 10_000)))
def test_nobody_makes_a_token_or_another_of_one(made: str | int) -> None:
    tokens = ListTokens("secret")
    if isinstance(made, int):
        good = bytearray(base64.urlsafe_b64decode(TOKEN))
        good[made % len(good)] ^= 1 + made // len(good) % 255
        made = base64.urlsafe_b64encode(good).decode()

    with pytest.raises(NotAuthorized):
        tokens.read(made, 0.0)


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), max_size=5))
def test_no_cell_is_a_formula_and_every_cell_is_one(people: list[tuple[str, str]]) -> None:
    visits = [Visit(1_800_000_000_000, 1_800_000_060_000)]
    text = as_csv([Attendee(name=n, account=a, visits=visits) for n, a in people], 0)

    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text[1:], newline="")))
    assert len(rows) == len(people) + 1
    assert all(len(row) == 6 and row[4] == "1.0" for row in rows[1:])
    assert all(cell[:1] not in tuple("=+-@\t\r|%") for row in rows for cell in row if cell)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 100_000)), max_size=40)
)
def test_nobody_is_there_longer_than_the_meeting(deeds: list[tuple[str, bool, int]]) -> None:
    register, now = Register(), 0
    limits = AttendanceLimits(attendance_people=2, attendance_visits=3)
    for key, comes, later in deeds:
        now += later
        if comes:
            register.came(key, key, "", now, limits)
        else:
            register.went(key, now)
    register.close(now)

    assert len(register.people) <= 2
    for each in register.people.values():
        assert 0 <= each.total_ms(now) <= now and len(each.visits) <= 3
        times = [t for v in each.visits for t in (v.joined, v.left or 0)]
        assert times == sorted(times)
