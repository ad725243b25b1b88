"""Breakout rooms: plans, people who come and go, the end, and what a restart leaves."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rooms.house import HOST, PLAZA, House, Someone

from tertulia.errors import PeerError
from tertulia.rooms.breakouts import commands
from tertulia.rooms.breakouts.limits import BreakoutLimits
from tertulia.rooms.breakouts.plan import Plan
from tertulia.xmpp.errors import ResourceConstraint
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element


def command(house: House, who: Someone, kind: str, text: str = "", **attrs: str) -> None:
    pairs = "".join(f" {key}='{value}'" for key, value in attrs.items())
    house.send(
        who,
        f"<message to='breakout.{HOST}'><breakout_rooms type='features/breakout-rooms/{kind}'"
        f"{pairs}>{text}</breakout_rooms></message>",
    )


def moves(who: Someone) -> list[str]:
    told = who.told("breakout_rooms")
    return [each["roomJid"] for each in told if each["event"].endswith("move-to-room")]


def updates(who: Someone) -> list[dict[str, Any]]:
    return [each for each in who.told("breakout_rooms") if each["event"].endswith("update")]


def side_room(house: House, moderator: Someone, name: str = "Tables") -> Jid:
    command(house, moderator, "add", subject=name)
    house.pass_time(0.5)
    found = [
        Jid.parse(room["jid"])
        for room in updates(moderator)[-1]["rooms"].values()
        if room["name"] == name
    ]
    return found[0]


# The plan


@given(people=st.integers(0, 40), rooms=st.integers(1, 9), seed=st.integers())
def test_shuffled_rooms_differ_by_one_at_most(people: int, rooms: int, seed: int) -> None:
    plan = Plan()
    for number in range(rooms):
        plan.add(f"Room {number}")
    plan.shuffle([f"person {number}" for number in range(people)], random.Random(seed))

    sizes = Counter(plan.planned.values())
    counts = [sizes[room] for room in plan.rooms]
    assert sum(counts) == people
    assert max(counts) - min(counts) <= 1


def test_a_meeting_has_so_many_rooms_and_no_more() -> None:
    plan = Plan(BreakoutLimits(breakout_rooms=2))
    plan.add("one")
    plan.add("two")
    with pytest.raises(ResourceConstraint, match="breakout_rooms"):
        plan.add("three")


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "assign", "shuffle", "open", "close", "sit", "stand_up"]),
        st.integers(0, 4),
        st.integers(0, 3),
    ),
    max_size=30,
)


@given(_STEPS)
def test_whatever_is_done_seats_are_in_rooms_and_a_plan_survives(
    steps: list[tuple[str, int, int]],
) -> None:
    plan = Plan(BreakoutLimits(breakout_rooms=3, breakout_people=3))
    for kind, who, which in steps:
        person = f"person {who}"
        room = [*plan.rooms, "none"][min(which, len(plan.rooms))]
        try:
            match kind:
                case "add":
                    plan.add(f"Room {which}")
                case "remove":
                    plan.remove(room)
                case "assign":
                    plan.assign(person, room if which else None)
                case "shuffle":
                    plan.shuffle([f"person {n}" for n in range(who)], random.Random(who))
                case "open":
                    plan.open(None)
                case "close":
                    plan.close()
                case "sit":
                    if room in plan.rooms:
                        plan.sit(person, room)
                case "stand_up":
                    plan.stand_up(person)
        except PeerError:
            pass
        assert set(plan.seats.values()) | set(plan.planned.values()) <= set(plan.rooms)
    twin = Plan()
    twin.load(msgspec.json.decode(msgspec.json.encode(plan.dump())))
    assert twin.dump() == plan.dump()


@given(
    kind=st.sampled_from(["add", "remove", "rename", "move-to-room", "assign", "open", "call-back"])
    | st.text(max_size=20),
    attrs=st.dictionaries(
        st.sampled_from(
            ["subject", "breakoutRoomJid", "participantJid", "roomJid", "seconds", "moderators"]
        ),
        st.text(max_size=40),
    ),
    text=st.text(max_size=40),
)
def test_any_command_is_read_or_refused(kind: str, attrs: dict[str, str], text: str) -> None:
    element = Element("breakout_rooms", {"type": commands.PREFIX + kind, **attrs}, text)
    with suppress(PeerError):
        commands.read(element)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_a_foreign_state_is_refused_or_taken(state: Any) -> None:
    with suppress(msgspec.ValidationError):
        Plan().load(state)


# People


def test_everybody_is_told_at_most_three_times_a_second() -> None:
    house = House()
    ana = house.enter("ana")
    for number in range(20):
        command(house, ana, "add", subject=f"Room {number}")
        house.pass_time(0.01)
    assert len(updates(ana)) == 1
    house.pass_time(0.3)
    assert len(updates(ana)) == 2
    assert updates(ana)[-1]["roomCounter"] == 20


def test_who_walks_out_is_not_led_back() -> None:
    house = House()
    ana, bea = house.enter("ana"), house.enter("bea")
    side = side_room(house, ana)
    house.switch(bea, PLAZA, side)
    house.switch(bea, side, PLAZA)

    house.router.unbind(bea)
    again = house.enter("bea2", "machine of bea")

    assert moves(again) == []


def test_who_vanishes_is_led_back_and_who_is_called_back_is_not() -> None:
    house = House()
    ana, bea = house.enter("ana"), house.enter("bea")
    side = side_room(house, ana)
    house.switch(bea, PLAZA, side)
    house.router.unbind(bea)
    again = house.enter("bea2", "machine of bea")
    assert moves(again) == [str(side)]

    house.switch(again, PLAZA, side)
    command(house, ana, "call-back", participantJid=str(again.jid))
    assert moves(again)[-1] == str(PLAZA)
    house.router.unbind(again)
    third = house.enter("bea3", "machine of bea")
    assert moves(third) == []


def test_late_comers_find_their_room() -> None:
    house = House()
    ana, bea = house.enter("ana"), house.enter("bea")
    side = side_room(house, ana)
    command(house, ana, "assign", participantJid=str(bea.jid), breakoutRoomJid=str(side))
    house.router.unbind(bea)
    command(house, ana, "open")

    bea = house.enter("bea2", "machine of bea")

    assert moves(bea) == [str(side)]


def test_two_people_at_one_browser_are_two() -> None:
    house = House()
    ana = house.enter("ana")
    side = side_room(house, ana)
    named = "<nick xmlns='http://jabber.org/protocol/nick'>{}</nick>"
    bea = house.enter("bea", "shared", beside=named.format("Bea"))
    house.enter("cleo", "shared", beside=named.format("Cleo"))
    command(house, ana, "assign", participantJid=str(bea.jid), breakoutRoomJid=str(side))
    house.pass_time(1)

    assert updates(ana)[-1]["rooms"][side.node]["assigned"] == ["bea"]


def test_shuffling_leaves_moderators_alone_unless_asked() -> None:
    house = House()
    ana = house.enter("ana")
    for name in ("bea", "cleo"):
        house.enter(name)
    side = side_room(house, ana)
    command(house, ana, "shuffle")
    house.pass_time(1)
    assert updates(ana)[-1]["rooms"][side.node]["assigned"] == ["bea", "cleo"]

    command(house, ana, "shuffle", moderators="true")
    house.pass_time(1)
    assert updates(ana)[-1]["rooms"][side.node]["assigned"] == ["ana", "bea", "cleo"]


def test_who_is_kicked_from_a_breakout_room_is_out() -> None:
    house = House()
    ana, bea = house.enter("ana"), house.enter("bea")
    side = side_room(house, ana)
    for who in (ana, bea):
        house.switch(who, PLAZA, side)
    kick = "<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='bea' role='none'/>"
    house.send(ana, f"<iq type='set' id='k' to='{side}'>{kick}</query></iq>")
    house.join(bea, side)

    assert bea.errors() == ["forbidden"]
    house.join(house.focus, PLAZA)
    house.join(bea, PLAZA)
    assert moves(bea) == []


def test_a_moderator_given_in_the_main_room_moderates_in_breakout_rooms() -> None:
    house = House()
    ana, bea = house.enter("ana"), house.enter("bea")
    side = side_room(house, ana)
    house.switch(bea, PLAZA, side)
    house.router.unbind(ana)
    house.pass_time(6)

    room = house.parts.room(side)
    assert room is not None
    there = room.occupant("bea")
    assert there is not None and there.role == "moderator"


# The end


def test_the_meeting_ends_five_seconds_after_everybody_left() -> None:
    house = House()
    ana = house.enter("ana")
    side = side_room(house, ana)
    house.switch(ana, PLAZA, side)
    house.focus_leaves(PLAZA)
    house.router.unbind(ana)
    house.focus_leaves(side)
    house.pass_time(4.9)
    assert house.parts.room(PLAZA) is not None
    house.pass_time(0.2)
    assert house.parts.room(PLAZA) is None
    assert house.time.next_due() is None  # nothing is kept


def test_who_does_not_leave_a_closed_room_is_sent_away() -> None:
    house = House()
    ana, bea = house.enter("ana"), house.enter("bea")
    side = side_room(house, ana)
    house.switch(bea, PLAZA, side)
    command(house, ana, "open", seconds="60")
    house.pass_time(59)
    assert moves(bea) == []
    house.pass_time(2)
    assert moves(bea) == [str(PLAZA)]
    house.pass_time(10)

    room = house.parts.room(side)
    assert room is None or room.people == 0
    destroy = bea.got[-1].find("x", "*")
    assert destroy is not None and f"jid='{PLAZA}'" in str(destroy).replace('"', "'")


def test_the_end_for_all_ends_breakout_rooms_too() -> None:
    house = House()
    ana, bea = house.enter("ana"), house.enter("bea")
    side = side_room(house, ana)
    house.switch(bea, PLAZA, side)
    main = house.main
    house.mains.carry_out(main, main.dissolve(reason="over"), main.occupants())

    assert house.parts.room(side) is None
    assert bea.got[-1].get("type") == "unavailable" and "over" in str(bea.got[-1])


# A restart


def test_a_restart_leaves_rooms_people_and_time() -> None:
    house = House()
    ana, bea = house.enter("ana"), house.enter("bea")
    side = side_room(house, ana)
    command(house, ana, "open", seconds="600")
    house.switch(bea, PLAZA, side)
    house.pass_time(1)
    state = msgspec.json.decode(msgspec.json.encode(house.breakouts.dump(house.main)))
    assert "breakout_rooms" in house.touched

    after = House(time=house.time)
    after.breakouts.load(after.main, state)
    again = after.enter("ana2", "machine of ana")
    bea = after.person("bea")  # the same address
    after.join(after.focus, side)
    after.join(bea, side)
    third = after.enter("bea2", "machine of bea")
    after.pass_time(1)

    assert bea.errors() == []
    assert moves(third) == [str(side)]
    assert updates(again)[-1]["isOpen"] is True
    assert updates(again)[-1]["closesAt"] == updates(ana)[-1]["closesAt"]
    assert after.breakouts.dump(after.main)["plan"] == state["plan"]


def test_who_was_here_all_along_is_of_the_meeting_after_a_restart() -> None:
    house = House()
    ana = house.enter("ana")
    side = side_room(house, ana)
    state = msgspec.json.decode(msgspec.json.encode(house.breakouts.dump(house.main)))

    after = House()
    again = after.enter("ana")  # its seat was restored: the part was not told
    after.breakouts._meetings.clear()
    after.breakouts.load(after.main, state)
    after.switch(again, PLAZA, side)
    after.focus_leaves(PLAZA)
    after.router.unbind(again)
    after.focus_leaves(side)
    after.pass_time(6)

    assert after.parts.room(PLAZA) is None


def test_whose_client_is_gone_is_not_told_of() -> None:
    house = House()
    ana, bea = house.enter("ana"), house.enter("bea")
    main = house.main
    house.mains.carry_out(main, main.hibernate(bea.jid, now=house.time.clock()), main.occupants())
    side_room(house, ana)

    assert list(updates(ana)[-1]["rooms"]["plaza"]["participants"]) == [f"{PLAZA}/ana"]
