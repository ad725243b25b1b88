"""What a receiver with SSRC rewriting is told of its slots, and the orders that follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tertulia.bridge import channel as C
from tertulia.bridge.media import Wanted
from tertulia.bridge.slots import Slots
from tertulia.bridge.video import VideoType

SLOTS = 50  # of each kind


@dataclass(slots=True)
class Rewriting:
    """The slots of one receiver, and what its client knows of them."""

    video: Slots = field(default_factory=lambda: Slots(SLOTS, with_rtx=True))
    audio: Slots = field(default_factory=lambda: Slots(SLOTS, with_rtx=False))
    _video_map: dict[str, C.MappedSource] = field(default_factory=dict)
    _audio_map: dict[str, C.MappedSource] = field(default_factory=dict)

    def map_video(
        self, wanted: Sequence[str], sources: Mapping[str, tuple[str, VideoType]]
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
        return news

    def map_audio(self, wanted: Sequence[str], owners: Mapping[str, str]) -> list[C.MappedSource]:
        """As `map_video`, for voices."""
        self.audio.assign(wanted, owners)
        current = {}
        for name, owner in owners.items():
            slot = self.audio.of(name)
            if slot is not None:
                current[name] = C.MappedSource(name, owner, slot.ssrc)
        news = [each for name, each in current.items() if self._audio_map.get(name) != each]
        self._audio_map = current
        return news

    def maps(self) -> Iterable[str]:
        """The messages with all that is mapped, for a client that knows nothing yet."""
        yield C.video_sources_map(self._video_map.values())
        yield C.audio_sources_map(self._audio_map.values())

    def slotted(self, name: str, wanted: Wanted, *, is_audio: bool) -> Wanted | None:
        """An order with the slot its source has; None if it has none."""
        slot = (self.audio if is_audio else self.video).of(name)
        return None if slot is None else (*wanted[:4], (slot.ssrc, slot.rtx))
