"""From bridge to bridge: what a conference does when bridges come, go, or are cut off."""

from __future__ import annotations

from tertulia.focus import inviting
from tertulia.focus.brewery import Bridge
from tertulia.focus.conference import Conference
from tertulia.focus.muting import wanted
from tertulia.focus.orders import Order, Purpose
from tertulia.focus.participant import SessionState
from tertulia.focus.sources import for_bridge
from tertulia.focus.stay import BridgeStay
from tertulia.xmpp.colibri2 import ConferenceModify, EndpointOrder
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle import Reason


def bridges_changed(conference: Conference, now: float) -> list[Order]:
    """A bridge appeared, or works again: the one we lost, perhaps, or one to go to."""
    stay = conference.stay
    if stay is None:
        conference.invite_all(now)
    elif stay.lost_at is not None:
        back = conference.brewery.get(stay.bridge.jid)
        if back is not None and _is_same_process(back, stay.bridge):
            _resume(conference, stay, back, now)
        elif conference.brewery.select(now, conference.region()) is not None:
            inviting.move(conference, now, expire=False)
    elif stay.bridge.is_shutting_down:
        bridge_closing(conference, stay.bridge.jid, now)
    return conference.taken()


def bridge_lost(conference: Conference, jid: Jid, now: float) -> list[Order]:
    """A bridge left the brewery, or does not work: move elsewhere if we were there.

    Without another bridge nothing is ended yet. Only the way to us may be cut: then media goes
    on, and the bridge comes back with it; else it comes back without, and we move to it.
    """
    stay = conference.stay
    if stay is None or stay.bridge.jid != jid:
        return []
    if stay.lost_at is None:
        conference.note(f"Bridge lost: room={conference.room} {stay.bridge}", is_warning=True)
        stay.lost_at = now
    if conference.brewery.select(now, conference.region()) is not None:
        inviting.move(conference, now, expire=conference.brewery.get(jid) is not None)
    return conference.taken()


def bridge_closing(conference: Conference, jid: Jid, now: float) -> list[Order]:
    """A bridge shuts down: move elsewhere, if there is somewhere else."""
    if conference.stay is not None and conference.stay.bridge.jid == jid:
        other = conference.brewery.select(now, conference.region())
        if other is not None and other.jid != jid:
            inviting.move(conference, now, expire=True)
    return conference.taken()


def _is_same_process(back: Bridge, lost: Bridge) -> bool:
    return back is lost or (back.instance != "" and back.instance == lost.instance)


def _resume(conference: Conference, stay: BridgeStay, bridge: Bridge, now: float) -> None:
    """The bridge was cut off and is back with its conferences: bring both sides to agree."""
    conference.note(f"Bridge is back: room={conference.room} {bridge}")
    stay.bridge, stay.lost_at = bridge, None
    for nick in stay.endpoints - conference.participants.keys():
        conference.expire_endpoint(stay, nick)
    for participant in conference.participants.values():
        if participant.state is SessionState.ACTIVE:
            # What is gone there is refused, and then invited anew.
            sources = for_bridge(conference.sources.of(participant.nick))
            participant.silenced = wanted(participant)
            order = EndpointOrder(
                id=participant.nick, sources=sources, force_mute=participant.silenced
            )
            modify = ConferenceModify(meeting_id=conference.meeting_id, endpoints=(order,))
            conference.ask_bridge(Purpose.UPDATE, modify, participant)
        elif participant.state.is_on_bridge:
            conference.terminate(participant, Reason("success", "moving"))
            conference.leave_bridge(participant, SessionState.NONE)
    conference.invite_all(now)
