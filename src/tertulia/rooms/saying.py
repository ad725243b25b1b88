"""What is said in a room (XEP-0045 §7.4, §7.5, §7.2.13): to everybody, to one, as its subject."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from tertulia.rooms import claims
from tertulia.rooms.chat import Chat, Line
from tertulia.rooms.errors import NotPermitted
from tertulia.rooms.events import Delivery, Said
from tertulia.rooms.hands import PROPERTY, lowered, lowers_hand
from tertulia.rooms.limits import RoomLimits
from tertulia.rooms.occupant import Affiliation, Occupant, Role
from tertulia.rooms.presences import Presences
from tertulia.rooms.privileges import Privileges
from tertulia.rooms.rights import Feature
from tertulia.rooms.roster import Roster
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import BadRequest, ItemNotFound
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element


class Saying:
    """What is said in one room."""

    REMEMBERED: ClassVar[tuple[str, ...]] = ("chat", "subject", "_subject_nick")

    def __init__(
        self,
        room: Jid,
        limits: RoomLimits,
        *,
        roster: Roster,
        privileges: Privileges,
        presences: Presences,
    ) -> None:
        self.chat = Chat(limits)
        self.subject = ""
        self._subject_nick = ""
        self._room = room
        self._limits = limits
        self._roster = roster
        self._privileges = privileges
        self._presences = presences

    def say(self, jid: Jid, stanza: Element, *, now: float) -> list[Delivery]:
        """A message to everybody, the sender included, with the same id (§7.4)."""
        speaker = self._roster.known(jid)
        children = claims.message(stanza, self._limits, is_focus=self._roster.is_focus(jid))
        subject = stanza.find("subject")
        if subject is not None and stanza.find("body") is None:
            return self._change_subject(speaker, subject.text)
        is_allowed = self._privileges.permits(speaker, Feature.CHAT)
        self._check(speaker, children, now, is_allowed=is_allowed)
        stanza_id = _message_id(stanza)
        if not self._roster.is_focus(jid):
            self.chat.said(speaker, stanza_id, children, now)
        return [
            Said(
                to=self._roster.everybody(),
                kind="groupchat",
                children=children,
                nick=speaker.nick,
                stanza_id=stanza_id,
            )
        ]

    def whisper(self, jid: Jid, nick: str, stanza: Element, *, now: float) -> list[Delivery]:
        """A message to one occupant (§7.5)."""
        speaker = self._roster.known(jid)
        listener = self._roster.occupant(nick)
        if listener is None or self._roster.is_hidden(listener):
            raise ItemNotFound("no such nickname")
        children = claims.message(stanza, self._limits, is_focus=self._roster.is_focus(jid))
        is_allowed = listener.role is Role.MODERATOR or self._privileges.permits(
            speaker, Feature.PRIVATE_CHAT
        )
        self._check(speaker, children, now, is_allowed=is_allowed)
        whispered = Said(
            to=(listener.jid,),
            kind="chat",
            children=children,
            nick=speaker.nick,
            stanza_id=_message_id(stanza),
        )
        if not lowers_hand(children):
            return [whispered]
        if speaker.role is not Role.MODERATOR:
            raise NotPermitted("only moderators lower the hands of others")
        return [whispered, *self._lower_hand(listener)]

    def _lower_hand(self, occupant: Occupant) -> list[Delivery]:
        if not self._presences.hands.lower(occupant.nick):
            return []
        others = (each for each in occupant.presence if each.name != PROPERTY)
        changed = replace(occupant, presence=(*others, lowered()))
        return self._presences.shown(self._roster.put(changed))

    def _check(
        self, speaker: Occupant, children: tuple[Element, ...], now: float, *, is_allowed: bool
    ) -> None:
        if not self._roster.is_focus(speaker.jid):
            self.chat.check(speaker, children, now, is_allowed=is_allowed)

    # The subject

    def _change_subject(self, speaker: Occupant, subject: str) -> list[Delivery]:
        if speaker.affiliation.rank < Affiliation.ADMIN.rank:
            raise NotPermitted("only moderators change the subject")
        if len(subject) > self._limits.subject_characters:
            raise BadRequest("the subject is too long (subject_characters)")
        return self.retitle(subject, speaker.nick)

    def retitle(self, subject: str, nick: str = "") -> list[Delivery]:
        """
        Args:
            nick: who did it; "" for the server.
        """
        self.subject, self._subject_nick = subject, nick
        return [self.subject_for(self._roster.everybody())]

    def subject_for(self, to: tuple[Jid, ...]) -> Said:
        subject = Element("subject", {}, *([self.subject] if self.subject else []), ns=NS.CLIENT)
        return Said(to=to, kind="groupchat", children=(subject,), nick=self._subject_nick)

    # What was said before

    def for_newcomer(self, jid: Jid, join: Element, *, may_read: bool) -> list[Delivery]:
        """What was said before (§7.2.13), unless the newcomer wants less of it, and the subject."""
        muc = join.find("x", NS.MUC)
        wanted = None if muc is None else muc.find("history")
        most = "" if wanted is None else wanted.get("maxstanzas")
        newest = int(most) if most.isascii() and most.isdigit() and len(most) < 7 else None
        reads = may_read and not self._roster.is_focus(jid)
        lines = self.chat.for_newcomer(newest) if reads else ()
        return [*self.told_again((jid,), lines), self.subject_for((jid,))]

    def missed(self, jid: Jid, since: float | None) -> list[Delivery]:
        """What was said while somebody was away (seconds since the epoch), and the subject."""
        lines = () if since is None else self.chat.since(int(since * 1000))
        return [*self.told_again((jid,), lines), self.subject_for((jid,))]

    def told_again(self, to: tuple[Jid, ...], lines: Iterable[Line]) -> list[Delivery]:
        """Lines from the past, for those who were not here."""
        return [
            Said(to=to, kind="groupchat", children=children, nick=nick, stanza_id=stanza_id)
            for line in lines
            for nick, stanza_id, children in line.again(self._room)
        ]


def _message_id(stanza: Element) -> str:
    """The id by which a message is answered, reacted to and taken back.

    Stock clients send most of theirs without one, and then each would make up another (4.9).
    """
    given = stanza.get("id")
    return given if given or stanza.find("body") is None else str(uuid.uuid4())
