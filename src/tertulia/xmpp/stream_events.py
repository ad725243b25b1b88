"""What a stream says has to happen, in order (`stream`, `client_stream`)."""

from __future__ import annotations

from dataclasses import dataclass

from tertulia.xmpp.jid import Jid
from tertulia.xmpp.resumption import Resumable
from tertulia.xmpp.xml import Element


@dataclass(frozen=True, slots=True)
class Send:
    """Text for the peer; one frame each where there are frames."""

    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A stanza of ours for the peer, serialised."""

    text: str


@dataclass(frozen=True, slots=True)
class StartTls:
    """Begin the TLS handshake as soon as everything sent has left; then call `secured`."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The stream has its address: make it reachable before the next event is carried out."""

    jid: Jid
    replaces: str = ""  # id of the client's earlier session, which ends now (XEP-0198)


@dataclass(frozen=True, slots=True)
class Enabled:
    """From the next event on stanzas are counted (XEP-0198 §3)."""

    kept: Resumable


@dataclass(frozen=True, slots=True)
class CountAsked:
    """The peer asks how many of its stanzas we took: `h` up to here (XEP-0198 §4)."""

    h: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The stream goes on with a session (XEP-0198 §5): send what it has not had, and more."""

    kept: Resumable


@dataclass(frozen=True, slots=True)
class Arrived:
    """A stanza from the peer, `from` stamped, `to` valid (its own account when it had none)."""

    stanza: Element


@dataclass(frozen=True, slots=True)
class Over:
    """Close the transport once everything sent has left. `condition` is empty for a clean end."""

    condition: str = ""
    text: str = ""


Event = Send | Reply | StartTls | Bound | Enabled | CountAsked | Resumed | Arrived | Over
