"""What happens in a meeting, as `Participant.events` tells it."""

from __future__ import annotations

from dataclasses import dataclass

from tertulia.client.people import Person
from tertulia.client.received import RemoteSource


@dataclass(frozen=True, slots=True)
class PersonJoined:
    """Somebody is in the room; also told, first, of everybody who was there before."""

    person: Person


@dataclass(frozen=True, slots=True)
class PersonChanged:
    """Name, role, raised hand or the state of a source."""

    person: Person


@dataclass(frozen=True, slots=True)
class PersonLeft:
    person: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """A text in the room, or to us alone. Our own are not told."""

    sender: str  # endpoint id; "" when the room itself speaks
    name: str
    text: str
    is_private: bool = False
    is_old: bool = False  # from before we came (XEP-0203)


@dataclass(frozen=True, slots=True)
class SpeakerChanged:
    """The dominant speaker, an endpoint id; told by the bridge."""

    speaker: str


@dataclass(frozen=True, slots=True)
class SourceAdded:
    source: RemoteSource


@dataclass(frozen=True, slots=True)
class SourceRemoved:
    source: RemoteSource


@dataclass(frozen=True, slots=True)
class MediaConnected:
    """Media flows; again after a change of the bridge or of the network.

    `protocol` is "udp" or "tcp", `remote` the bridge's "address:port".
    """

    protocol: str
    remote: str


@dataclass(frozen=True, slots=True)
class MediaLost:
    """The connection to the bridge is gone; a new one is being asked for.

    `reason` as in `PeerFailed` of the engine, or "moving" when the focus said so.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Signalling is gone; it is being connected anew. Everybody counts as gone until then."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    pass


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event: we left, were removed, or the meeting is over."""

    reason: str


Event = (
    PersonJoined
    | PersonChanged
    | PersonLeft
    | ChatMessage
    | SpeakerChanged
    | SourceAdded
    | SourceRemoved
    | MediaConnected
    | MediaLost
    | Disconnected
    | Reconnected
    | Ended
)
