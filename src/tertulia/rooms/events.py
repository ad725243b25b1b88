"""What a room answers to an input (for its shell to send), and what others may care about."""

from __future__ import annotations

from dataclasses import dataclass

from tertulia.rooms.occupant import Occupant
from tertulia.xmpp import ns as NS
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

# Status codes of XEP-0045 §15.6.
NON_ANONYMOUS = 100
CONFIGURATION_CHANGED = 104
SELF_PRESENCE = 110
BANNED = 301
KICKED = 307


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeared:
    """`to` learn that `occupant` is there, or what is new about it."""

    to: tuple[Jid, ...]
    occupant: Occupant
    codes: tuple[int, ...] = ()
    stanza_id: str = ""
    permissions: tuple[str, ...] = ()  # what it may do more than others, for itself alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Disappeared:
    """`to` learn that `occupant` has left; its affiliation is the one it has from now on."""

    to: tuple[Jid, ...]
    occupant: Occupant
    codes: tuple[int, ...] = ()
    children: tuple[Element, ...] = ()  # what it said on leaving
    actor: str = ""  # nickname of the moderator who removed it
    reason: str = ""
    destroyed: bool = False
    alternate: str = ""  # where to go when the room was destroyed


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """`to` get a message, from an occupant or, without `nick`, from the room itself."""

    to: tuple[Jid, ...]
    kind: str  # groupchat or chat
    children: tuple[Element, ...]
    nick: str = ""
    stanza_id: str = ""


Delivery = Appeared | Disappeared | Said


def configuration_changed(to: tuple[Jid, ...]) -> Said:
    """What disco#info says of the room is new: clients ask for it then (XEP-0045 §10.2.1)."""
    status = Element("status", {"code": str(CONFIGURATION_CHANGED)})
    notice = Element("x", {}, status, ns=NS.MUC_USER)
    return Said(to=to, kind="groupchat", children=(notice,))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomOpened:
    """Somebody who may has opened a room."""

    room: Jid
    meeting_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupantJoined:
    """`occupants` is the number now, without the focus."""

    room: Jid
    nick: str
    jid: Jid
    occupants: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupantLeft:
    """`occupants` is the number now, without the focus."""

    room: Jid
    nick: str
    jid: Jid
    occupants: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomEnded:
    """Nobody is left in the room, not even the focus."""

    room: Jid
    meeting_id: str


RoomEvent = RoomOpened | OccupantJoined | OccupantLeft | RoomEnded
