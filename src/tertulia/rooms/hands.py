"""Raised hands: the server says when, so that nobody jumps the queue.

Clients put a time of their own into presence (`jitsi_participant_raisedHand`, in ms) and sort by
it. Ours stands there instead: when a hand goes up it gets the time of the server, later than that
of any other hand, and keeps it until it goes down. Then the property stays in the presence without
a value, as stock clients say it: they do not notice a property that is not there any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tertulia.xmpp import ns as NS
from tertulia.xmpp.xml import Element

PROPERTY = "jitsi_participant_raisedHand"
_DOWN = frozenset({"", "0", "false", "null", "undefined"})
# What a stock moderator sends to somebody whose hand shall go down: type and name of the JSON.
LOWER = "lower-hand-message"
_MESSAGE = msgspec.json.Decoder(dict[str, Any])


def lowered() -> Element:
    """What a presence says of a hand that was up."""
    return Element(PROPERTY, ns=NS.CLIENT)


def lowers_hand(message: Sequence[Element]) -> bool:
    """Whether a message to one person tells it to lower its hand."""
    for child in message:
        if child.name == "json-message" and LOWER in child.text:
            try:
                found = _MESSAGE.decode(child.text)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                return False
            return LOWER in (found.get("name"), found.get("type"))
    return False


@dataclass(slots=True)
class Hand:
    """One raised hand. `said` is the client's own time, which shows when it raises it anew."""

    stamp_ms: int
    said: str
    is_lowered: bool = False  # by a moderator, whatever the client goes on saying


class Hands:
    """The raised hands of one room, by nickname."""

    def __init__(self) -> None:
        self._hands: dict[str, Hand] = {}
        self._last_ms = 0

    def stamped(self, nick: str, presence: Sequence[Element], now: float) -> tuple[Element, ...]:
        """The presence with the server's time in it; with an empty property if the hand is down."""
        told = next((each for each in presence if each.name == PROPERTY), None)
        said = "" if told is None else told.text.strip()
        rest = tuple(each for each in presence if each.name != PROPERTY)
        if said in _DOWN:
            was_up = self._hands.pop(nick, None) is not None
            return (*rest, lowered()) if told is not None or was_up else rest
        hand = self._hands.get(nick)
        if hand is None or (hand.is_lowered and hand.said != said):
            self._last_ms = max(int(now * 1000), self._last_ms + 1)
            hand = self._hands[nick] = Hand(self._last_ms, said)
        if not hand.is_lowered:
            hand.said = said
            return (*rest, Element(PROPERTY, {}, str(hand.stamp_ms), ns=NS.CLIENT))
        return (*rest, lowered())

    def lower(self, nick: str) -> bool:
        """A moderator lowers a hand; True if it was up."""
        hand = self._hands.get(nick)
        if hand is None or hand.is_lowered:
            return False
        hand.is_lowered = True
        return True

    def gone(self, nick: str) -> None:
        self._hands.pop(nick, None)

    def recall(self, nick: str, presence: Sequence[Element]) -> None:
        """Take a hand from a presence that was stamped before a restart of the process."""
        said = next((e.text for e in presence if e.name == PROPERTY), "")
        if said.isascii() and said.isdigit() and len(said) < 16:
            self._hands[nick] = Hand(int(said), said)
            self._last_ms = max(self._last_ms, int(said))
