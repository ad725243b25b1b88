"""A main room and its breakout rooms: names, rights and the end are common to them."""

from __future__ import annotations

import pytest

from tertulia.rooms import RoomPolicy
from tertulia.rooms.administration import AffiliationChange
from tertulia.rooms.errors import NicknameConflict, NotPermitted
from tertulia.rooms.occupant import Affiliation
from tertulia.rooms.room import Room
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element, parse_document

HOST = "meet.example"
FOCUS = Jid("focus", f"auth.{HOST}", "focus")
ANA, BEA = Jid("ana", HOST, "1"), Jid("bea", HOST, "1")
JOIN = parse_document("<presence xmlns='jabber:client'/>")
SWITCHES = parse_document("<presence xmlns='jabber:client'><status>switch_room</status></presence>")


class Table:
    """A main room with a breakout room, the focus in both."""

    def __init__(self) -> None:
        policy = RoomPolicy.meetings(HOST, FOCUS)
        self.main = Room(Jid("plaza", f"conference.{HOST}"), policy)
        self.side = Room(Jid("side", f"breakout.{HOST}"), policy)
        self.main.has_breakouts = True
        self.side.main = self.main
        for room in (self.main, self.side):
            self.enter(room, FOCUS)

    def enter(self, room: Room, jid: Jid, nick: str = "") -> None:
        room.join(jid, nick or jid.node, JOIN, now=0.0)

    def switch(self, jid: Jid) -> None:
        self.main.leave(jid, SWITCHES)
        self.enter(self.side, jid)


def test_only_those_of_the_main_room_enter() -> None:
    table = Table()
    table.enter(table.main, ANA)

    with pytest.raises(NotPermitted):
        table.enter(table.side, BEA)

    table.switch(ANA)
    assert table.side.occupant("ana") is not None


def test_a_nickname_on_its_way_is_nobody_elses() -> None:
    table = Table()
    table.enter(table.main, ANA)
    table.main.leave(ANA, SWITCHES)

    with pytest.raises(NicknameConflict):
        table.enter(table.main, BEA, "ana")
    table.enter(table.main, BEA)
    with pytest.raises(NicknameConflict):
        table.enter(table.side, BEA, "ana")
    table.enter(table.main, ANA)  # its own is


def test_a_moderator_stays_one_in_a_breakout_room() -> None:
    table = Table()
    table.enter(table.main, ANA)
    table.enter(table.main, BEA)
    table.switch(ANA)

    ana, bea = table.side.occupant("ana"), table.main.occupant("bea")
    assert ana is not None and bea is not None
    assert ana.affiliation is Affiliation.OWNER
    assert bea.affiliation is Affiliation.NONE


def test_who_leaves_for_good_has_a_successor() -> None:
    table = Table()
    table.enter(table.main, ANA)
    table.enter(table.main, BEA)
    table.switch(ANA)
    table.side.leave(ANA)

    deliveries = table.main.forget_visitor(ANA)

    bea = table.main.occupant("bea")
    assert bea is not None and bea.affiliation is Affiliation.OWNER and deliveries


def test_rights_given_in_a_breakout_room_hold_in_the_main_room() -> None:
    table = Table()
    for jid in (ANA, BEA):
        table.enter(table.main, jid)
    for jid in (ANA, BEA):
        table.switch(jid)

    table.side.administer(ANA, [AffiliationChange(jid=BEA.bare, affiliation=Affiliation.OWNER)])

    assert table.main.affiliation_of(BEA) is Affiliation.OWNER


def test_the_main_room_lasts_as_long_as_its_breakout_rooms() -> None:
    table = Table()
    table.enter(table.main, ANA)
    table.switch(ANA)
    table.main.leave(FOCUS)

    assert table.main.is_empty and not table.main.is_over
    table.side.leave(ANA)
    table.main.forget_visitor(ANA)
    assert table.main.is_over


def test_switching_means_nothing_without_breakout_rooms() -> None:
    room = Room(Jid("plaza", f"conference.{HOST}"), RoomPolicy.meetings(HOST, FOCUS))
    room.join(FOCUS, "focus", Element("presence"), now=0.0)
    room.join(ANA, "ana", JOIN, now=0.0)
    room.leave(ANA, SWITCHES)

    assert room.elsewhere == {}
