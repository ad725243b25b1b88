"""What was said in a room: who may change it, and what late comers get to read.

Without I/O and without a clock; times are in seconds since the epoch. Lines are known by the id
that their author's client gave them; whoever says an id that is taken gets no hold on that line.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from tertulia.rooms.errors import ChatRefused, NotPermitted
from tertulia.rooms.limits import RoomLimits
from tertulia.rooms.occupant import Occupant, Role
from tertulia.rooms.persons import display_name
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import BadRequest, ItemNotFound
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.pace import TokenBucket
from tertulia.xmpp.xml import Element

# What people read: limited in size and pace. JSON between clients is held by the stanza rate.
_READ = frozenset({"body", "reactions", "retract"})


@dataclass(slots=True, kw_only=True)
class Line:
    """One message to everybody, as it reads now."""

    id: str
    nick: str
    name: str
    author: str  # bare JID
    at_ms: int
    body: str
    is_guest: bool = True
    reply_to: str = ""
    reactions: dict[str, list[str]] = field(default_factory=dict)  # by nickname

    def again(self, room: Jid) -> Iterable[tuple[str, str, tuple[Element, ...]]]:
        """For a late comer: nickname, id and content of each message (XEP-0203)."""
        stamp = datetime.fromtimestamp(self.at_ms / 1000, UTC)
        text = stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        delay = Element("delay", {"stamp": text, "from": str(room)}, ns=NS.DELAY, explicit=True)
        content = [Element("body", {}, self.body, ns=NS.CLIENT)]
        if self.reply_to:
            content.append(Element("reply", {"to": self.reply_to}, ns=NS.REPLY, explicit=True))
        source = {"source": "guest" if self.is_guest else "token"}
        content.append(
            Element("display-name", source, self.name, ns=NS.DISPLAY_NAME, explicit=True)
        )
        yield self.nick, self.id, (*content, delay)
        for nick, emoji in self.reactions.items():
            children = [Element("reaction", {}, each) for each in emoji]
            reactions = Element(
                "reactions", {"id": self.id}, *children, ns=NS.REACTIONS, explicit=True
            )
            yield nick, "", (reactions, delay)


class Chat:
    """The lines of one room, and the pace of each person.

    Attributes:
        is_kept: late comers read what was said; without it, the authors alone are remembered.
    """

    def __init__(self, limits: RoomLimits) -> None:
        self.is_kept = True
        self._limits = limits
        self._lines: OrderedDict[str, Line] = OrderedDict()
        self._paces: dict[Jid, TokenBucket] = {}

    def check(
        self,
        speaker: Occupant,
        children: Sequence[Element],
        now: float,
        *,
        is_allowed: bool = True,
    ) -> None:
        """Size and pace of what is said, to everybody or to one; `is_allowed` to say it at all.

        Raises: BadRequest, ChatRefused.
        """
        if not children:
            raise BadRequest("an empty message")
        read = [each for each in children if each.name in _READ]
        if not read:
            return
        if not is_allowed:
            raise ChatRefused("a moderator has to allow you to write here")
        if sum(len(each.text) for each in read) > self._limits.chat_characters:
            raise ChatRefused(
                f"a message is over {self._limits.chat_characters} characters (chat_characters)"
            )
        pace = self._paces.get(speaker.jid)
        if pace is None:
            limits = self._limits
            pace = TokenBucket(limits.chat_per_s, limits.chat_burst, now)
            self._paces[speaker.jid] = pace
        if not pace.take(now):
            raise ChatRefused("too many messages at once (chat_per_s, chat_burst)")

    def gone(self, jid: Jid) -> None:
        """Somebody has left."""
        self._paces.pop(jid, None)

    def said(
        self, speaker: Occupant, stanza_id: str, children: Sequence[Element], now: float
    ) -> None:
        """Take down a message to everybody, or what it changes.

        Raises: ItemNotFound, NotPermitted when it is a line of somebody else.
        """
        found = {(each.name, each.ns): each for each in reversed(children)}
        author = str(speaker.jid.bare)
        if (retract := found.get(("retract", NS.RETRACT))) is not None:
            line = self._known(retract.get("id"))
            if line.author != author and speaker.role is not Role.MODERATOR:
                raise NotPermitted("only its author and moderators retract a message")
            del self._lines[line.id]
        elif (reactions := found.get(("reactions", NS.REACTIONS))) is not None:
            self._react(speaker, reactions)
        elif (body := found.get(("body", NS.CLIENT))) is not None:
            if (replace := found.get(("replace", NS.CORRECT))) is not None:
                line = self._known(replace.get("id"))
                if line.author != author:
                    raise NotPermitted("only its author corrects a message")
                line.body = body.text if self.is_kept else ""
            elif stanza_id:
                reply = found.get(("reply", NS.REPLY))
                self._add(speaker, stanza_id, body.text, reply, now)

    def _add(
        self, speaker: Occupant, stanza_id: str, body: str, reply: Element | None, now: float
    ) -> None:
        key = stanza_id
        before = self._lines.get(key)
        if before is not None:
            if before.author == str(speaker.jid.bare):
                return  # sent again after a connection broke
            key = f"{stanza_id} {len(self._lines)} {now}"  # whose it was first, may change it
        self._lines[key] = Line(
            id=stanza_id,
            nick=speaker.nick,
            name=display_name(speaker),
            author=str(speaker.jid.bare),
            at_ms=int(now * 1000),
            body=body if self.is_kept else "",
            is_guest=not speaker.admission.account,
            reply_to="" if reply is None else (reply.get("to") or reply.get("id")),
        )
        while len(self._lines) > self._limits.remembered_messages:
            self._lines.popitem(last=False)

    def _react(self, speaker: Occupant, reactions: Element) -> None:
        line = self._lines.get(reactions.get("id"))
        if line is None or not self.is_kept:
            return  # one to a private message, or from before anything was remembered
        emoji = list(dict.fromkeys(e.text for e in reactions.find_all("reaction") if e.text))
        line.reactions.pop(speaker.nick, None)
        if emoji and len(line.reactions) < self._limits.reactions_remembered:
            line.reactions[speaker.nick] = emoji[: self._limits.reactions_each]

    def _known(self, line_id: str) -> Line:
        line = self._lines.get(line_id)
        if line is None:
            raise ItemNotFound("no such message")
        return line

    # What is read later

    def lines(self) -> list[Line]:
        """Oldest first; none unless they are kept."""
        return list(self._lines.values()) if self.is_kept else []

    def since(self, at_ms: int) -> list[Line]:
        """What was said after a moment, for somebody who was away; nothing if it is not kept."""
        return [each for each in self._lines.values() if each.at_ms > at_ms and self.is_kept]

    def for_newcomer(self, newest: int | None = None) -> list[Line]:
        """What somebody who comes reads: the last `history_messages`, or `newest` of them."""
        most = self._limits.history_messages
        most = most if newest is None else min(newest, most)
        return self.lines()[-most:] if most else []

    def keep(self, is_kept: bool) -> None:
        """Whether what is said is kept; what was kept is forgotten when it is not to be."""
        self.is_kept = is_kept
        if not is_kept:
            for line in self._lines.values():
                line.body, line.reactions, line.name = "", {}, ""

    def recall(self, lines: Iterable[Line]) -> list[Line]:
        """Put lines of earlier meetings in front; those that are new here."""
        known = [each for each in lines if each.id not in self._lines]
        older: OrderedDict[str, Line] = OrderedDict((each.id, each) for each in known)
        older.update(self._lines)
        while len(older) > self._limits.remembered_messages:
            older.popitem(last=False)
        self._lines = older
        return known

    def dump(self) -> Any:
        return msgspec.to_builtins(self.lines()) or None

    def load(self, state: Any) -> None:
        """Raises: msgspec.ValidationError."""
        self._lines = OrderedDict()
        for number, line in enumerate(msgspec.convert(state, list[Line])):
            key = f"{line.id} {number}" if line.id in self._lines else line.id
            self._lines[key] = line
