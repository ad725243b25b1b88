"""A room service with parts and people, without sockets: the arrangement of the parts' tests."""

from __future__ import annotations

from typing import Any

import msgspec

from tertulia.rooms import RoomPolicy, RoomService
from tertulia.rooms.parts import Part, Parts
from tertulia.rooms.room import Room
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Router
from tertulia.xmpp.stanza import read_error
from tertulia.xmpp.xml import Element, parse_document

HOST = "meet.example"
ROOM = f"plaza@conference.{HOST}"
_MUC = "<x xmlns='http://jabber.org/protocol/muc'>{}</x>"


class Someone:
    """A bound session that keeps what it gets."""

    def __init__(self, jid: str) -> None:
        self.jid = Jid.parse(jid)
        self.got: list[Element] = []

    def deliver(self, stanza: Element) -> None:
        self.got.append(stanza)


class House:
    """The focus is in the room; people come when they are told to, each under the own name."""

    def __init__(self, *parts: Part, policy: RoomPolicy | None = None) -> None:
        self.now = 1_000_000.0
        self.router = Router()
        self.parts = Parts(self.router, clock=lambda: self.now)
        for each in parts:
            self.parts.add(each)
        self.people: dict[str, Someone] = {}
        focus = self._someone("focus", f"focus@auth.{HOST}/focus")
        self.service = RoomService(
            self.router,
            f"conference.{HOST}",
            policy or RoomPolicy.meetings(HOST, focus.jid),
            parts=self.parts,
            clock=lambda: self.now,
        )
        self.joins("focus")

    def _someone(self, name: str, jid: str) -> Someone:
        person = self.people[name] = Someone(jid)
        self.router.bind(person)
        return person

    def someone(self, name: str) -> Someone:
        return self.people.get(name) or self._someone(name, f"{name}@{HOST}/1")

    def room(self) -> Room:
        room = self.service.room("plaza")
        assert room is not None
        return room

    # What people do

    def sends(self, name: str, stanza: str) -> str:
        """Returns: the condition of the refusal it gets at once, or nothing."""
        person = self.someone(name)
        before = len(person.got)
        element = parse_document(stanza.replace(" ", " xmlns='jabber:client' ", 1))
        element.attrs["from"] = str(person.jid)
        self.router.route(element)
        answers = [each for each in person.got[before:] if each.get("type") == "error"]
        return read_error(answers[0]).condition if answers else ""

    def joins(self, name: str, inside: str = "", beside: str = "") -> str:
        """
        Args:
            inside: what the presence says within the MUC element, such as a password.
            beside: its other children.
        """
        muc = _MUC.format(inside)
        return self.sends(name, f"<presence to='{ROOM}/{name}'>{muc}{beside}</presence>")

    def leaves(self, name: str) -> None:
        self.sends(name, f"<presence type='unavailable' to='{ROOM}/{name}'/>")

    def affiliates(self, name: str, whom: str, affiliation: str) -> str:
        item = f"<item affiliation='{affiliation}' jid='{self.someone(whom).jid.bare}'/>"
        query = f"<query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query>"
        return self.sends(name, f"<iq type='set' id='a' to='{ROOM}'>{query}</iq>")

    # What they get

    def json(self, name: str) -> list[dict[str, Any]]:
        """The JSON of parts, in order."""
        told = [each.find("json-message", "*") for each in self.someone(name).got]
        return [msgspec.json.decode(each.text) for each in told if each is not None]

    def forget(self) -> None:
        """What came so far is of no interest."""
        for each in self.people.values():
            each.got.clear()
