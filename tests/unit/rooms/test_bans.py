"""Bans hold for people who come under another address, as far as they can be told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.rooms.house import FOCUS, HOST, House

from tertulia.rooms import RoomPolicy
from tertulia.rooms.bans import Bans, Trace
from tertulia.rooms.kept import KeptRoom
from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.jid import Jid

BEA, NEW = Jid.parse(f"bea@{HOST}"), Jid.parse(f"new@{HOST}")
NAMED = "<nick xmlns='http://jabber.org/protocol/nick'>{}</nick>"


@pytest.mark.parametrize(
    ("trace", "name", "holds"),
    [
        (Trace("192.0.2.1", "m1"), "Bea", True),
        (Trace("198.51.100.7", "m1"), "Somebody", True),  # the same machine elsewhere
        (Trace("192.0.2.1", "m2"), "BEA", True),  # the same name from the same network
        (Trace("192.0.2.1", "m2"), "Cai", False),  # a classmate
        (Trace("198.51.100.7", "m2"), "Bea", False),  # a namesake
        (Trace("192.0.2.1", ""), "", False),
        (Trace(), "Bea", False),
    ],
)
def test_whom_a_ban_is_about(trace: Trace, name: str, holds: bool) -> None:
    bans = Bans(10)
    bans.add(BEA, Trace("192.0.2.1", "m1"), "Bea")

    assert bans.holds(NEW, trace, name) is holds


def test_nothing_known_of_somebody_bans_nobody_else() -> None:
    bans = Bans(10)
    bans.add(BEA, Trace(), "")

    assert not bans.holds(NEW, Trace(), "")
    assert bans.holds(BEA, Trace(), "")


def test_a_ban_can_be_lifted_and_the_oldest_is_forgotten() -> None:
    bans = Bans(2)
    for number in range(3):
        bans.add(Jid.parse(f"p{number}@{HOST}"), Trace(machine=f"m{number}"), "")

    assert not bans.holds(NEW, Trace(machine="m0"), "")
    bans.lift(Jid.parse(f"p1@{HOST}"))
    assert [bans.holds(NEW, Trace(machine=f"m{n}"), "") for n in range(3)] == [False, False, True]


def test_who_was_banned_does_not_come_back_under_a_new_address() -> None:
    traces = {"bea": Trace("192.0.2.1", "m1"), "new": Trace("203.0.113.5", "m1")}
    policy = RoomPolicy.meetings(HOST, FOCUS)
    house = House(policy=replace(policy, trace_of=lambda jid: traces.get(jid.node, Trace())))
    for name in ("ana", "bea", "cai"):
        house.join(name, beside=NAMED.format(name))

    house.affiliate("ana", "bea", "outcast")

    assert house.join("new", beside=NAMED.format("Dora")) == "forbidden"
    assert house.join("bea") == "forbidden"
    assert house.join("dan") == ""
    house.affiliate("ana", "bea", "none")
    assert house.join("new") == ""


def test_whose_room_it_is_is_not_removed_by_those_it_promotes() -> None:
    zoe = Admission(is_authenticated=True, account=f"zoe@{HOST}")
    policy = replace(
        RoomPolicy.meetings(HOST, FOCUS),
        kept=lambda room: KeptRoom(owner=zoe.account),
        admission_of=lambda jid: zoe if jid.node == "zoe" else GUEST,
    )
    house = House(policy=policy)
    for name in ("zoe", "bea"):
        house.join(name)
    house.affiliate("zoe", "bea", "owner")

    assert house.affiliate("bea", "zoe", "none") == "not-allowed"
    assert house.affiliate("bea", "zoe", "outcast") == "not-allowed"
    assert house.affiliate("zoe", "bea", "none") == ""
