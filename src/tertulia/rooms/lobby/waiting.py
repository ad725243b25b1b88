"""One lobby: people who wait before a room, and the moderators who look (signalling reference 6.4).

A MUC room with a filter. Who waits sees itself alone; moderators see all who wait; words pass only
to or from moderators. Without I/O and clock, like `rooms.room`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tertulia.errors import PeerError
from tertulia.rooms import claims
from tertulia.rooms.errors import (
    ChatRefused,
    DisplayNameRequired,
    NicknameConflict,
    NicknameNotAllowed,
    NotInRoom,
    NotPermitted,
)
from tertulia.rooms.events import (
    KICKED,
    NON_ANONYMOUS,
    SELF_PRESENCE,
    Appeared,
    Delivery,
    Disappeared,
    Said,
)
from tertulia.rooms.limits import RoomLimits
from tertulia.rooms.occupant import Affiliation, Occupant, Role
from tertulia.rooms.policy import ENDPOINT_NICK
from tertulia.xmpp.errors import BadRequest, ItemNotFound, ResourceConstraint, ServiceUnavailable
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.pace import TokenBucket
from tertulia.xmpp.xml import Element

CLOSED = "Lobby room closed."  # the words that stock clients know


@dataclass(frozen=True, slots=True, kw_only=True)
class LobbyLimits:
    """What people who knock may cost the moderators; texts of refusals name the field."""

    lobby_waiting: int = 100  # people in one lobby
    knocks_per_minute: int = 30  # from one network address, in all lobbies: a class behind a NAT
    lobby_updates_per_minute: int = 12  # of one person's presence
    lobby_chat_per_s: float = 1.0
    lobby_denials: int = 3  # after which somebody is not heard any more


class LobbyFull(ServiceUnavailable):
    """As for a full room (XEP-0045 §7.2.9)."""

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} people wait already (lobby_waiting)")


class Lobby:
    """Who is in one lobby. Callers have checked who may wait here and who moderates."""

    def __init__(
        self, jid: Jid, limits: LobbyLimits | None = None, room: RoomLimits | None = None
    ) -> None:
        self.jid = jid
        self.limits = limits or LobbyLimits()
        self._room_limits = room or RoomLimits()
        self._occupants: dict[Jid, Occupant] = {}  # by real full JID, in the order they came
        self._paces: dict[Jid, tuple[TokenBucket, TokenBucket]] = {}  # presences, words

    # Who is here

    @property
    def is_empty(self) -> bool:
        return not self._occupants

    def occupant_of(self, jid: Jid) -> Occupant | None:
        return self._occupants.get(jid)

    def occupant(self, nick: str) -> Occupant | None:
        return next((each for each in self._occupants.values() if each.nick == nick), None)

    def waiting(self) -> list[Occupant]:
        """In the order in which they knocked."""
        return [each for each in self._occupants.values() if each.role is not Role.MODERATOR]

    def _watching(self) -> tuple[Jid, ...]:
        return tuple(j for j, each in self._occupants.items() if each.role is Role.MODERATOR)

    def __iter__(self) -> Iterator[Occupant]:
        return iter(self._occupants.values())

    def restore(self, occupant: Occupant, now: float) -> None:
        """Somebody was here when another process led this lobby."""
        self._occupants[occupant.jid] = occupant
        self._paces[occupant.jid] = self._pace(now)

    def _pace(self, now: float) -> tuple[TokenBucket, TokenBucket]:
        per_minute, rate = self.limits.lobby_updates_per_minute, self.limits.lobby_chat_per_s
        return (
            TokenBucket(per_minute / 60, per_minute, now),
            TokenBucket(rate, max(rate, 3.0), now),
        )

    # Coming and going

    def enter(
        self, jid: Jid, nick: str, stanza: Element, affiliation: Affiliation, *, now: float
    ) -> list[Delivery]:
        """Somebody knocks, or a moderator looks.

        Raises: NicknameNotAllowed, NicknameConflict, DisplayNameRequired, LobbyFull.
        """
        here = self._occupants.get(jid)
        if here is not None and here.nick != nick:
            raise NicknameNotAllowed("nicknames cannot be changed")
        presence = claims.presence(stanza, nick, self._room_limits)
        newcomer = Occupant(nick=nick, jid=jid, affiliation=affiliation, presence=presence)
        if here is None:
            self._may_enter(newcomer)
        self._occupants[jid] = newcomer
        if here is None:
            self._paces[jid] = self._pace(now)
        own = Appeared(
            to=(jid,),
            occupant=newcomer,
            codes=(NON_ANONYMOUS, SELF_PRESENCE),
            stanza_id=stanza.get("id"),
        )
        if newcomer.role is Role.MODERATOR:
            return [*(Appeared(to=(jid,), occupant=each) for each in self.waiting()), own]
        return [Appeared(to=self._watching(), occupant=newcomer), own]

    def _may_enter(self, newcomer: Occupant) -> None:
        nick, longest = newcomer.nick, self._room_limits.nick_characters
        if nick.lower() == "focus" or len(nick) > longest or not ENDPOINT_NICK.fullmatch(nick):
            raise NicknameNotAllowed("nicknames are letters, digits and underscores")
        if self.occupant(nick) is not None:
            raise NicknameConflict(nick)
        if newcomer.role is Role.MODERATOR:
            return
        if not claims.name_in(newcomer.presence):
            raise DisplayNameRequired
        if len(self.waiting()) >= self.limits.lobby_waiting:
            raise LobbyFull(self.limits.lobby_waiting)

    def update(self, jid: Jid, nick: str, stanza: Element, *, now: float) -> list[Delivery]:
        """A new presence: stock clients add their e-mail address after they have knocked."""
        occupant = self._occupant(jid)
        if nick != occupant.nick:
            raise NicknameNotAllowed("nicknames cannot be changed")
        if not self._paces[jid][0].take(now):
            raise ResourceConstraint("too many changes (lobby_updates_per_minute)")
        presence = claims.presence(stanza, nick, self._room_limits)
        if occupant.role is not Role.MODERATOR and not claims.name_in(presence):
            raise DisplayNameRequired
        changed = self._occupants[jid] = replace(occupant, presence=presence)
        own = Appeared(
            to=(jid,), occupant=changed, codes=(SELF_PRESENCE,), stanza_id=stanza.get("id")
        )
        if changed.role is Role.MODERATOR:
            return [own]
        return [Appeared(to=self._watching(), occupant=changed), own]

    def leave(self, jid: Jid, stanza: Element | None = None) -> list[Delivery]:
        """Somebody goes; nothing when it is not here."""
        occupant = self._occupants.get(jid)
        if occupant is None:
            return []
        children: tuple[Element, ...] = ()
        if stanza is not None:
            try:
                children = claims.presence(stanza, occupant.nick, self._room_limits)
            except PeerError:
                children = ()  # whatever it said last, it leaves
        return self._removed(occupant, Disappeared(to=(), occupant=occupant, children=children))

    def deny(self, actor: Jid, nick: str, reason: str) -> tuple[Occupant, list[Delivery]]:
        """A moderator sends somebody away. Returns: whom. Raises: NotPermitted, ItemNotFound."""
        moderator = self._moderator(actor)
        denied = self.occupant(nick)
        if denied is None or denied.role is Role.MODERATOR:
            raise ItemNotFound("nobody of that name waits")
        farewell = Disappeared(
            to=(),
            occupant=denied,
            codes=(KICKED,),
            actor=moderator.nick,
            reason=reason[: self._room_limits.reason_characters],
        )
        return denied, self._removed(denied, farewell)

    def close(self, alternate: str = "") -> list[Delivery]:
        """The end: everybody is sent away, to the room `alternate` if there is one (§10.9)."""
        everybody = list(self._occupants.values())
        self._occupants.clear()
        self._paces.clear()
        return [
            Disappeared(
                to=(each.jid,),
                occupant=replace(each, affiliation=Affiliation.NONE),
                codes=(SELF_PRESENCE,),
                reason=CLOSED,
                destroyed=True,
                alternate=alternate,
            )
            for each in everybody
        ]

    def _removed(self, occupant: Occupant, farewell: Disappeared) -> list[Delivery]:
        del self._occupants[occupant.jid]
        del self._paces[occupant.jid]
        own = replace(farewell, to=(occupant.jid,), codes=(*farewell.codes, SELF_PRESENCE))
        if occupant.role is Role.MODERATOR:
            return [own]
        return [replace(farewell, to=self._watching()), own]

    # What is said

    def say(self, jid: Jid, stanza: Element, *, now: float) -> list[Delivery]:
        """A moderator speaks to all who wait; who waits speaks to the moderators."""
        speaker = self._occupant(jid)
        to = tuple(self._occupants) if speaker.role is Role.MODERATOR else self._watching()
        heard = to if jid in to else (*to, jid)
        return [self._said(speaker, heard, "groupchat", stanza, now)]

    def whisper(self, jid: Jid, nick: str, stanza: Element, *, now: float) -> list[Delivery]:
        """To one person; one of the two has to be a moderator."""
        speaker, listener = self._occupant(jid), self.occupant(nick)
        if listener is None or Role.MODERATOR not in (speaker.role, listener.role):
            raise ItemNotFound("no such nickname")  # who else waits is nobody's business
        return [self._said(speaker, (listener.jid,), "chat", stanza, now)]

    def _said(
        self, speaker: Occupant, to: tuple[Jid, ...], kind: str, stanza: Element, now: float
    ) -> Said:
        children = claims.message(stanza, self._room_limits)
        if not children:
            raise BadRequest("an empty message")
        if speaker.role is not Role.MODERATOR and not self._paces[speaker.jid][1].take(now):
            raise ChatRefused("too many messages at once (lobby_chat_per_s)")
        return Said(
            to=to, kind=kind, children=children, nick=speaker.nick, stanza_id=stanza.get("id")
        )

    # Small questions

    def _occupant(self, jid: Jid) -> Occupant:
        occupant = self._occupants.get(jid)
        if occupant is None:
            raise NotInRoom
        return occupant

    def _moderator(self, jid: Jid) -> Occupant:
        occupant = self._occupant(jid)
        if occupant.role is not Role.MODERATOR:
            raise NotPermitted("only moderators decide who comes in")
        return occupant
