"""What occupants ask of the focus: their half of the Jingle dialogue.

Each function obeys one action and gives orders to the conference, or raises the refusal. Who the
sender is was stamped by the room; nothing a request says about itself is believed.
Sources: reference signalling 5, bridge 5.3. Muting has a file of its own.
"""

from __future__ import annotations

from tertulia.errors import PeerError
from tertulia.focus import inviting
from tertulia.focus.conference import Conference
from tertulia.focus.orders import Answer, Noted, Order, Purpose
from tertulia.focus.participant import Participant, SessionState
from tertulia.focus.sources import for_bridge
from tertulia.xmpp.colibri2 import ConferenceModify, EndpointOrder, TransportOrder
from tertulia.xmpp.errors import BadRequest, ItemNotFound, ResourceConstraint
from tertulia.xmpp.jingle import Action, Jingle, OutOfOrder, UnknownSession
from tertulia.xmpp.xml import Element


def jingle_request(
    conference: Conference, nick: str, request: Element, payload: Element, now: float
) -> list[Order]:
    """Obey one `<jingle/>` of an occupant; refusals become answers."""
    try:
        participant = sender_of(conference, nick)
        jingle = Jingle.parse(payload)
        if jingle.action is Action.SESSION_ACCEPT and jingle.sid in participant.ended_sids:
            # It crossed our farewell. A refusal would be the end of the conference for stock
            # clients, and they are invited anew as it is (decision 22).
            conference.order(Answer(request))
            return conference.taken()
        if not participant.sid or jingle.sid != participant.sid:
            raise UnknownSession("no such session")
        _obey(conference, participant, jingle, request, now)
    except PeerError as error:
        conference.order(Answer(request, error))
    return conference.taken()


def _obey(
    conference: Conference, participant: Participant, jingle: Jingle, request: Element, now: float
) -> None:
    match jingle.action:
        case Action.SESSION_ACCEPT:
            _accept(conference, participant, jingle, request)
        case Action.SOURCE_ADD:
            _source_add(conference, participant, jingle, request, now)
        case Action.SOURCE_REMOVE:
            _source_remove(conference, participant, jingle, request, now)
        case Action.SESSION_TERMINATE:
            _terminate(conference, participant, jingle, request, now)
        case Action.SESSION_INFO:
            _info(conference, participant, jingle, request, now)
        case Action.TRANSPORT_INFO:
            _transport_info(conference, participant, jingle, request)
        case Action.TRANSPORT_ACCEPT | Action.TRANSPORT_REJECT | Action.CONTENT_MODIFY:
            conference.order(Answer(request))  # nothing was asked for, nothing to do
        case _:
            raise BadRequest(f"{jingle.action.value} is not for the focus")


def sender_of(conference: Conference, nick: str) -> Participant:
    """Raises: ItemNotFound."""
    participant = conference.participants.get(nick)
    if participant is None:
        raise ItemNotFound("you are not in this conference")
    return participant


def _accept(
    conference: Conference, participant: Participant, jingle: Jingle, request: Element
) -> None:
    if participant.state is not SessionState.OFFERED:
        raise OutOfOrder("the session was accepted before")
    transports = [c.transport for c in jingle.contents if c.transport is not None]
    transport = next((t for t in transports if t.ufrag and t.pwd and t.fingerprints), None)
    if transport is None:
        raise BadRequest("a session-accept needs ICE credentials and a fingerprint")
    conference.sources.add(participant.nick, jingle.endpoint_sources())
    participant.state = SessionState.ACCEPTING
    last_n = next((c.initial_last_n for c in jingle.contents if c.initial_last_n is not None), None)
    order = EndpointOrder(
        id=participant.nick,
        transport=TransportOrder(ice=transport),
        sources=for_bridge(conference.sources.of(participant.nick)),
        initial_last_n=last_n,
    )
    conference.ask_bridge(Purpose.ACCEPT, _update(conference, order), participant, request=request)


def _source_add(
    conference: Conference, participant: Participant, jingle: Jingle, request: Element, now: float
) -> None:
    _require_active(participant)
    conference.sources.add(participant.nick, jingle.endpoint_sources())
    _sources_changed(conference, participant, request, now)


def _source_remove(
    conference: Conference, participant: Participant, jingle: Jingle, request: Element, now: float
) -> None:
    _require_active(participant)
    conference.sources.remove(participant.nick, jingle.endpoint_sources())
    _sources_changed(conference, participant, request, now)


def _sources_changed(
    conference: Conference, participant: Participant, request: Element, now: float
) -> None:
    sources = for_bridge(conference.sources.of(participant.nick))
    order = EndpointOrder(id=participant.nick, sources=sources)
    # The bridge first: what the others are told about can be forwarded when they ask for it.
    conference.ask_bridge(Purpose.UPDATE, _update(conference, order), participant)
    conference.order(Answer(request))
    conference.telling.all(now)


def _require_active(participant: Participant) -> None:
    if participant.state is not SessionState.ACTIVE:
        raise OutOfOrder("the session is not accepted yet")


def _terminate(
    conference: Conference, participant: Participant, jingle: Jingle, request: Element, now: float
) -> None:
    """The participant ends its session; with `restart` it wants another (signalling 5.8)."""
    wants_restart = jingle.bridge_session is not None and jingle.bridge_session.restart
    if wants_restart:
        _check_bridge_session(conference, jingle)
    allowed = wants_restart and _may_restart(conference, participant, now)
    reason = jingle.reason.condition if jingle.reason is not None else "none"
    conference.order(
        Noted(
            f"Session ended by participant: room={conference.room} endpoint={participant.nick} "
            f"reason={reason!r} restart={wants_restart}"
        )
    )
    if wants_restart and not allowed:
        # The termination stands all the same (reference bridge 5.3).
        conference.order(Answer(request, ResourceConstraint("too many restarts")))
    else:
        conference.order(Answer(request))
    conference.leave_bridge(participant, SessionState.NONE if allowed else SessionState.ENDED)
    conference.telling.all(now, at_once=True)
    if allowed:
        conference.invite_all(now)


def _info(
    conference: Conference, participant: Participant, jingle: Jingle, request: Element, now: float
) -> None:
    session = jingle.bridge_session
    if session is not None and session.ice_restart:
        _check_bridge_session(conference, jingle)
        _require_active(participant)
        conference.totals.ice_restarts_requested += 1
        if not participant.ice_restarts.allow(now):
            conference.totals.restarts_refused += 1
            raise ResourceConstraint("too many ICE restarts")
        inviting.restart_ice(conference, participant)
        conference.order(Answer(request))
        return
    if jingle.ice_state == "failed":
        _check_bridge_session(conference, jingle)
        conference.totals.participants_ice_failed += 1
        if not _may_restart(conference, participant, now):
            raise ResourceConstraint("too many restarts")
        conference.note(f"ICE failed: room={conference.room} endpoint={participant.nick}")
        conference.order(Answer(request))
        inviting.reinvite(conference, participant, now)
        return
    conference.order(Answer(request))  # XEP-0166 §6.8: an empty session-info is a ping


def _may_restart(conference: Conference, participant: Participant, now: float) -> bool:
    """Once in 5 s and 5 times a minute (reference bridge 5.3)."""
    conference.totals.restarts_requested += 1
    allowed = participant.restarts.allow(now)
    conference.totals.restarts_refused += not allowed
    return allowed


def _check_bridge_session(conference: Conference, jingle: Jingle) -> None:
    session = jingle.bridge_session
    if session is None or session.id != conference.bridge_session_id:
        raise ItemNotFound("no such bridge session")


def _transport_info(
    conference: Conference, participant: Participant, jingle: Jingle, request: Element
) -> None:
    # Gateways give their credentials here, even before session-accept (reference bridge 5.3).
    for content in jingle.contents:
        if content.transport is not None and (
            content.transport.ufrag or content.transport.candidates
        ):
            order = EndpointOrder(
                id=participant.nick, transport=TransportOrder(ice=content.transport)
            )
            conference.ask_bridge(Purpose.UPDATE, _update(conference, order), participant)
            break
    conference.order(Answer(request))


def _update(conference: Conference, *orders: EndpointOrder) -> ConferenceModify:
    return ConferenceModify(meeting_id=conference.meeting_id, endpoints=orders)
