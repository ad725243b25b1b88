"""A conference as it outlives the process of its focus: what to write down, and how to go on.

The bridge goes on with its endpoints meanwhile, and the clients with their sessions. So nothing is
begun anew: the bridge counts as cut off until it is back in the brewery, and then both sides are
brought to agree as after any cut (`moves`). Times stay: the clock of the loop is the machine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from tertulia.focus.conference import Conference
from tertulia.focus.deadlines import Deadlines
from tertulia.focus.orders import Discover
from tertulia.focus.participant import Participant, RateLimit
from tertulia.focus.sources import difference, merge, subtract
from tertulia.focus.stay import BridgeStay
from tertulia.rooms.rights import MediaKind
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle_rtp import EndpointSources

Sources = Mapping[str, EndpointSources]

_APART = frozenset({"told"})  # written as what it differs in from what is to be known


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceState:
    """Everything but the participants."""

    room: Jid
    meeting_id: str
    created_ms: int
    says_unavailable: bool
    due: Deadlines
    moves: RateLimit
    former: dict[Jid, str]
    muted: dict[Jid, set[MediaKind]]
    reserved: frozenset[int]
    stay: BridgeStay | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantState:
    """One of them, with its sources."""

    facts: dict[str, Any]  # fields of `Participant` by name
    sources: EndpointSources
    not_yet_told: Sources
    still_told: Sources  # of what is there no more


def dump(conference: Conference) -> ConferenceState:
    return ConferenceState(
        room=conference.room,
        meeting_id=conference.meeting_id,
        created_ms=conference.created_ms,
        says_unavailable=conference.says_unavailable,
        due=conference.due,
        moves=conference.moves,
        former=conference.former,
        muted=conference.muting.kept,
        reserved=conference.sources.reserved,
        stay=conference.stay,
    )


def signature(conference: Conference, participant: Participant) -> tuple[object, ...]:
    """What is another object or number when `dump_participant` would give something new."""
    queued = None if participant.tell_at is None else conference.sources.version
    return (
        participant.occupant,
        participant.features,
        participant.state,
        participant.serial,
        participant.sid,
        participant.told,
        participant.lost_at,
        participant.silenced,
        frozenset(participant.muted),
        conference.sources.of(participant.nick),
        queued,
    )


def is_same(one: tuple[object, ...] | None, other: tuple[object, ...]) -> bool:
    """Whether two signatures are of the same state; objects are never changed, but replaced."""
    return one is not None and all(
        a is b or (isinstance(a, int | str | frozenset) and a == b)
        for a, b in zip(one, other, strict=True)
    )


def dump_participant(conference: Conference, participant: Participant) -> ParticipantState:
    still_told, not_yet_told = difference(
        participant.told, conference.telling.wanted_by(participant)
    )
    return ParticipantState(
        facts={
            each.name: getattr(participant, each.name)
            for each in fields(Participant)
            if each.name not in _APART
        },
        sources=conference.sources.of(participant.nick),
        not_yet_told=not_yet_told,
        still_told=still_told,
    )


def load(
    conference: Conference,
    state: ConferenceState,
    participants: Iterable[ParticipantState],
    now: float,
) -> None:
    """Have a new conference go on where another process left it."""
    conference.says_unavailable = state.says_unavailable
    conference.due, conference.moves = state.due, state.moves
    conference.former = state.former
    conference.muting.kept.update(state.muted)
    conference.sources.reserve(state.reserved)
    conference.stay = state.stay
    if state.stay is not None:
        state.stay.lost_at = now  # until it announces itself
    states = list(participants)
    for each in states:
        participant = Participant(**each.facts)
        conference.participants[participant.nick] = participant
        conference.sources.restore(participant.nick, each.sources)
        if participant.features is None:  # its answer went to nobody
            participant.features_by = now + conference.limits.features_after_restart_s
            occupant = participant.occupant
            conference.order(Discover(occupant.nick, occupant.jid, occupant.caps))
    for each, participant in zip(states, conference.participants.values(), strict=True):
        participant.told = _told(conference, participant, each)
    if not conference.participants:
        conference.due.start_by = now + conference.limits.start_timeout_s
    conference.published()


def _told(
    conference: Conference, participant: Participant, state: ParticipantState
) -> dict[str, EndpointSources]:
    """What its client knows: what it should know, less and plus what it was still to be told."""
    if not participant.state.is_signalled:
        return {}
    told = dict(conference.telling.wanted_by(participant))
    for owner, sources in state.not_yet_told.items():
        told[owner] = subtract(told.get(owner, EndpointSources()), sources)
    for owner, sources in state.still_told.items():
        told[owner] = merge(told.get(owner, EndpointSources()), sources)
    return {owner: sources for owner, sources in told.items() if sources}
