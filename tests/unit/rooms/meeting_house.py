"""A house for tests of parts: rooms and breakout rooms with a made-up clock, and people in them."""

from __future__ import annotations

import json
from typing import Any

from tests.protocol.made_up_time import MadeUpTime

from tertulia.rooms import RoomPolicy, RoomService
from tertulia.rooms.breakouts import BreakoutRooms
from tertulia.rooms.parts import Part, Parts
from tertulia.rooms.persons import Persons
from tertulia.rooms.room import Room
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Router
from tertulia.xmpp.stanza import read_error
from tertulia.xmpp.xml import Element, parse_document

HOST = "meet.example"
PLAZA = Jid("plaza", f"conference.{HOST}")


class Someone:
    """A session that keeps what it gets."""

    def __init__(self, jid: str) -> None:
        self.jid = Jid.parse(jid)
        self.got: list[Element] = []

    def deliver(self, stanza: Element) -> None:
        self.got.append(stanza)

    @property
    def nick(self) -> str:
        return self.jid.node

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The JSON of one type that it was sent, oldest first."""
        found = []
        for stanza in self.got:
            for child in stanza.elements():
                if stanza.name == "message" and child.name == "json-message":
                    payload = json.loads(child.text)
                    if payload.get("type") == kind:
                        found.append(payload)
        return found

    def errors(self) -> list[str]:
        return [read_error(each).condition for each in self.got if each.get("type") == "error"]


class House:
    """A main room with the focus in it, its breakout rooms, and whatever parts a test brings."""

    def __init__(self, *more: Part, time: MadeUpTime | None = None) -> None:
        self.time = time or MadeUpTime()
        self.touched: list[str] = []
        self.router = Router()
        self.parts = Parts(
            self.router,
            clock=self.time.clock,
            later=self.time.later,
            on_touched=lambda room, part: self.touched.append(part),
        )
        self.persons = Persons()
        self.breakouts = BreakoutRooms(f"breakout.{HOST}", persons=self.persons)
        self.parts.add(self.breakouts, serve=False)
        for part in more:
            self.parts.add(part)
        self.focus = Someone(f"focus@auth.{HOST}/focus")
        self.router.bind(self.focus)
        policy = RoomPolicy.meetings(HOST, self.focus.jid)
        self.mains = RoomService(
            self.router, PLAZA.domain, policy, parts=self.parts, clock=self.time.clock
        )
        self.sides = RoomService(
            self.router,
            self.breakouts.domain,
            policy,
            parts=self.parts,
            at_domain=lambda stanza: self.parts.handle(self.breakouts, stanza),
            clock=self.time.clock,
        )
        self.join(self.focus)

    @property
    def main(self) -> Room:
        room = self.mains.room(PLAZA.node)
        assert room is not None
        return room

    def person(self, name: str, machine: str = "") -> Someone:
        """Somebody who has just connected."""
        someone = Someone(f"{name}@{HOST}/1")
        self.router.bind(someone)
        self.persons.asked(someone.jid, machine or f"machine of {name}")
        return someone

    def send(self, sender: Someone, stanza: str) -> None:
        element = parse_document(stanza.replace(" ", " xmlns='jabber:client' ", 1))
        element.attrs["from"] = str(sender.jid)
        self.router.route(element)

    def join(self, who: Someone, room: Jid = PLAZA, *, extra: str = "") -> Someone:
        muc = "<x xmlns='http://jabber.org/protocol/muc'/>"
        self.send(who, f"<presence to='{room}/{who.nick}'>{muc}{extra}</presence>")
        return who

    def enter(self, name: str, machine: str = "") -> Someone:
        return self.join(self.person(name, machine))

    def leave(self, who: Someone, room: Jid = PLAZA, status: str = "") -> None:
        text = f"<status>{status}</status>" if status else ""
        self.send(who, f"<presence type='unavailable' to='{room}/{who.nick}'>{text}</presence>")

    def switch(self, who: Someone, start: Jid, end: Jid) -> None:
        """As stock clients go from one room to another, the focus in front."""
        self.leave(who, start, "switch_room")
        if self.parts.room(end) is None or not self.parts.room(end).has_focus:  # type: ignore[union-attr]
            self.join(self.focus, end)
        self.join(who, end)

    def focus_leaves(self, room: Jid) -> None:
        self.leave(self.focus, room)

    def pass_time(self, seconds: float) -> None:
        """Let what is due within that time happen."""
        until = self.time.clock() + seconds
        while (due := self.time.next_due()) is not None and due <= until:
            self.time.advance()
        self.time.move_to(until)
