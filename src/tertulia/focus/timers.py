"""What is due when, in a conference. The service asks `next_timeout` and calls `tick`."""

from __future__ import annotations

from tertulia.focus import features as F
from tertulia.focus import inviting
from tertulia.focus.conference import Conference
from tertulia.focus.orders import Order
from tertulia.focus.participant import Participant, SessionState
from tertulia.xmpp.jingle import Reason


def next_timeout(conference: Conference) -> float | None:
    """When `tick` is wanted at the latest."""
    times = [
        conference.due.start_by,
        conference.due.idle_at,
        conference.due.retry_at,
        _alarm_at(conference),
        _hold_until(conference),
    ]
    for participant in conference.participants.values():
        times.append(participant.tell_at)
        times.append(_reinvite_at(conference, participant))
        if participant.features is None:
            times.append(participant.features_by)
    return min((time for time in times if time is not None), default=None)


def tick(conference: Conference, now: float) -> list[Order]:
    """Do what is due at `now`."""
    if conference.due.start_by is not None and now >= conference.due.start_by:
        conference.due.start_by = None
        if not conference.participants:
            conference.finish("nobody came")
            return conference.taken()
    if conference.due.idle_at is not None and now >= conference.due.idle_at:
        conference.due.idle_at = None
        _end_idle_session(conference)
    for participant in list(conference.participants.values()):
        if participant.features is None and now >= participant.features_by:
            conference.set_features(participant, F.UNKNOWN_CLIENT, now)
        reinvite_at = _reinvite_at(conference, participant)
        if reinvite_at is not None and now >= reinvite_at:
            inviting.reinvite(conference, participant, now)
        if participant.tell_at is not None and now >= participant.tell_at:
            conference.telling.one(participant)
    hold_until = _hold_until(conference)
    if hold_until is not None and now >= hold_until:
        conference.note(f"Bridge did not come back: room={conference.room}", is_warning=True)
        inviting.move(conference, now, expire=False)
    alarm_at = _alarm_at(conference)
    if alarm_at is not None and now >= alarm_at:
        conference.says_unavailable = True
    if conference.due.retry_at is not None and now >= conference.due.retry_at:
        conference.due.retry_at = None
        conference.invite_all(now)
    return conference.taken()


def _alarm_at(conference: Conference) -> float | None:
    """When the participants are told that there is no bridge."""
    if conference.due.without_bridge_since is None or conference.says_unavailable:
        return None
    return conference.due.without_bridge_since + conference.limits.bridge_grace_s


def _hold_until(conference: Conference) -> float | None:
    """Until when a bridge that is cut off is believed to come back with its media."""
    if conference.stay is None or conference.stay.lost_at is None:
        return None
    return conference.stay.lost_at + conference.limits.lost_bridge_s


def _reinvite_at(conference: Conference, participant: Participant) -> float | None:
    """When who was lost by its bridge is invited again, if it is still here then."""
    if participant.lost_at is None:
        return None
    return participant.lost_at + conference.limits.lost_endpoint_s


def _end_idle_session(conference: Conference) -> None:
    for participant in conference.participants.values():
        if participant.state.is_on_bridge:
            conference.terminate(participant, Reason("expired", "Idle session timeout"))
            conference.leave_bridge(participant, SessionState.NONE)
