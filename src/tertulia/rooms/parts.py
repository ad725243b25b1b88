"""What hangs on rooms: moderation, polls, metadata and the like, each a part with its own address.

Stock clients learn the addresses from disco#info of the host (signalling reference 1.9) and talk to
a part by messages; parts answer with JSON (signalling reference 6). A part is told of everything
that happens in every room of the services it is attached to, and keeps what it knows by room.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Protocol

import msgspec

from tertulia.errors import PeerError
from tertulia.rooms.administration import Configuration
from tertulia.rooms.errors import NotInRoom, NotPermitted
from tertulia.rooms.events import Delivery, Disappeared
from tertulia.rooms.occupant import Occupant, Role
from tertulia.rooms.room import Room
from tertulia.xmpp import ns as NS
from tertulia.xmpp.disco import DiscoInfo, Identity
from tertulia.xmpp.errors import ServiceUnavailable
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Fanout, Router
from tertulia.xmpp.services import IqTable, pong
from tertulia.xmpp.stanza import address, refusal
from tertulia.xmpp.xml import Element


class Timer(Protocol):
    """What `Later` gives."""

    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Timer]


def call_later(delay_s: float, action: Callable[[], None]) -> Timer:
    """With the running loop."""
    return asyncio.get_running_loop().call_later(delay_s, action)


class Hall(Protocol):
    """The MUC service of a domain, as parts see it."""

    def room(self, node: str) -> Room | None: ...

    def rooms(self) -> Sequence[Room]: ...

    def rooms_of(self, jid: Jid) -> Sequence[Room]:
        """The rooms in which this real full JID is an occupant, oldest first."""

    def carry_out(
        self, room: Room, deliveries: Sequence[Delivery], before: Sequence[Occupant]
    ) -> None:
        """Send what the room said, and tell everybody concerned who left or changed since
        `before`, the room's occupants at that time."""

    def settle(self, room: Room) -> None:
        """End the room when it is over."""


class Part:
    """One kind of thing that hangs on rooms. Override what matters; everything here does nothing.

    None of the notices may raise.
    """

    name: ClassVar[str] = ""  # identity type in disco#info of the host
    features: tuple[str, ...] = ()  # more of them in disco#info of the part

    def __init__(self, domain: str) -> None:
        """`domain`: its address, "" for a part that nobody talks to."""
        self.domain = domain
        self.parts: Parts  # set by `Parts.add`

    def added(self) -> None:
        """`parts` is there: listen to what else matters."""

    # Notices, in the order in which they come

    def opened(self, room: Room) -> None:
        """A room begins; nobody is in it yet, not even the focus."""

    def before_entry(self, room: Room, newcomer: Occupant) -> Iterable[Any]:
        """JSON objects for somebody who has been let in and does not know it yet (4.3)."""
        return ()

    def entered(self, room: Room, newcomer: Occupant) -> None:
        """Somebody is in, and everybody knows. The focus never comes here."""

    def changed(self, room: Room, before: Occupant, now: Occupant) -> None:
        """Presence or affiliation of somebody is new."""

    def configured(self, room: Room, before: Configuration, actor: Occupant) -> None:
        """An owner has submitted the room's form, and everybody knows."""

    def said(self, room: Room) -> None:
        """Something was said to everybody, or what was said before has changed."""

    def relayed(self, room: Room, sender: Occupant, peer: Occupant, request: Element) -> None:
        """Somebody has asked somebody else in the room something, and it was passed on."""

    def farewell(self, room: Room, gone: Disappeared) -> None:
        """How somebody left (codes, what it said last), before `left`."""

    def left(self, room: Room, occupant: Occupant) -> None:
        """Somebody is gone; the room may be empty now."""

    def ended(self, room: Room) -> None:
        """The room is no more: forget it."""

    # Requests

    def take(self, stanza: Element) -> None:
        """A stanza to the part's domain or to a node at it. Never raises."""
        self.parts.handle(self, stanza)

    def addressed(self, room: Room, sender: Jid, stanza: Element) -> bool:
        """A message without a type to a room itself; True when it was for this part.

        The sender may be in a breakout room, or nowhere. Raises: PeerError.
        """
        return False

    def message(self, room: Room, sender: Occupant, stanza: Element) -> None:
        """A message to the part's address from an occupant of `room`. Raises: PeerError."""
        raise ServiceUnavailable("this service has no inbox")

    # What survives a restart of the process

    def dump(self, room: Room) -> Any:
        """What is known of the room as plain data (JSON types), None for nothing."""
        return None

    def load(self, room: Room, state: Any) -> None:
        """Take back what `dump` gave, before anybody comes back.

        Raises: msgspec.ValidationError when it is not of this version.
        """

    # Within

    def tell(self, to: Iterable[Jid], payload: Any) -> None:
        """Send a JSON object to full JIDs."""
        self.parts.send(json_message(self.domain, payload), to)

    def touched(self, room: Room) -> None:
        """What `dump` gives has changed."""
        self.parts.on_touched(room, self.name)


class Parts:
    """All parts of one site, and the way to them."""

    def __init__(
        self,
        router: Router,
        *,
        clock: Callable[[], float] = time.time,
        on_touched: Callable[[Room, str], None] = lambda room, part: None,
        later: Later = call_later,
    ) -> None:
        """
        Args:
            clock: seconds since the epoch.
            later: calls something after so many seconds, unless it is cancelled.
            on_touched: told when what a part keeps about a room has changed.
        """
        self.router = router
        self.clock = clock
        self.later = later
        self.on_touched = on_touched
        self._parts: dict[str, Part] = {}  # by name
        self._halls: dict[str, Hall] = {}  # by MUC domain
        self._iqs: dict[str, IqTable] = {}  # by the part's name

    def add(self, part: Part, *, serve: bool = True) -> None:
        """
        Args:
            serve: have the router give us what is addressed to the part's domain; without, somebody
                else (a MUC service of the same domain) calls `handle`.
        """
        part.parts = self
        self._parts[part.name] = part
        iqs = self._iqs[part.name] = IqTable()
        iqs.on("get", "ping", NS.PING, pong)
        iqs.on("get", "query", NS.DISCO_INFO, lambda query, _: _info(part).build(query.get("node")))
        part.added()
        if serve:
            self.router.serve(part.domain, part.take)

    def attach(self, domain: str, hall: Hall) -> None:
        """Have the rooms of a MUC domain known to the parts."""
        self._halls[domain] = hall

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts.values())

    def part(self, name: str) -> Part | None:
        return self._parts.get(name)

    def identities(self) -> tuple[Identity, ...]:
        """For disco#info of the host."""
        return tuple(
            Identity(category="component", type=part.name, name=part.domain)
            for part in self._parts.values()
            if part.domain
        )

    def features(self) -> tuple[str, ...]:
        """Of all parts, for clients that hear of them in one go (signalling reference 1.8)."""
        return tuple(each for part in self._parts.values() for each in part.features)

    def hall_of(self, room: Jid) -> Hall | None:
        return self._halls.get(room.domain)

    def room(self, jid: Jid) -> Room | None:
        """The open room of this address, in whichever MUC domain."""
        hall = self._halls.get(jid.domain)
        return None if hall is None else hall.room(jid.node)

    def room_of(self, jid: Jid) -> Room | None:
        """The room in which somebody is; of several, the one it entered first."""
        for hall in self._halls.values():
            for room in hall.rooms_of(jid):
                return room
        return None

    def family(self, main: Room) -> list[Room]:
        """A main room and its breakout rooms that are open."""
        if not main.has_breakouts:
            return [main]
        halls = self._halls.values()
        return [main, *(r for hall in halls for r in hall.rooms() if r.main is main)]

    # In

    def handle(self, part: Part, stanza: Element) -> None:
        """Take a stanza addressed to a part. Never raises."""
        sender = address(stanza.get("from"))
        if sender is None or stanza.name == "presence" or stanza.get("type") == "error":
            return
        if stanza.name == "iq":
            answer = self._iqs[part.name].answer(stanza)
            if answer is not None:
                self.router.route(answer)
            return
        try:
            room = self.room_of(sender)
            occupant = None if room is None else room.occupant_of(sender)
            if room is None or occupant is None:
                raise NotInRoom
            part.message(room, occupant, stanza)
        except PeerError as error:
            answer = refusal(stanza, error)
            if answer is not None:
                self.router.route(answer)

    def iqs(self, part: Part) -> IqTable:
        """What the part answers besides ping and discovery is registered here."""
        return self._iqs[part.name]

    # Notices of the MUC services

    def opened(self, room: Room) -> None:
        for part in self._parts.values():
            part.opened(room)

    def before_entry(self, room: Room, newcomer: Occupant) -> None:
        for part in self._parts.values():
            for payload in part.before_entry(room, newcomer):
                part.tell((newcomer.jid,), payload)

    def addressed(self, room: Room, sender: Jid, stanza: Element) -> bool:
        """Whether one of the parts has taken a message to a room (`Part.addressed`)."""
        return any(part.addressed(room, sender, stanza) for part in self._parts.values())

    def entered(self, room: Room, newcomer: Occupant) -> None:
        for part in self._parts.values():
            part.entered(room, newcomer)

    def changed(self, room: Room, before: Occupant, now: Occupant) -> None:
        for part in self._parts.values():
            part.changed(room, before, now)

    def configured(self, room: Room, before: Configuration, actor: Occupant) -> None:
        for part in self._parts.values():
            part.configured(room, before, actor)

    def said(self, room: Room) -> None:
        for part in self._parts.values():
            part.said(room)

    def relayed(self, room: Room, sender: Occupant, peer: Occupant, request: Element) -> None:
        for part in self._parts.values():
            part.relayed(room, sender, peer, request)

    def farewell(self, room: Room, gone: Disappeared) -> None:
        for part in self._parts.values():
            part.farewell(room, gone)

    def left(self, room: Room, occupant: Occupant) -> None:
        for part in self._parts.values():
            part.left(room, occupant)

    def ended(self, room: Room) -> None:
        for part in self._parts.values():
            part.ended(room)

    # Out

    def send(self, stanza: Element, to: Iterable[Jid]) -> None:
        self.router.broadcast(Fanout(stanza), to)


def json_message(sender: str, payload: Any) -> Element:
    """How parts speak (signalling reference 6): no type, no resource, the namespace spelt out.

    `payload` is serialised here from parsed values: foreign JSON is never passed on as text.
    """
    text = msgspec.json.encode(payload).decode()
    child = Element("json-message", {}, text, ns=NS.JITMEET)
    return Element("message", {"from": sender}, child, ns=NS.CLIENT)


def people(room: Room) -> list[Occupant]:
    """Everybody but the focus, in the order in which they came."""
    return [each for each in room.occupants() if not room.is_focus(each.jid)]


def moderators(room: Room) -> list[Occupant]:
    return [each for each in people(room) if each.role is Role.MODERATOR]


def addresses(occupants: Iterable[Occupant]) -> tuple[Jid, ...]:
    return tuple(each.jid for each in occupants)


def require_moderator(occupant: Occupant) -> None:
    """Raises: NotPermitted."""
    if occupant.role is not Role.MODERATOR:
        raise NotPermitted("only moderators may do that")


def _info(part: Part) -> DiscoInfo:
    return DiscoInfo(
        identities=(Identity(category="component", type=part.name, name=part.domain),),
        features=(NS.DISCO_INFO, NS.PING, *part.features),
    )
