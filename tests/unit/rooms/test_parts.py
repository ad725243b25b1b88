"""Parts of rooms: when they are told, whom they hear, and what they may not break."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.unit.rooms.house import HOST, PLAZA, House

from tertulia.rooms.occupant import Occupant
from tertulia.rooms.parts import Part, addresses, people, require_moderator
from tertulia.rooms.room import Room
from tertulia.xmpp.xml import Element


class Bell(Part):
    """Moderators ring, everybody hears it; keeps a diary of its notices."""

    name = "bell"
    features = ("urn:example:bell",)

    def __init__(self) -> None:
        super().__init__(f"bell.{HOST}")
        self.diary: list[str] = []

    def before_entry(self, room: Room, newcomer: Occupant) -> Iterable[Any]:
        return ({"type": "bell", "hello": newcomer.nick},)

    def entered(self, room: Room, newcomer: Occupant) -> None:
        self.diary.append(f"{newcomer.nick} entered")

    def changed(self, room: Room, before: Occupant, now: Occupant) -> None:
        self.diary.append(f"{now.nick} changed to {now.affiliation}")

    def left(self, room: Room, occupant: Occupant) -> None:
        self.diary.append(f"{occupant.nick} left")

    def ended(self, room: Room) -> None:
        self.diary.append("ended")

    def message(self, room: Room, sender: Occupant, stanza: Element) -> None:
        require_moderator(sender)
        self.tell(addresses(people(room)), {"type": "bell", "rung": sender.nick})


class Belfry(House):
    """Ana and Bea are in the room; the bell hangs in it."""

    def __init__(self) -> None:
        self.bell = Bell()
        super().__init__(self.bell)
        self.ana, self.bea = self.enter("ana"), self.enter("bea")


def test_what_a_part_says_before_entry_comes_before_the_presences() -> None:
    house = Belfry()

    assert [each.name for each in house.bea.got][:2] == ["message", "presence"]
    assert house.bea.got[0].get("from") == f"bell.{HOST}"


def test_notices_come_in_the_order_of_events_and_never_for_the_focus() -> None:
    house = Belfry()
    house.send(house.bea, f"<presence to='{PLAZA}/bea'><a/></presence>")
    house.leave(house.ana)
    house.router.unbind(house.bea)
    house.router.unbind(house.focus)

    assert house.bell.diary == [
        "ana entered",
        "bea entered",
        "bea changed to none",
        "ana left",
        "bea changed to owner",
        "bea left",
        "ended",
    ]


def test_a_message_from_an_occupant_reaches_everybody_but_the_focus() -> None:
    house = Belfry()
    house.forget()

    house.send(house.ana, f"<message to='bell.{HOST}'><ring/></message>")

    assert house.ana.json() == house.bea.json() == [{"type": "bell", "rung": "ana"}]
    assert house.bea.got[-1].get("from") == f"bell.{HOST}"
    assert not house.focus.got


def test_who_may_not_and_who_is_not_in_a_room_are_told_so() -> None:
    house = Belfry()
    ring = f"<message to='bell.{HOST}'><ring/></message>"

    assert house.send("bea", ring) == "forbidden"
    assert house.send("eve", ring) == "not-acceptable"


def test_a_part_is_discovered_at_its_address() -> None:
    house = Belfry()
    query = "<query xmlns='http://jabber.org/protocol/disco#info'/>"

    house.send(house.ana, f"<iq type='get' id='1' to='bell.{HOST}'>{query}</iq>")

    info = house.ana.got[-1].find("query", "http://jabber.org/protocol/disco#info")
    assert info is not None
    assert "urn:example:bell" in [each.get("var") for each in info.find_all("feature")]
    assert ("bell", f"bell.{HOST}") in [(e.type, e.name) for e in house.parts.identities()]
