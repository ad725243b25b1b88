"""Parts of rooms: when they are told, whom they hear, and what they may not break."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tertulia.rooms import RoomPolicy, RoomService
from tertulia.rooms.occupant import Occupant
from tertulia.rooms.parts import Part, Parts, addresses, people, require_moderator
from tertulia.rooms.room import Room
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Router
from tertulia.xmpp.stanza import read_error
from tertulia.xmpp.xml import Element, parse_document

HOST = "meet.example"
ROOM = f"plaza@conference.{HOST}"


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


class Someone:
    def __init__(self, jid: str) -> None:
        self.jid = Jid.parse(jid)
        self.got: list[Element] = []

    def deliver(self, stanza: Element) -> None:
        self.got.append(stanza)


class Table:
    def __init__(self) -> None:
        self.router = Router()
        self.bell = Bell()
        self.parts = Parts(self.router)
        self.parts.add(self.bell)
        self.focus = Someone(f"focus@auth.{HOST}/focus")
        self.ana = Someone(f"ana@{HOST}/1")
        self.bea = Someone(f"bea@{HOST}/1")
        self.service = RoomService(
            self.router,
            f"conference.{HOST}",
            RoomPolicy.meetings(HOST, self.focus.jid),
            parts=self.parts,
        )
        for each in (self.focus, self.ana, self.bea):
            self.router.bind(each)
        for each, nick in ((self.focus, "focus"), (self.ana, "ana"), (self.bea, "bea")):
            self.send(
                each,
                f"<presence to='{ROOM}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
            )

    def send(self, sender: Someone, stanza: str) -> list[Element]:
        """What the sender has got since."""
        sender.got.clear()
        element = parse_document(stanza.replace(" ", " xmlns='jabber:client' ", 1))
        element.attrs["from"] = str(sender.jid)
        self.router.route(element)
        return sender.got


def test_what_a_part_says_before_entry_comes_before_the_presences() -> None:
    table = Table()

    assert [each.name for each in table.bea.got][:2] == ["message", "presence"]
    assert table.bea.got[0].get("from") == f"bell.{HOST}"


def test_notices_come_in_the_order_of_events_and_never_for_the_focus() -> None:
    table = Table()
    table.send(table.bea, f"<presence to='{ROOM}/bea'><a/></presence>")
    table.send(table.ana, f"<presence type='unavailable' to='{ROOM}/ana'/>")
    table.router.unbind(table.bea)
    table.router.unbind(table.focus)

    assert table.bell.diary == [
        "ana entered",
        "bea entered",
        "bea changed to none",
        "ana left",
        "bea changed to owner",
        "bea left",
        "ended",
    ]


def test_a_message_from_an_occupant_reaches_everybody_but_the_focus() -> None:
    table = Table()
    table.focus.got.clear()

    got = table.send(table.ana, f"<message to='bell.{HOST}'><ring/></message>")

    assert "".join(each.text for each in got[0].elements()) == '{"type":"bell","rung":"ana"}'
    assert table.bea.got[-1].get("from") == f"bell.{HOST}"
    assert not table.focus.got


def test_who_may_not_and_who_is_not_in_a_room_are_told_so() -> None:
    table = Table()

    refused = table.send(table.bea, f"<message to='bell.{HOST}'><ring/></message>")
    assert read_error(refused[0]).condition == "forbidden"

    stranger = Someone(f"eve@{HOST}/1")
    table.router.bind(stranger)
    refused = table.send(stranger, f"<message to='bell.{HOST}'><ring/></message>")
    assert read_error(refused[0]).condition == "not-acceptable"


def test_a_part_is_discovered_at_its_address() -> None:
    table = Table()
    query = "<query xmlns='http://jabber.org/protocol/disco#info'/>"

    got = table.send(table.ana, f"<iq type='get' id='1' to='bell.{HOST}'>{query}</iq>")

    info = got[0].find("query", "http://jabber.org/protocol/disco#info")
    assert info is not None
    assert "urn:example:bell" in [each.get("var") for each in info.find_all("feature")]
    assert [(each.type, each.name) for each in table.parts.identities()] == [
        ("bell", f"bell.{HOST}")
    ]
