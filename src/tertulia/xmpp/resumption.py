"""XEP-0198 without sockets: what is counted and kept so that a session can go on elsewhere.

`Resumable` is all that a session is made of besides its connection: plain data that can be written
down. Who finds it by its id, and for how long, is the business of `sessions`.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Origin
from tertulia.xmpp.xml import Element, serialise

_MODULUS = 2**32  # §4: counts are 32 bits that wrap
_COUNT = re.compile(r"[0-9]{1,10}")
REQUEST = f"<r xmlns='{NS.SM}'/>"


class CountTooHigh(MalformedInput):
    """The peer acknowledges more than it was sent, or takes back what it acknowledged (§4)."""

    def __init__(self, h: int, sent: int) -> None:
        super().__init__(f"{h} stanzas acknowledged, {sent} sent")
        self.h = h
        self.sent = sent

    def element(self) -> Element:
        attrs = {"h": str(self.h), "send-count": str(self.sent)}
        return Element("handled-count-too-high", attrs, ns=NS.SM)


@dataclass(slots=True, kw_only=True, eq=False)
class Resumable:
    """A bound session whose stanzas are counted. Counts are modulo 2**32, as on the wire."""

    id: str  # [A-Za-z0-9_-], a secret of the client; "" when it is only counted, never resumed
    jid: Jid  # the full JID
    is_account: bool  # a login with a password; else a guest, to whom the id alone is the proof
    origin: Origin
    received: int = 0  # of the client's stanzas, those we took: the `h` we tell
    sent: int = 0  # ours
    acknowledged: int = 0  # of ours, those the client has: the `h` it tells
    unacknowledged: deque[str] = field(default_factory=deque)  # the others, serialised
    characters: int = 0  # of all those together
    # Read back after the process ended without a word: what it sent last was not written down, so
    # the client's own count is believed once.
    is_restored: bool = False
    has_overflowed: bool = False  # too much waited for the client

    @property
    def can_resume(self) -> bool:
        return bool(self.id) and not self.has_overflowed

    def took(self) -> None:
        self.received = (self.received + 1) % _MODULUS

    def keep(self, text: str) -> None:
        """Count a stanza of ours and keep it until the client has it."""
        self.sent = (self.sent + 1) % _MODULUS
        if self.can_resume:
            self.unacknowledged.append(text)
            self.characters += len(text)

    def acknowledge(self, h: int) -> None:
        """The client has all of our stanzas up to number `h`. Raises: CountTooHigh."""
        waiting = (self.sent - self.acknowledged) % _MODULUS
        newly = (h - self.acknowledged) % _MODULUS
        if newly > waiting:
            raise CountTooHigh(h, self.sent)
        self.acknowledged = h
        for _ in range(min(newly, len(self.unacknowledged))):
            self.characters -= len(self.unacknowledged.popleft())

    def resume_at(self, h: int) -> None:
        """As `acknowledge`, from a client that comes back. Raises: CountTooHigh."""
        if self.is_restored:
            self.is_restored = False
            self.acknowledged = h
            self.sent = (h + len(self.unacknowledged)) % _MODULUS
            return
        self.acknowledge(h)

    def give_up(self) -> None:
        """Too much waits for it: go on counting, never resume."""
        self.has_overflowed = True
        self.unacknowledged.clear()
        self.characters = 0

    def dump(self) -> dict[str, Any]:
        """Everything as JSON types."""
        return {
            "id": self.id,
            "jid": str(self.jid),
            "is_account": self.is_account,
            "origin": msgspec.to_builtins(self.origin),
            "received": self.received,
            "acknowledged": self.acknowledged,
            "unacknowledged": list(self.unacknowledged),
        }

    @classmethod
    def load(cls, state: dict[str, Any]) -> Resumable:
        """What `dump` gave. Raises: KeyError, TypeError, ValueError, MalformedInput if none."""
        texts = deque(str(text) for text in state["unacknowledged"])
        return cls(
            id=str(state["id"]),
            jid=Jid.parse(state["jid"]),
            is_account=bool(state["is_account"]),
            origin=msgspec.convert(state["origin"], Origin),
            received=int(state["received"]),
            acknowledged=int(state["acknowledged"]),
            sent=(int(state["acknowledged"]) + len(texts)) % _MODULUS,
            unacknowledged=texts,
            characters=sum(map(len, texts)),
        )


class Resumptions(Protocol):
    """Where streams find the sessions of others that ended, and register their own."""

    def enable(self, jid: Jid, origin: Origin, *, is_account: bool, resume: bool) -> Resumable:
        """Begin to count; with a new id when the session shall be resumable."""

    def claim(self, sm_id: str, *, domain: str, username: str, origin: Origin) -> Resumable | None:
        """The session of this id if whoever logged in at `domain` (username "": a guest) may go on
        with it from `origin`; None if there is none or it may not."""

    def proven(self, sm_id: str, *, domain: str, username: str) -> Resumable | None:
        """The same without any consequence."""

    def resuming(self, kept: Resumable) -> None:
        """Its client is about to be told, with the resumption, how many of its stanzas we took."""

    @property
    def max_s(self) -> int:
        """For how many seconds a session can be resumed."""


def read_count(text: str) -> int:
    """The value of an attribute `h`. Raises: MalformedInput."""
    if not _COUNT.fullmatch(text) or int(text) >= _MODULUS:
        raise MalformedInput("h is a number below 2^32")
    return int(text)


def enabled(kept: Resumable, max_s: int) -> str:
    attrs = {"id": kept.id, "resume": "true", "max": str(max_s)} if kept.id else {}
    return serialise(Element("enabled", attrs, ns=NS.SM))


def answer(h: int) -> str:
    return f"<a xmlns='{NS.SM}' h='{h}'/>"


def resumed(kept: Resumable) -> str:
    attrs = {"h": str(kept.received), "previd": kept.id}
    return serialise(Element("resumed", attrs, ns=NS.SM))


def failed(condition: str) -> str:
    """Clients look for exactly this: one condition, no `h` (signalling reference 1.7)."""
    return serialise(Element("failed", {}, Element(condition, ns=NS.STANZA_ERRORS), ns=NS.SM))
