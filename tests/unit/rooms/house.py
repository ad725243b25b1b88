"""A house for tests of rooms and what hangs on them: a main room with the focus in it, its breakout
rooms, whatever parts a test brings, and people, with a made-up clock and without sockets."""

from __future__ import annotations

from typing import Any

import msgspec
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
FOCUS = Jid("focus", f"auth.{HOST}", "focus")
_MUC = "<x xmlns='http://jabber.org/protocol/muc'>{}</x>"


class Someone:
    """A session that keeps what it gets; its nickname is its node."""

    def __init__(self, jid: str) -> None:
        self.jid = Jid.parse(jid)
        self.got: list[Element] = []

    def deliver(self, stanza: Element) -> None:
        self.got.append(stanza)

    @property
    def nick(self) -> str:
        return self.jid.node

    def json(self) -> list[dict[str, Any]]:
        """The JSON of parts, in order."""
        told = [each.find("json-message", "*") for each in self.got]
        return [msgspec.json.decode(each.text) for each in told if each is not None]

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The JSON of one type."""
        return [each for each in self.json() if each.get("type") == kind]

    def errors(self) -> list[str]:
        return [read_error(each).condition for each in self.got if each.get("type") == "error"]


class House:
    """The focus is in the main room; people come when they are told to."""

    def __init__(
        self, *more: Part, policy: RoomPolicy | None = None, time: MadeUpTime | None = None
    ) -> None:
        self.time = time or MadeUpTime()
        self.touched: list[str] = []  # parts, by name
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
        policy = policy or RoomPolicy.meetings(HOST, FOCUS)
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
        self._people: dict[str, Someone] = {}
        self.focus = self._bound(str(FOCUS))
        self.join(self.focus)

    @property
    def main(self) -> Room:
        room = self.mains.room(PLAZA.node)
        assert room is not None
        return room

    # People

    def _bound(self, jid: str) -> Someone:
        someone = Someone(jid)
        self._people[someone.nick] = someone
        self.router.bind(someone)
        return someone

    def person(self, name: str, machine: str = "") -> Someone:
        """Somebody who has just connected, with a browser of its own unless it says another."""
        someone = self._bound(f"{name}@{HOST}/1")
        self.persons.asked(someone.jid, machine or f"machine of {name}")
        return someone

    def someone(self, who: str | Someone) -> Someone:
        """Who has this name, newly connected when nobody has."""
        if isinstance(who, Someone):
            return who
        return self._people.get(who) or self.person(who)

    def forget(self) -> None:
        """What came so far is of no interest."""
        for each in self._people.values():
            each.got.clear()

    # What they do; whoever does it is named or meant

    def send(self, who: str | Someone, stanza: str) -> str:
        """Returns: the condition of the refusal it gets at once, or nothing."""
        sender = self.someone(who)
        before = len(sender.errors())
        element = parse_document(stanza.replace(" ", " xmlns='jabber:client' ", 1))
        element.attrs["from"] = str(sender.jid)
        self.router.route(element)
        return "".join(sender.errors()[before : before + 1])

    def join(
        self, who: str | Someone, room: Jid = PLAZA, *, inside: str = "", beside: str = ""
    ) -> str:
        """
        Args:
            inside: what the presence says within the MUC element, such as a password.
            beside: its other children.
        """
        nick = self.someone(who).nick
        presence = f"<presence to='{room}/{nick}'>{_MUC.format(inside)}{beside}</presence>"
        return self.send(who, presence)

    def enter(self, name: str, machine: str = "", *, beside: str = "") -> Someone:
        """Somebody connects and joins the main room."""
        person = self.person(name, machine)
        self.join(person, beside=beside)
        return person

    def leave(self, who: str | Someone, room: Jid = PLAZA, status: str = "") -> None:
        text = f"<status>{status}</status>" if status else ""
        nick = self.someone(who).nick
        self.send(who, f"<presence type='unavailable' to='{room}/{nick}'>{text}</presence>")

    def switch(self, who: str | Someone, start: Jid, end: Jid) -> None:
        """As stock clients go from one room to another, the focus in front."""
        self.leave(who, start, "switch_room")
        there = self.parts.room(end)
        if there is None or not there.has_focus:
            self.join(self.focus, end)
        self.join(who, end)

    def affiliate(self, who: str | Someone, whom: str | Someone, affiliation: str) -> str:
        item = f"<item affiliation='{affiliation}' jid='{self.someone(whom).jid.bare}'/>"
        query = f"<query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query>"
        return self.send(who, f"<iq type='set' id='a' to='{PLAZA}'>{query}</iq>")

    def focus_leaves(self, room: Jid = PLAZA) -> None:
        self.leave(self.focus, room)

    def pass_time(self, seconds: float) -> None:
        """Let what is due within that time happen."""
        until = self.time.clock() + seconds
        while (due := self.time.next_due()) is not None and due <= until:
            self.time.advance()
        self.time.move_to(until)
