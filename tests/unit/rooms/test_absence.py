"""People whose client is gone and may come back: what those who come meanwhile get to read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.rooms.house import FOCUS, HOST, PLAZA

from tertulia.rooms.bans import Trace
from tertulia.rooms.events import Delivery, Said
from tertulia.rooms.kept import KeptRoom
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.room import Room
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element, parse_document

ANA, BEA, CAI, ANA_ANEW = (Jid(name, HOST, "1") for name in ("ana", "bea", "cai", "ana2"))
EMPTY = Element("presence", ns="jabber:client")
HELLO = parse_document("<message xmlns='jabber:client' id='1'><body>hello</body></message>")


def deserted_room(kept: KeptRoom | None = None) -> Room:
    """Ana has said something, and her connection is gone."""
    machines = {ANA: "hers", ANA_ANEW: "hers"}
    policy = replace(
        RoomPolicy.meetings(HOST, FOCUS),
        kept=lambda jid: kept,
        trace_of=lambda jid: Trace(machine=machines.get(jid, jid.node)),
    )
    room = Room(PLAZA, policy)
    for jid in (FOCUS, ANA):
        room.join(jid, jid.node, EMPTY, now=0.0)
    room.say(ANA, HELLO, now=1.0)
    room.hibernate(ANA, now=2.0)
    return room


def read_by(jid: Jid, deliveries: list[Delivery]) -> list[str]:
    said = (each.children for each in deliveries if isinstance(each, Said) and jid in each.to)
    return [child.text for children in said for child in children if child.name == "body"]


def test_who_meets_nobody_does_not_read_what_was_said() -> None:
    room = deserted_room()

    assert read_by(BEA, room.join(BEA, "bea", EMPTY, now=3.0)) == []
    assert read_by(CAI, room.join(CAI, "cai", EMPTY, now=3.0)) == ["hello"]  # Bea is there by now


def test_who_is_away_gets_what_it_missed() -> None:
    room = deserted_room()
    room.join(BEA, "bea", EMPTY, now=3.0)
    room.say(BEA, HELLO, now=4.0)

    assert read_by(ANA, room.wake(ANA)) == ["hello"]


@pytest.mark.parametrize(
    ("who", "kept"), [(ANA_ANEW, None), (BEA, KeptRoom(chat_retention="30"))], ids=["page", "days"]
)
def test_a_new_page_of_who_is_away_reads_and_so_does_everybody_where_chat_is_kept(
    who: Jid, kept: KeptRoom | None
) -> None:
    room = deserted_room(kept)

    assert read_by(who, room.join(who, who.node, EMPTY, now=3.0)) == ["hello"]


def test_those_in_breakout_rooms_are_somebody() -> None:
    room = deserted_room()
    room.wake(ANA)
    room.has_breakouts = True
    room.join(BEA, "bea", EMPTY, now=3.0)
    switches = "<presence xmlns='jabber:client'><status>switch_room</status></presence>"
    room.leave(BEA, parse_document(switches))
    room.hibernate(ANA, now=4.0)

    assert read_by(CAI, room.join(CAI, "cai", EMPTY, now=5.0)) == ["hello"]
