"""The lobby domain: stanzas in, the lobbies' answers out, and what moderators decide carried out.

A lobby is there while the owner form of its room says members-only (signalling reference 4.8), from
the first moment on where that is laid down for the room. Who is let in becomes a member; it is
given no password (CVE-2024-33530).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from tertulia.errors import MalformedInput, PeerError
from tertulia.rooms.administration import Configuration, Kick, read_items
from tertulia.rooms.claims import name_in
from tertulia.rooms.discovery import lobby_info
from tertulia.rooms.errors import Banned, NotInRoom, NotPermitted, RoomCreationRestricted
from tertulia.rooms.events import Delivery, Said
from tertulia.rooms.lobby.waiting import Lobby, LobbyLimits
from tertulia.rooms.occupant import Affiliation, Occupant
from tertulia.rooms.parts import Part
from tertulia.rooms.room import Room
from tertulia.rooms.wire import render
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import (
    BadRequest,
    FeatureNotImplemented,
    ItemNotFound,
    JidMalformed,
    NotAllowed,
    ResourceConstraint,
)
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.pace import TokenBucket
from tertulia.xmpp.router import Fanout
from tertulia.xmpp.services import IqTable, pong
from tertulia.xmpp.stanza import address, refusal
from tertulia.xmpp.xml import Element, parse_document, serialise

log = logging.getLogger("tertulia.rooms")

_DISPLAY_NAME_REQUIRED = "http://jitsi.org/protocol/lobbyrooms#displayname_required"
_REMEMBERED = 10_000  # network addresses whose knocks are counted


class LobbyRooms(Part):
    """The lobbies of all rooms of one MUC domain."""

    name: ClassVar[str] = "lobbyrooms"
    features = (_DISPLAY_NAME_REQUIRED,)

    def __init__(self, domain: str, rooms: str, limits: LobbyLimits | None = None) -> None:
        """
        Args:
            rooms: the MUC domain of the rooms that have lobbies here.
        """
        super().__init__(domain)
        self._rooms = rooms
        self._limits = limits or LobbyLimits()
        self._lobbies: dict[str, Lobby] = {}  # by node, the same as the room's
        self._places: dict[Jid, set[str]] = {}  # real full JID -> nodes of its lobbies
        self._knocks: OrderedDict[str, TokenBucket] = OrderedDict()  # by network address
        self._denials: OrderedDict[tuple[str, str], int] = OrderedDict()  # node and person
        self._iqs = IqTable()
        self._iqs.on("get", "ping", NS.PING, pong)
        self._iqs.on("get", "query", NS.DISCO_INFO, lambda *_: lobby_info().build())
        self._iqs.on("set", "query", NS.MUC_ADMIN, self._administer)

    def added(self) -> None:
        self.parts.router.unbound.append(self.disconnected)

    def waiting(self, room: Room) -> list[Occupant]:
        """Who waits before this room, in the order in which they knocked."""
        lobby = self._lobbies.get(room.jid.node)
        return [] if lobby is None else lobby.waiting()

    # In

    def take(self, stanza: Element) -> None:
        sender, to = address(stanza.get("from")), address(stanza.get("to"))
        if sender is None or to is None:
            return
        if not to.node:
            super().take(stanza)
            return
        try:
            if stanza.name == "presence":
                self._presence(sender, to, stanza)
            elif stanza.name == "message":
                self._message(sender, to, stanza)
            elif (answer := self._iqs.answer(stanza)) is not None:
                self.parts.router.route(answer)
        except PeerError as error:
            answer = refusal(stanza, error)
            if answer is not None:
                self.parts.router.route(answer)

    def disconnected(self, jid: Jid) -> None:
        """A session is over (`Router.unbound`)."""
        for node in list(self._places.get(jid, ())):
            self._leave(node, jid, None)

    def _presence(self, sender: Jid, to: Jid, stanza: Element) -> None:
        kind = stanza.get("type")
        if kind == "unavailable":
            self._leave(to.node, sender, stanza)
            return
        if kind:
            return
        if not to.resource:
            raise JidMalformed("a nickname is needed to join")
        now, lobby = self.parts.clock(), self._lobbies.get(to.node)
        if stanza.find("x", NS.MUC) is None:
            if lobby is None:
                raise NotInRoom
            self._send(lobby, lobby.update(sender, to.resource, stanza, now=now))
            return
        room = self._room(to.node)
        if room is None or not room.configuration.members_only:
            raise RoomCreationRestricted  # stock clients then try the room itself
        affiliation = self._affiliation(room, sender)
        known = lobby is not None and lobby.occupant_of(sender) is not None
        if affiliation is Affiliation.NONE and not known:
            self._may_knock(room, sender, stanza, now)
        lobby = self._lobbies.setdefault(to.node, Lobby(to.bare, self._limits, room.limits))
        try:
            deliveries = lobby.enter(sender, to.resource, stanza, affiliation, now=now)
        except PeerError:
            self._tidy(lobby)
            raise
        self._places.setdefault(sender, set()).add(to.node)
        self._send(lobby, deliveries)
        if affiliation is Affiliation.NONE and not known:
            log.info("Somebody knocks: room=%s waiting=%d", room.jid, len(lobby.waiting()))

    def _affiliation(self, room: Room, jid: Jid) -> Affiliation:
        """As in the room, of those who are in its meeting; the others knock."""
        if not room.holds(jid):
            return Affiliation.NONE
        affiliation = room.affiliation_of(jid)
        if affiliation.rank < Affiliation.ADMIN.rank:
            raise NotAllowed("you are inside")
        return affiliation

    def _may_knock(self, room: Room, jid: Jid, stanza: Element, now: float) -> None:
        nick = stanza.find("nick", NS.NICK)
        if room.keeps_away(jid, "" if nick is None else nick.text):
            raise Banned("you may not enter this room")
        person = room.trace_of(jid)
        if self._denials.get(_key(room, jid), 0) >= self._limits.lobby_denials:
            raise Banned("a moderator has sent you away (lobby_denials)")
        source = person.address or str(jid.bare)
        bucket = self._knocks.get(source)
        if bucket is None:
            per_minute = self._limits.knocks_per_minute
            bucket = self._knocks[source] = TokenBucket(per_minute / 60, per_minute, now)
            if len(self._knocks) > _REMEMBERED:
                self._knocks.popitem(last=False)
        if not bucket.take(now):
            raise ResourceConstraint("too many people knock from here (knocks_per_minute)")

    def _leave(self, node: str, jid: Jid, stanza: Element | None) -> None:
        lobby = self._lobbies.get(node)
        if lobby is None:
            return
        self._forget_place(node, jid)
        self._send(lobby, lobby.leave(jid, stanza))
        self._tidy(lobby)

    def _forget_place(self, node: str, jid: Jid) -> None:
        places = self._places.get(jid, set())
        places.discard(node)
        if not places:
            self._places.pop(jid, None)

    def _tidy(self, lobby: Lobby) -> None:
        if lobby.is_empty:
            self._lobbies.pop(lobby.jid.node, None)

    def _message(self, sender: Jid, to: Jid, stanza: Element) -> None:
        lobby, kind = self._lobbies.get(to.node), stanza.get("type")
        if kind == "error":
            return
        if lobby is None:
            raise ItemNotFound("nobody waits here")
        now = self.parts.clock()
        if to.resource:
            if kind == "groupchat":
                raise BadRequest("group messages go to the room")
            self._send(lobby, lobby.whisper(sender, to.resource, stanza, now=now))
        elif kind == "groupchat":
            self._send(lobby, lobby.say(sender, stanza, now=now))
        else:
            raise BadRequest("messages to a room are of type groupchat")

    def _administer(self, query: Element, request: Element) -> None:
        sender, to = address(request.get("from")), address(request.get("to"))
        lobby = None if to is None else self._lobbies.get(to.node)
        if sender is None or lobby is None or lobby.occupant_of(sender) is None:
            raise NotInRoom
        items = read_items(query)
        kicks = [each for each in items if isinstance(each, Kick)]
        if len(kicks) != len(items):
            raise FeatureNotImplemented("affiliations are changed in the room itself")
        for kick in kicks:
            denied, deliveries = lobby.deny(sender, kick.nick, kick.reason)
            self._forget_place(lobby.jid.node, denied.jid)
            self._send(lobby, deliveries)
            room = self._room(lobby.jid.node)
            if room is None:
                continue
            key = _key(room, denied.jid)
            self._denials[key] = self._denials.get(key, 0) + 1
            if len(self._denials) > _REMEMBERED:
                self._denials.popitem(last=False)
            self._notify(room, sender, "LOBBY-ACCESS-DENIED", lobby, denied)

    # Letting in

    def addressed(self, room: Room, sender: Jid, stanza: Element) -> bool:
        """The invitations by which moderators let people in, from a breakout room too (6.4)."""
        about = stanza.find("x", NS.MUC_USER)
        invites = [] if about is None else about.find_all("invite")
        if not invites or room.main is not None:
            return False
        if not room.holds(sender):
            raise NotInRoom
        if room.affiliation_of(sender).rank < Affiliation.ADMIN.rank:
            raise NotPermitted("only moderators let people in")
        lobby = self._lobbies.get(room.jid.node)
        people = [address(each.get("to")) for each in invites]
        waiting = {each.jid: each for each in lobby.waiting()} if lobby is not None else {}
        found = [waiting[jid] for jid in people if jid is not None and jid in waiting]
        if lobby is None or not found:
            raise ItemNotFound("nobody of that address waits")
        for each in found:
            room.let_in(each.jid)
            self._invite(room, sender, each)
            self._notify(room, sender, "LOBBY-ACCESS-GRANTED", lobby, each)
            log.info("Let in from the lobby: room=%s nick=%s", room.jid, each.nick)
        self.touched(room)
        return True

    def _invite(self, room: Room, by: Jid, whom: Occupant) -> None:
        inviter = room.jid.with_resource(room.nick_of(by))
        invite = Element("invite", {"from": str(inviter)}, Element("reason"))
        attrs = {"from": str(room.jid), "to": str(whom.jid)}
        x = Element("x", {}, invite, ns=NS.MUC_USER)
        self.parts.router.route(Element("message", attrs, x, ns=NS.CLIENT))

    # Notices of the rooms

    def configured(self, room: Room, before: Configuration, actor: Occupant) -> None:
        is_on = room.configuration.members_only
        if room.main is not None or before.members_only == is_on:
            return
        self._tell_room(room, actor.jid, {"event": "LOBBY-ENABLED", "value": is_on})
        if is_on:
            room.let_in_everybody()
            self.touched(room)
        else:
            self._close(room.jid.node, alternate=str(room.jid))

    def changed(self, room: Room, before: Occupant, now: Occupant) -> None:
        """Who moderates no longer sees no longer who waits."""
        if before.role is not now.role:
            self._look_away(room, now.jid)

    def left(self, room: Room, occupant: Occupant) -> None:
        self._look_away(room, occupant.jid)

    def _look_away(self, room: Room, jid: Jid) -> None:
        main = room.main or room
        lobby = self._lobbies.get(main.jid.node)
        watcher = None if lobby is None else lobby.occupant_of(jid)
        if lobby is None or watcher is None or watcher.affiliation.rank < Affiliation.ADMIN.rank:
            return
        if not main.holds(jid) or main.affiliation_of(jid).rank < Affiliation.ADMIN.rank:
            self._leave(main.jid.node, jid, None)

    def ended(self, room: Room) -> None:
        """Nobody is inside any more. Where a lobby is laid down, people go on waiting, unless a
        moderator has ended the meeting."""
        if room.main is not None:
            return
        if room.kept is None or not room.configuration.members_only or room.ended_because:
            self._close(room.jid.node)
        for key in [key for key in self._denials if key[0] == room.jid.node]:
            del self._denials[key]

    def _close(self, node: str, alternate: str = "") -> None:
        lobby = self._lobbies.pop(node, None)
        if lobby is None:
            return
        for jid in list(self._places):
            self._forget_place(node, jid)
        self._send(lobby, lobby.close(alternate))

    # What survives: who was let in is the room's to know, who waits is ours

    def dump(self, room: Room) -> Any:
        lobby = self._lobbies.get(room.jid.node) if room.main is None else None
        return None if lobby is None else {"here": [_dumped(each) for each in lobby]}

    def load(self, room: Room, state: Any) -> None:
        """Their connections are held for them; those that do not come back leave as others do."""
        here = [_loaded(each) for each in msgspec.convert(state, _Dumped).here]
        lobby = Lobby(Jid(room.jid.node, self.domain), self._limits, room.limits)
        for each in here:
            lobby.restore(each, self.parts.clock())
            self._places.setdefault(each.jid, set()).add(room.jid.node)
        self._lobbies[room.jid.node] = lobby
        self._tidy(lobby)

    # Out

    def _notify(self, room: Room, by: Jid, event: str, lobby: Lobby, whom: Occupant) -> None:
        value = f"{lobby.jid}/{whom.nick}"
        self._tell_room(room, by, {"event": event, "value": value, "name": name_in(whom.presence)})

    def _tell_room(self, room: Room, by: Jid, news: dict[str, Any]) -> None:
        text = msgspec.json.encode({"type": "lobby-notify", **news}).decode()
        child = Element("json-message", {}, text, ns=NS.JITMEET)
        for each in self.parts.family(room):
            to = tuple(o.jid for o in each.occupants() if not each.is_focus(o.jid))
            said = Said(to=to, kind="groupchat", children=(child,), nick=room.nick_of(by))
            self.parts.send(render(each.jid, said), to)

    def _send(self, lobby: Lobby, deliveries: Sequence[Delivery]) -> None:
        for each in deliveries:
            if each.to:
                self.parts.router.broadcast(Fanout(render(lobby.jid, each)), each.to)
        room = self._room(lobby.jid.node)
        if room is not None:
            self.touched(room)

    def _room(self, node: str) -> Room | None:
        return self.parts.room(Jid(node, self._rooms))


class _Here(msgspec.Struct):
    """Somebody in a lobby."""

    nick: str
    jid: str
    affiliation: Affiliation
    presence: list[str]  # elements as text


class _Dumped(msgspec.Struct):
    here: list[_Here] = []


def _dumped(occupant: Occupant) -> dict[str, Any]:
    presence = [serialise(each) for each in occupant.presence]
    here = _Here(occupant.nick, str(occupant.jid), occupant.affiliation, presence)
    return dict(msgspec.to_builtins(here))


def _loaded(here: _Here) -> Occupant:
    try:
        jid = Jid.parse(here.jid)
        presence = tuple(parse_document(each) for each in here.presence)
    except MalformedInput as error:
        raise msgspec.ValidationError(str(error)) from None
    return Occupant(nick=here.nick, jid=jid, affiliation=here.affiliation, presence=presence)


def _key(room: Room, jid: Jid) -> tuple[str, str]:
    """How somebody is counted who may come again under another address."""
    return room.jid.node, room.trace_of(jid).machine or str(jid.bare)
