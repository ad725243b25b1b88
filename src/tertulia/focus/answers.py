"""What a conference does with the answers and reports of its bridge (reference bridge 3.3).

The counterpart of `requests`: that one serves the occupants, this one the bridge.
"""

from __future__ import annotations

from tertulia.focus import inviting
from tertulia.focus.conference import Conference
from tertulia.focus.offer import feedback_sources
from tertulia.focus.orders import Answer, AskBridge, Order, Purpose
from tertulia.focus.participant import Participant, SessionState
from tertulia.focus.reaction import Reaction, reaction
from tertulia.xmpp.colibri2 import (
    SILENT,
    ConferenceModified,
    EndpointReport,
    ErrorReason,
    Refusal,
)
from tertulia.xmpp.errors import BadRequest
from tertulia.xmpp.jingle_rtp import Media
from tertulia.xmpp.xml import Element

BridgeAnswer = ConferenceModified | Refusal | None


def bridge_answered(
    conference: Conference, ask: AskBridge, answer: BridgeAnswer, now: float
) -> list[Order]:
    """What came of `ask`; None when the bridge did not answer in time."""
    participant = conference.participants.get(ask.nick)
    is_stale = (
        participant is None
        or participant.serial != ask.serial
        or ask.bridge_session != conference.bridge_session_id
    )
    if ask.purpose is Purpose.EXPIRE:
        return []
    if participant is None or is_stale:
        if ask.request is not None:
            conference.order(Answer(ask.request))  # the session was replaced: decision 22
        return conference.taken()
    if ask.purpose is Purpose.ACCEPT and ask.request is not None:
        _accept_answered(conference, participant, ask.request, answer, now)
    elif ask.purpose is Purpose.ICE_RESTART:
        _restart_answered(conference, participant, answer, now)
    elif isinstance(answer, ConferenceModified) and ask.purpose is Purpose.ALLOCATE:
        _allocated(conference, participant, answer)
    if isinstance(answer, Refusal):
        _refused(conference, participant, ask, answer, now)
    elif answer is None:
        _not_answered(conference, participant, ask, now)
    return conference.taken()


def _not_answered(
    conference: Conference, participant: Participant, ask: AskBridge, now: float
) -> None:
    conference.totals.bridge_timeouts += 1
    conference.note(
        f"Bridge does not answer: room={conference.room} bridge={ask.bridge} request={ask.purpose}",
        is_warning=True,
    )
    if ask.purpose is not Purpose.ALLOCATE or not conference.is_bridge_reachable:
        return
    if conference.brewery.has_other_than(ask.bridge, now):
        conference.brewery.failed(ask.bridge, now)
        # It may only be slow, or cut off: the order to forget us reaches it when it is back.
        inviting.move(conference, now, expire=True)
    else:  # to end everybody's session would make a slow bridge slower, and gain nothing
        inviting.reinvite(conference, participant, now)


def _allocated(
    conference: Conference, participant: Participant, answer: ConferenceModified
) -> None:
    stay = conference.stay
    report = next((e for e in answer.endpoints if e.id == participant.nick), None)
    if stay is None or report is None or report.transport is None:
        conference.note(f"Bridge gave no transport: room={conference.room}", is_warning=True)
        conference.leave_bridge(participant, SessionState.ENDED)
        return
    if answer.sources:
        ssrc = {s.type: s.sources[0].ssrc for s in answer.sources if s.sources}
        if set(ssrc) == set(Media):
            stay.feedback = feedback_sources(ssrc[Media.AUDIO], ssrc[Media.VIDEO])
            conference.sources.reserve(ssrc.values())
    inviting.offer(conference, participant, report.transport)


def _accept_answered(
    conference: Conference,
    participant: Participant,
    request: Element,
    answer: BridgeAnswer,
    now: float,
) -> None:
    if isinstance(answer, Refusal) and answer.condition == "bad-request":
        conference.sources.forget(participant.nick)
        participant.state = SessionState.OFFERED
        conference.order(Answer(request, BadRequest(answer.text)))
        return
    if isinstance(answer, Refusal):
        conference.order(Answer(request))  # not the client's fault; `_refused` knows what to do
        return
    participant.state = SessionState.ACTIVE
    conference.order(Answer(request))
    conference.telling.one(participant)
    conference.telling.all(now)


def _restart_answered(
    conference: Conference, participant: Participant, answer: BridgeAnswer, now: float
) -> None:
    """An ICE restart in place: the bridge gives new credentials, or refuses by their absence."""
    if not isinstance(answer, ConferenceModified):
        if answer is not None:  # `_refused` handles what says that the endpoint is gone
            return
        inviting.reinvite(conference, participant, now)
        return
    report = next((e for e in answer.endpoints if e.id == participant.nick), None)
    if report is None or report.transport is None:
        conference.note(
            f"ICE restart refused: room={conference.room} endpoint={participant.nick}",
            is_warning=True,
        )
        inviting.reinvite(conference, participant, now)
        return
    conference.totals.ice_restarts_relayed += 1
    inviting.renew_transport(conference, participant, report.transport)


def _refused(
    conference: Conference, participant: Participant, ask: AskBridge, refusal: Refusal, now: float
) -> None:
    conference.totals.bridge_refusals[_counted(refusal)] += 1
    conference.note(
        f"Bridge refused: room={conference.room} bridge={ask.bridge} request={ask.purpose} "
        f"condition={refusal.condition} reason={refusal.reason} text={refusal.text!r}",
        is_warning=True,
    )
    match reaction(refusal):
        case Reaction.NOTHING:
            pass
        case Reaction.FAIL_SESSION:
            if ask.purpose is Purpose.ALLOCATE:
                conference.leave_bridge(participant, SessionState.ENDED)
            elif ask.purpose is Purpose.ICE_RESTART:
                inviting.reinvite(conference, participant, now)
        case Reaction.REINVITE_ONE:
            inviting.reinvite(conference, participant, now)
        case Reaction.REINVITE_ALL:
            inviting.move(conference, now, expire=False)
        case Reaction.EXPIRE_AND_REINVITE_ALL:
            inviting.move(conference, now, expire=True)
        case Reaction.AVOID_BRIDGE:
            conference.brewery.failed(ask.bridge, now)
            inviting.move(conference, now, expire=refusal.reason is not None)


# What bridges of ours say; a metric's labels are no place for a peer's own words.
_CONDITIONS = frozenset(
    {
        "bad-request",
        "conflict",
        "feature-not-implemented",
        "forbidden",
        "internal-server-error",
        "item-not-found",
        "resource-constraint",
        "service-unavailable",
    }
)


def _counted(refusal: Refusal) -> tuple[str, str]:
    condition = refusal.condition if refusal.condition in _CONDITIONS else "other"
    is_known = refusal.reason is None or refusal.reason in ErrorReason.__members__
    return condition, (refusal.reason or "none") if is_known else "other"


def bridge_reported(
    conference: Conference, reports: tuple[EndpointReport, ...], now: float
) -> list[Order]:
    """The bridge tells of endpoints that it gave up, because their peers went or cannot be reached,
    and of those it hears nothing of: their ICE is restarted in place (decision 23)."""
    for report in reports:
        participant = conference.participants.get(report.id)
        if participant is None:
            continue
        if report.expire and participant.state.is_on_bridge:
            _lost(conference, participant, report.reason, now)
        elif (
            report.reason == SILENT
            and participant.state is SessionState.ACTIVE
            and participant.ice_restarts.allow(now)
        ):
            conference.note(f"Endpoint is silent: room={conference.room} endpoint={report.id}")
            inviting.restart_ice(conference, participant)
    return conference.taken()


def _lost(conference: Conference, participant: Participant, reason: str, now: float) -> None:
    """The bridge gave this endpoint up. Unless its person is leaving just now, invite again."""
    conference.totals.endpoints_lost += 1
    conference.note(
        f"Endpoint lost by its bridge: room={conference.room} endpoint={participant.nick} "
        f"reason={reason!r}",
        is_warning=True,
    )
    if conference.stay is not None:
        conference.stay.endpoints.discard(participant.nick)
    participant.lost_at = now
