"""What the focus says: its Jingle to participants (offers, sources, farewells), its presence.

Pure builders (reference signalling 5.2, 5.6, 5.8); when to say it is the conference's matter.
"""

from __future__ import annotations

from collections.abc import Mapping

from tertulia.focus import features as F
from tertulia.focus.offer import at_host, offer_contents, source_contents
from tertulia.focus.participant import Participant
from tertulia.focus.sources import BRIDGE_OWNER, only
from tertulia.xmpp import ns as NS
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle import Action, BridgeSession, Content, Jingle, Reason
from tertulia.xmpp.jingle_ice import IceUdpTransport
from tertulia.xmpp.jingle_rtp import EndpointSources
from tertulia.xmpp.xml import Element


def initiate(
    participant: Participant,
    focus: Jid,
    *,
    transport: IceUdpTransport,
    feedback: EndpointSources,
    bridge_session: BridgeSession,
) -> Jingle:
    """The offer, with all sources the participant is to know (`participant.told`)."""
    features = participant.features or F.UNKNOWN_CLIENT
    sources = {BRIDGE_OWNER: only(feedback, F.media_of(features)), **participant.told}
    as_json = F.JSON_SOURCES in features
    contents = offer_contents(
        participant.media,
        at_host(transport, participant.occupant.host),
        {} if as_json else sources,
    )
    return Jingle(
        action=Action.SESSION_INITIATE,
        sid=participant.sid,
        initiator=str(focus),
        contents=contents,
        bundle=tuple(content.name for content in contents),
        bridge_session=bridge_session,
        sources=sources if as_json else {},
    )


def change_sources(
    participant: Participant, focus: Jid, action: Action, sources: Mapping[str, EndpointSources]
) -> Jingle:
    """A source-add or source-remove, in the form the participant's client reads."""
    as_json = F.JSON_SOURCES in (participant.features or F.UNKNOWN_CLIENT)
    return Jingle(
        action=action,
        sid=participant.sid,
        initiator=str(focus),
        contents=() if as_json else source_contents(sources),
        sources=sources if as_json else {},
    )


def transport_info(participant: Participant, focus: Jid, transport: IceUdpTransport) -> Jingle:
    """New ICE credentials of the bridge, for an ICE restart in place (reference bridge 1.2)."""
    first = participant.media[0].type.value  # one transport for the whole bundle
    return Jingle(
        action=Action.TRANSPORT_INFO,
        sid=participant.sid,
        initiator=str(focus),
        contents=(Content(name=first, transport=at_host(transport, participant.occupant.host)),),
    )


def terminate(
    participant: Participant, focus: Jid, reason: Reason, bridge_session_id: str
) -> Jingle:
    return Jingle(
        action=Action.SESSION_TERMINATE,
        sid=participant.sid,
        initiator=str(focus),
        reason=reason,
        bridge_session=BridgeSession(id=bridge_session_id) if bridge_session_id else None,
    )


def presence(*, has_bridge: bool, is_unavailable: bool, created_ms: int) -> tuple[Element, ...]:
    """The children of the focus' own presence in the room (reference signalling 4.5).

    Args:
        is_unavailable: people wait for a bridge and there is none.
    """
    values = {
        "support-terminate-restart": "true",
        "bridge-count": "1" if has_bridge else "0",
        "created-ms": str(created_ms),
    }
    properties = Element("conference-properties", ns=NS.FOCUS)
    for key, value in values.items():
        properties.append(Element("property", {"key": key, "value": value}))
    if not is_unavailable:
        return (properties,)
    return (properties, Element("bridgeNotAvailable", ns=NS.FOCUS))
