"""What a receiver with SSRC rewriting is told of its slots, and the orders that follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tertulia.bridge import channel as C
from tertulia.bridge.media import Wanted
from tertulia.bridge.slots import Slots
from tertulia.bridge.video import VideoType

SLOTS = 50  # of each kind
# Stock clients pass over news of a stream they heard of a moment ago, while they still make a track
# for it (lib-jitsi-meet of August 2026, `processSourceMap`). So it is said twice.
REPEAT_AFTER_S = 2.0


@dataclass(slots=True)
class Rewriting:
    """The slots of one receiver, and what its client knows of them."""

    video: Slots = field(default_factory=lambda: Slots(SLOTS, with_rtx=True))
    audio: Slots = field(default_factory=lambda: Slots(SLOTS, with_rtx=False))
    _video_map: dict[str, C.MappedSource] = field(default_factory=dict)
    _audio_map: dict[str, C.MappedSource] = field(default_factory=dict)
    _streams: dict[int, str] = field(default_factory=dict)  # SSRC -> source, as told last
    _moved_at: dict[str, float] = field(default_factory=dict)  # sources in used streams

    def map_video(
        self, wanted: Sequence[str], sources: Mapping[str, tuple[str, VideoType]], now: float
    ) -> list[C.MappedSource]:
        """Assign slots. Returns: the entries the client has to hear of before the media come.

        Args:
            wanted: names, the most important first; the rest only keeps slots warm.
            sources: owner and type of every source there is.
        """
        self.video.assign(wanted, sources)
        current = {}
        for name, (owner, video_type) in sources.items():
            slot = self.video.of(name)
            if slot is not None:
                current[name] = C.MappedSource(name, owner, slot.ssrc, slot.rtx, video_type)
        news = [each for name, each in current.items() if self._video_map.get(name) != each]
        self._video_map = current
        self._note(news, now)
        return news

    def map_audio(
        self, wanted: Sequence[str], owners: Mapping[str, str], now: float
    ) -> list[C.MappedSource]:
        """As `map_video`, for voices."""
        self.audio.assign(wanted, owners)
        current = {}
        for name, owner in owners.items():
            slot = self.audio.of(name)
            if slot is not None:
                current[name] = C.MappedSource(name, owner, slot.ssrc)
        news = [each for name, each in current.items() if self._audio_map.get(name) != each]
        self._audio_map = current
        self._note(news, now)
        return news

    def _note(self, news: Iterable[C.MappedSource], now: float) -> None:
        for each in news:
            if self._streams.get(each.ssrc, each.source) != each.source:
                self._moved_at[each.source] = now
            self._streams[each.ssrc] = each.source

    def repeats(self, now: float) -> Iterable[str]:
        """The messages to say once more, about streams that were taken over a while ago."""
        due = {name for name, at in self._moved_at.items() if now - at >= REPEAT_AFTER_S}
        for name in due:
            del self._moved_at[name]
        video = [each for name, each in self._video_map.items() if name in due]
        audio = [each for name, each in self._audio_map.items() if name in due]
        if video:
            yield C.video_sources_map(video)
        if audio:
            yield C.audio_sources_map(audio)

    def maps(self) -> Iterable[str]:
        """The messages with all that is mapped, for a client that knows nothing yet."""
        yield C.video_sources_map(self._video_map.values())
        yield C.audio_sources_map(self._audio_map.values())

    def slotted(self, name: str, wanted: Wanted, *, is_audio: bool) -> Wanted | None:
        """An order with the slot its source has; None if it has none."""
        slot = (self.audio if is_audio else self.video).of(name)
        return None if slot is None else (*wanted[:4], (slot.ssrc, slot.rtx))
