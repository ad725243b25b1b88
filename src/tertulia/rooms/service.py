"""The MUC service of one domain: stanzas in, the rooms' answers out.

No rule of rooms is here: this finds the room, calls it, and has the router deliver what it says.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from weakref import WeakKeyDictionary

from tertulia.errors import PeerError
from tertulia.rooms.discovery import service_info
from tertulia.rooms.errors import Banned, NotInRoom, RoomAndTokenMismatched, RoomDoesNotExist
from tertulia.rooms.events import (
    SELF_PRESENCE,
    Appeared,
    Delivery,
    Disappeared,
    OccupantJoined,
    OccupantLeft,
    RoomEnded,
    RoomEvent,
    RoomOpened,
)
from tertulia.rooms.occupant import Occupant
from tertulia.rooms.parts import Parts
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.requests import RoomRequests
from tertulia.rooms.room import Room
from tertulia.rooms.wire import render
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import BadRequest, ItemNotFound, JidMalformed, ServiceUnavailable
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Fanout, Router
from tertulia.xmpp.services import IqTable, pong
from tertulia.xmpp.stanza import address, refusal
from tertulia.xmpp.xml import Element

log = logging.getLogger("tertulia.rooms")


class RoomService:
    """All rooms of one MUC domain. It registers itself with the router."""

    def __init__(
        self,
        router: Router,
        domain: str,
        policy: RoomPolicy,
        *,
        parts: Parts | None = None,
        at_domain: Callable[[Element], None] | None = None,
        on_event: Callable[[RoomEvent], None] = lambda event: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            parts: what hangs on the rooms of this domain.
            at_domain: takes what is addressed to the bare domain instead of us.
            on_event: told what happened, after everybody in the room was.
            clock: seconds since the epoch.
        """
        self._router = router
        self._domain = domain
        self._policy = policy
        self._parts = parts or Parts(router)
        self._at_domain = at_domain or self._to_domain
        self._on_event = on_event
        self._clock = clock
        self.on_touched: Callable[[Room], None] = lambda room: None  # what `Room.dump` gives is new
        self._rooms: dict[str, Room] = {}
        self._visits: dict[Jid, dict[str, None]] = {}  # real full JID -> nodes of its rooms
        # An occupant is replaced when anything about it changes, so its presence is rendered once.
        self._shown: WeakKeyDictionary[Occupant, Fanout] = WeakKeyDictionary()
        self._domain_iqs = IqTable()
        self._domain_iqs.on("get", "ping", NS.PING, pong)
        self._domain_iqs.on("get", "query", NS.DISCO_INFO, lambda *_: service_info().build())
        # Rooms are not listed: whoever knows the name may try it.
        self._domain_iqs.on(
            "get", "query", NS.DISCO_ITEMS, lambda *_: Element("query", ns=NS.DISCO_ITEMS)
        )
        self._requests = RoomRequests(
            router,
            self._rooms,
            carry_out=self.carry_out,
            configured=self._parts.configured,
            relayed=self._parts.relayed,
        )
        self._parts.attach(domain, self)
        router.serve(domain, self.handle)
        router.unbound.append(self.left)
        router.hibernated.append(self.hibernated)
        router.woken.append(self.woken)
        router.readmitted.append(self.readmit)

    def room(self, node: str) -> Room | None:
        return self._rooms.get(node)

    def rooms(self) -> list[Room]:
        return list(self._rooms.values())

    def rooms_of(self, jid: Jid) -> list[Room]:
        """The rooms in which this real full JID is an occupant, oldest visit first."""
        return [self._rooms[node] for node in self._visits.get(jid, ())]

    def restore(self, room: Room) -> None:
        """Take a room over from a former process; nobody is told of it."""
        self._rooms[room.jid.node] = room
        for each in room.occupants():
            self._visits.setdefault(each.jid, {})[room.jid.node] = None

    def new_room(self, jid: Jid) -> Room:
        """A room by the rules of this domain, which is in it only once it is restored."""
        return Room(jid, self._policy)

    @property
    def domain(self) -> str:
        return self._domain

    # In

    def handle(self, stanza: Element) -> None:
        """Take a stanza addressed to the domain, a room or an occupant. Never raises."""
        sender, to = address(stanza.get("from")), address(stanza.get("to"))
        if sender is None or to is None:
            return
        try:
            if not to.node:
                self._at_domain(stanza)
            elif stanza.name == "presence":
                self._presence(sender, to, stanza)
            elif stanza.name == "message":
                self._message(sender, to, stanza)
            elif to.resource:
                self._requests.relay(sender, to, stanza)
            else:
                self._requests.take(stanza)
        except PeerError as error:
            answer = refusal(stanza, error)
            if answer is not None:
                self._router.route(answer)

    def left(self, jid: Jid) -> None:
        """A session is over: its occupants leave."""
        for node in list(self._visits.get(jid, ())):
            self._leave(self._rooms[node], jid, None)

    def hibernated(self, jid: Jid) -> None:
        """A client is gone and may come back: its seats are kept."""
        for room in self.rooms_of(jid):
            self._carry_out(room, room.hibernate(jid, now=self._clock()))

    def woken(self, jid: Jid) -> None:
        """A client is back, or may have missed something: it is told how things stand."""
        for room in self.rooms_of(jid):
            occupant = room.occupant_of(jid)
            if occupant is None:
                continue
            log.info("Occupant is back: room=%s nick=%s", room.jid, occupant.nick)
            if not room.is_focus(jid):
                self._parts.before_entry(room, occupant)
            self._carry_out(room, room.wake(jid))

    def readmit(self, jid: Jid) -> None:
        """More is known of a full JID than when it came: its rooms go by that from now on."""
        for room in self.rooms_of(jid):
            before = room.occupants()
            self.carry_out(room, room.readmit(jid), before)

    def _to_domain(self, stanza: Element) -> None:
        if stanza.name == "iq":
            answer = self._domain_iqs.answer(stanza)
            if answer is not None:
                self._router.route(answer)
        elif stanza.name == "message":
            raise ServiceUnavailable("this service has no inbox")

    # Presence

    def _presence(self, sender: Jid, to: Jid, stanza: Element) -> None:
        kind = stanza.get("type")
        room = self._rooms.get(to.node)
        if kind == "unavailable":
            if room is not None and room.occupant_of(sender) is not None:
                self._leave(room, sender, stanza)
            return
        if kind:
            return  # subscriptions and probes mean nothing in a room (XEP-0045 §7)
        if not to.resource:
            raise JidMalformed("a nickname is needed to join")
        join = stanza.find("x", NS.MUC)
        if room is not None and join is None:
            before = room.occupant_of(sender)
            self._carry_out(room, room.update(sender, to.resource, stanza, now=self._clock()))
            now = room.occupant_of(sender)
            if before is not None and now is not None and not room.is_focus(sender):
                self._parts.changed(room, before, now)
        elif join is None:
            raise NotInRoom
        else:
            self._join(room, sender, to, stanza, join)

    def _join(
        self, room: Room | None, sender: Jid, to: Jid, stanza: Element, join: Element
    ) -> None:
        is_new = room is None
        if room is None:
            if not self._policy.may_open(sender):
                if not self._policy.may_enter(sender):
                    raise Banned("you may not enter this room")
                admission = self._policy.admission_of(sender)
                if self._policy.are_named_in_tokens and not admission.is_for(to.node):
                    raise RoomAndTokenMismatched
                raise RoomDoesNotExist
            room = Room(to.bare, self._policy)
            self._parts.opened(room)
        password = join.find("password")
        is_known = room.occupant_of(sender) is not None
        before = room.occupants()
        deliveries = room.join(
            sender,
            to.resource,
            stanza,
            now=self._clock(),
            password="" if password is None else password.text,
        )
        self._rooms[to.node] = room
        self._visits.setdefault(sender, {})[to.node] = None
        newcomer = room.occupant_of(sender)
        assert newcomer is not None
        is_focus = room.is_focus(sender)
        if not is_focus:
            self._parts.before_entry(room, newcomer)
        self._carry_out(room, deliveries)
        if is_new:
            log.info("Room opened: room=%s meeting=%s", room.jid, room.meeting_id)
            self._on_event(RoomOpened(room=room.jid, meeting_id=room.meeting_id))
        if not is_known:
            log.info(
                "Occupant joined: room=%s nick=%s occupants=%d",
                *(room.jid, to.resource, room.people),
            )
            self._on_event(
                OccupantJoined(room=room.jid, nick=to.resource, jid=sender, occupants=room.people)
            )
            if not is_focus:
                self._parts.entered(room, newcomer)
        if farewells := _farewells(deliveries):  # another device of the same person has left
            self._account(room, before, farewells)

    def _leave(self, room: Room, jid: Jid, stanza: Element | None) -> None:
        before = room.occupants()
        self.carry_out(room, room.leave(jid, stanza), before)

    def carry_out(
        self, room: Room, deliveries: Sequence[Delivery], before: Sequence[Occupant]
    ) -> None:
        """Send what the room said, then account for who left or changed since `before`."""
        self._carry_out(room, deliveries)
        self._account(room, before, _farewells(deliveries))

    def _account(
        self, room: Room, before: Sequence[Occupant], farewells: Mapping[str, Disappeared]
    ) -> None:
        """Account for those who are no longer there or changed, and for the room itself."""
        for each in before:
            now = room.occupant_of(each.jid)
            if now is not None and now is not each and not room.is_focus(each.jid):
                self._parts.changed(room, each, now)
            if now is None:
                rooms = self._visits.get(each.jid, {})
                if room.jid.node not in rooms:
                    continue  # accounted for already
                log.info(
                    "Occupant left: room=%s nick=%s occupants=%d",
                    *(room.jid, each.nick, room.people),
                )
                del rooms[room.jid.node]
                if not rooms:
                    del self._visits[each.jid]
                self._on_event(
                    OccupantLeft(room=room.jid, nick=each.nick, jid=each.jid, occupants=room.people)
                )
                if not room.is_focus(each.jid):
                    farewell = farewells.get(each.nick)
                    if farewell is not None:
                        self._parts.farewell(room, farewell)
                    self._parts.left(room, each)
        self.settle(room)

    def settle(self, room: Room) -> None:
        """End the room when it is over."""
        if room.is_over and self._rooms.pop(room.jid.node, None) is not None:
            log.info("Room ended: room=%s meeting=%s", room.jid, room.meeting_id)
            self._parts.ended(room)
            self.on_touched(room)
            self._on_event(RoomEnded(room=room.jid, meeting_id=room.meeting_id))

    # Messages

    def _message(self, sender: Jid, to: Jid, stanza: Element) -> None:
        kind = stanza.get("type")
        if kind == "error":
            return
        room = self._room(to)
        if to.resource:
            if kind == "groupchat":
                raise BadRequest("group messages go to the room")
            self._carry_out(room, room.whisper(sender, to.resource, stanza, now=self._clock()))
        elif kind == "groupchat":
            self._carry_out(room, room.say(sender, stanza, now=self._clock()))
            self._parts.said(room)
        elif not self._parts.addressed(room, sender, stanza):
            raise BadRequest("messages to a room are of type groupchat")

    def _room(self, to: Jid) -> Room:
        room = self._rooms.get(to.node)
        if room is None:
            raise ItemNotFound("no such room")
        return room

    # Out

    def _carry_out(self, room: Room, deliveries: Sequence[Delivery]) -> None:
        self.on_touched(room)
        for delivery in deliveries:
            if not delivery.to:
                continue
            if isinstance(delivery, Appeared) and not delivery.codes:
                shown = self._shown.get(delivery.occupant)
                if shown is None:
                    shown = self._shown[delivery.occupant] = Fanout(render(room.jid, delivery))
                self._router.broadcast(shown, delivery.to)
            else:
                # Who was removed while its client was away has to know it when that is back.
                is_farewell = isinstance(delivery, Disappeared) and SELF_PRESENCE in delivery.codes
                fanout = Fanout(render(room.jid, delivery))
                self._router.broadcast(fanout, delivery.to, even_asleep=is_farewell)


def _farewells(deliveries: Sequence[Delivery]) -> dict[str, Disappeared]:
    """What those who have left were told of it, by nickname."""
    return {
        each.occupant.nick: each
        for each in deliveries
        if isinstance(each, Disappeared) and SELF_PRESENCE in each.codes
    }
