"""What a conference wants done. Its core returns these; `service` carries them out in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tertulia.errors import PeerError
from tertulia.focus.features import Caps
from tertulia.xmpp.colibri2 import ConferenceModify
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element


class Purpose(StrEnum):
    """What a bridge was asked for; decides what its answer means."""

    ALLOCATE = "allocate"
    ACCEPT = "accept"
    UPDATE = "update"
    ICE_RESTART = "ice-restart"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskBridge:
    """Send COLIBRI2; the answer comes back by `answers.bridge_answered` with this order."""

    bridge: Jid
    modify: ConferenceModify
    purpose: Purpose
    bridge_session: str  # answers that belong to an earlier stay are stale
    nick: str = ""
    serial: int = 0  # which session of that participant
    request: Element | None = None  # the client's IQ that waits for the bridge's answer
    timeout_s: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOccupant:
    """Send an IQ of type set to an occupant.

    With `serial` an error or silence comes back by `Conference.offer_failed`.
    """

    nick: str
    payload: Element
    serial: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a request: with a result, or with the error."""

    request: Element
    error: PeerError | None = None


@dataclass(frozen=True, slots=True)
class Discover:
    """Ask an occupant for its features; ends in `Conference.features_known`."""

    nick: str
    jid: Jid
    caps: Caps | None


@dataclass(frozen=True, slots=True)
class Publish:
    """Send the focus' presence to the room with these children."""

    children: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class LeaveRoom:
    """The conference has ended."""

    reason: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A line for the log: an event in words with its facts."""

    text: str
    is_warning: bool = False


Order = AskBridge | AskOccupant | Answer | Discover | Publish | LeaveRoom | Noted
