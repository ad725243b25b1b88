"""Sessions as their participants hear of them: offered, renewed, given anew, moved elsewhere."""

from __future__ import annotations

from tertulia.focus import speech
from tertulia.focus.conference import Conference
from tertulia.focus.orders import Order, Purpose
from tertulia.focus.participant import Participant, SessionState
from tertulia.xmpp.colibri2 import ConferenceModify, EndpointOrder, TransportOrder
from tertulia.xmpp.jingle import BridgeSession, Reason
from tertulia.xmpp.jingle_ice import IceUdpTransport


def offer(conference: Conference, participant: Participant, transport: IceUdpTransport) -> None:
    """The bridge has a transport for this participant: send the session-initiate."""
    stay = conference.stay
    if stay is None:
        return
    conference.due.without_bridge_since, conference.says_unavailable = None, False
    participant.told = conference.telling.wanted_by(participant)
    participant.sid = conference.new_id()
    participant.state = SessionState.OFFERED
    offer = speech.initiate(
        participant,
        conference.focus_jid,
        transport=transport,
        feedback=stay.feedback,
        bridge_session=BridgeSession(id=stay.id, region=stay.bridge.region),
    )
    conference.say(participant, offer, serial=participant.serial)


def offer_failed(conference: Conference, nick: str, serial: int, now: float) -> list[Order]:
    """A session-initiate was refused or not acknowledged."""
    participant = conference.participants.get(nick)
    if participant is not None and participant.serial == serial:
        conference.totals.invitations_failed += 1
        conference.note(
            f"Invitation failed: room={conference.room} endpoint={nick}", is_warning=True
        )
        conference.leave_bridge(participant, SessionState.ENDED)
        conference.telling.all(now)
    return conference.taken()


def restart_ice(conference: Conference, participant: Participant) -> None:
    """Ask the bridge for new credentials; `renew_transport` follows, or a new invitation."""
    order = EndpointOrder(id=participant.nick, transport=TransportOrder(ice_restart=True))
    modify = ConferenceModify(meeting_id=conference.meeting_id, endpoints=(order,))
    conference.ask_bridge(Purpose.ICE_RESTART, modify, participant)


def renew_transport(
    conference: Conference, participant: Participant, transport: IceUdpTransport
) -> None:
    """Pass on the bridge's new credentials of an ICE restart in place."""
    conference.say(participant, speech.transport_info(participant, conference.focus_jid, transport))


def reinvite(conference: Conference, participant: Participant, now: float) -> None:
    """Give one participant a new session, unless that happens too often."""
    conference.terminate(participant, Reason("success", "moving"))
    allowed = participant.reinvites.allow(now)
    conference.leave_bridge(participant, SessionState.NONE if allowed else SessionState.ENDED)
    conference.telling.all(now)
    conference.invite_all(now)


def move(conference: Conference, now: float, *, expire: bool) -> None:
    """Leave the bridge with everybody and invite them anew (reference signalling 5.8).

    Args:
        expire: tell the bridge to forget the conference.
    """
    if conference.stay is not None and not conference.moves.allow(now):
        conference.brewery.failed(conference.stay.bridge.jid, now)  # it refuses again and again
    if expire:
        conference.expire_stay()
    moving = [p for p in conference.participants.values() if p.state.is_on_bridge]
    for participant in moving:
        conference.terminate(participant, Reason("success", "moving"))
        conference.sources.forget(participant.nick)
        participant.end_session(SessionState.NONE)
    conference.stay = None
    conference.totals.participants_moved += len(moving)
    conference.invite_all(now)
