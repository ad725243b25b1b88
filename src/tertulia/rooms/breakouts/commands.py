"""What moderators tell the breakout component, as plain data.

The first four are the stock client's (signalling reference 6.5). The rest is ours: the same element
with other types, which stock clients never send.
"""

from __future__ import annotations

from dataclasses import dataclass

from tertulia.errors import MalformedInput
from tertulia.xmpp.errors import BadRequest, JidMalformed
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

PREFIX = "features/breakout-rooms/"
UPDATE = PREFIX + "update"
MOVE_TO_ROOM = PREFIX + "move-to-room"


@dataclass(frozen=True, slots=True)
class Add:
    name: str


@dataclass(frozen=True, slots=True)
class Remove:
    room: Jid


@dataclass(frozen=True, slots=True)
class Rename:
    room: Jid
    name: str


@dataclass(frozen=True, slots=True)
class Move:
    """Send somebody, by its real full JID, to a room (the main one included) now."""

    participant: Jid
    room: Jid


@dataclass(frozen=True, slots=True)
class Assign:
    """Plan somebody for a room; None takes the assignment back."""

    participant: Jid
    room: Jid | None


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Assign everybody by chance; moderators are left where they are unless asked for."""

    with_moderators: bool


@dataclass(frozen=True, slots=True)
class Open:
    """Send everybody to its room, for so many seconds or until further notice."""

    seconds: int | None


@dataclass(frozen=True, slots=True)
class LimitTime:
    """Open rooms close in so many seconds; None: until further notice."""

    seconds: int | None


@dataclass(frozen=True, slots=True)
class Close:
    """Have everybody back; the assignments stay."""


@dataclass(frozen=True, slots=True)
class CallBack:
    """Have one person, the people of one room, or everybody back, and leave the rooms open."""

    participant: Jid | None
    room: Jid | None


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Tell everybody in breakout rooms something."""

    text: str


Command = (
    Add
    | Remove
    | Rename
    | Move
    | Assign
    | Shuffle
    | Open
    | LimitTime
    | Close
    | CallBack
    | Broadcast
)


def read(element: Element) -> Command:
    """Raises: BadRequest, JidMalformed."""
    kind = element.get("type")
    match kind.removeprefix(PREFIX) if kind.startswith(PREFIX) else "":
        case "add":
            return Add(element.get("subject"))
        case "remove":
            return Remove(_jid(element, "breakoutRoomJid"))
        case "rename":
            return Rename(_jid(element, "breakoutRoomJid"), element.get("subject"))
        case "move-to-room":
            return Move(_jid(element, "participantJid"), _jid(element, "roomJid"))
        case "assign":
            room = _jid(element, "breakoutRoomJid") if element.get("breakoutRoomJid") else None
            return Assign(_jid(element, "participantJid"), room)
        case "shuffle":
            return Shuffle(element.get("moderators") == "true")
        case "open":
            return Open(_seconds(element))
        case "limit-time":
            return LimitTime(_seconds(element))
        case "close":
            return Close()
        case "call-back":
            participant = _jid(element, "participantJid") if element.get("participantJid") else None
            room = _jid(element, "breakoutRoomJid") if element.get("breakoutRoomJid") else None
            return CallBack(participant, room)
        case "broadcast":
            return Broadcast(element.text)
        case _:
            raise BadRequest("no such command for breakout rooms")


def _jid(element: Element, attribute: str) -> Jid:
    try:
        return Jid.parse(element.get(attribute))
    except MalformedInput:
        raise JidMalformed(f"{attribute} is not an address") from None


def _seconds(element: Element) -> int | None:
    text = element.get("seconds")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or not int(text):
        raise BadRequest("seconds is a whole number above 0")
    return int(text)
