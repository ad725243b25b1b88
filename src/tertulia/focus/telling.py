"""Tells the participants of one conference who sends what, soon or collected for a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tertulia.focus import features as F
from tertulia.focus.limits import ConferenceLimits
from tertulia.focus.participant import Participant, SessionState
from tertulia.focus.sources import ConferenceSources, difference
from tertulia.xmpp.jingle import Action
from tertulia.xmpp.jingle_rtp import EndpointSources

Say = Callable[[Participant, Action, Mapping[str, EndpointSources]], None]


class Telling:
    """Compares what each participant was told with what it should know; `say` carries the rest."""

    def __init__(
        self,
        sources: ConferenceSources,
        participants: Mapping[str, Participant],
        limits: ConferenceLimits,
        say: Say,
    ) -> None:
        self._sources = sources
        self._participants = participants
        self._limits = limits
        self._say = say

    def all(self, now: float, *, at_once: bool = False) -> None:
        """The sources changed: tell the others, after the delay of a conference this size."""
        delay = 0.0
        for size, wait in self._limits.source_delays:
            if len(self._participants) >= size:
                delay = wait
        for participant in self._participants.values():
            if participant.state is not SessionState.ACTIVE:
                continue  # its offer, or the end of its acceptance, brings it up to date
            if at_once or delay == 0.0:
                self.one(participant)
            elif participant.tell_at is None:
                participant.tell_at = now + delay

    def one(self, participant: Participant) -> None:
        wanted = self.wanted_by(participant)
        removed, added = difference(participant.told, wanted)
        participant.told, participant.tell_at = wanted, None
        for action, sources in ((Action.SOURCE_REMOVE, removed), (Action.SOURCE_ADD, added)):
            if sources:
                self._say(participant, action, sources)

    def wanted_by(self, participant: Participant) -> Mapping[str, EndpointSources]:
        """What a participant should know from us."""
        if participant.rewrites:
            return {}
        media = F.media_of(participant.features or F.UNKNOWN_CLIENT)
        return self._sources.told_to(participant.nick, media)
