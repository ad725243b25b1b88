"""Speech in one conference: who is dominant, who spoke before, whose voice is forwarded."""

from __future__ import annotations

from dataclasses import dataclass

from tertulia.bridge import channel as C
from tertulia.bridge.loudness import Loudness
from tertulia.bridge.speakers import TICK_S, DominantSpeaker

PREVIOUS_SPEAKERS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechPolicy:
    loudest: int = 0  # voices forwarded at a time; 0: all
    silence_after_s: float = 0.0  # nobody speaks for so long: clients are told; 0: they are not


class Speech:
    def __init__(self, policy: SpeechPolicy, now: float) -> None:
        self.order: list[str] = []  # endpoint ids, who spoke last first
        self.changes = 0  # of the dominant speaker
        self.loudest: frozenset[str] | None = None  # whose voices are forwarded; None: everybody's
        self._policy = policy
        self._spoke: list[str] = []  # those who ever were dominant, last first
        self._speakers: DominantSpeaker[str] = DominantSpeaker()
        self._loudness = Loudness()
        self._decide_at = now + TICK_S
        if policy.loudest:
            self.loudest = frozenset()

    @property
    def dominant(self) -> str | None:
        return self._speakers.dominant

    @property
    def recent(self) -> list[str]:
        """The dominant speaker and the ones before, last first."""
        return self._spoke[:PREVIOUS_SPEAKERS]

    @property
    def is_silent(self) -> bool:
        return self._speakers.is_silent

    def joined(self, endpoint_id: str) -> None:
        self.order.append(endpoint_id)

    def left(self, endpoint_id: str) -> None:
        self.order.remove(endpoint_id)
        if endpoint_id in self._spoke:
            self._spoke.remove(endpoint_id)
        self._speakers.forget(endpoint_id)
        self._loudness.forget(endpoint_id)

    def heard(self, endpoint_id: str, levels: bytes, now: float) -> None:
        self._speakers.heard(endpoint_id, levels, now)
        if self._policy.loudest:
            self._loudness.heard(endpoint_id, levels, now)

    def tick(self, now: float) -> str | None:
        """Decide anew if it is time. Returns: the new dominant speaker, if it changed."""
        if now < self._decide_at:
            return None
        self._decide_at = max(self._decide_at + TICK_S, now)
        change = self._speakers.tick(now)
        if change is None:
            return None
        self.changes += 1
        speaker = change.dominant
        for ranking in (self.order, self._spoke):
            if speaker in ranking:
                ranking.remove(speaker)
            ranking.insert(0, speaker)
        return speaker

    def choose_loudest(self, now: float) -> bool:
        """Choose whose voices are forwarded. Returns: True if that changed."""
        if not self._policy.loudest:
            return False
        dominant = () if self.dominant is None else (self.dominant,)
        chosen = self._loudness.loudest(self._policy.loudest, now, always=dominant)
        changed = chosen != self.loudest
        self.loudest = chosen
        return changed

    def silence_changed(self, now: float) -> bool:
        """Notice that all fell silent, or that somebody speaks again. True if that is news."""
        return self._policy.silence_after_s > 0 and self._speakers.notice_silence(
            now, self._policy.silence_after_s
        )

    def message(self) -> str:
        """What clients are told about the dominant speaker."""
        previous = [each for each in self._spoke if each != self.dominant]
        return C.dominant_speaker(
            self.dominant or "", previous[:PREVIOUS_SPEAKERS], is_silent=self.is_silent
        )
