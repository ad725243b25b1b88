"""Key frames of who begins to speak, asked for before they are needed (reference bridge 2.7)."""

from __future__ import annotations

from collections.abc import Mapping

from tertulia.bridge.counts import Counts
from tertulia.bridge.endpoint import Endpoint
from tertulia.bridge.media import Media
from tertulia.bridge.video import VideoType

MARGIN_S = 0.01  # between a speaker's being announced and its keyframe


class KeyframesAhead:
    """The stages of others follow the speaker: have a keyframe under way before it is asked for."""

    def __init__(self, endpoints: Mapping[str, Endpoint], media: Media, counts: Counts) -> None:
        self._endpoints = endpoints
        self._media = media
        self._counts = counts
        self._at: dict[int, float] = {}  # of sources, when to ask for one

    def speaks(self, speaker: Endpoint, now: float) -> None:
        """Plan one for when the farthest receiver has put the speaker on its stage, not before."""
        cameras = {
            source.name
            for sender in self._endpoints.values()
            for source in sender.video_sources()
            if source.video_type is VideoType.CAMERA
        }
        someone_follows = any(
            not cameras.isdisjoint(each.constraints.on_stage) for each in self._endpoints.values()
        )
        if len(self._endpoints) <= 2:
            return  # they see each other all the time
        if not someone_follows:
            self._counts.keyframes_ahead_spared += 1
            return
        farthest_s = max(each.rtt_s for each in self._endpoints.values() if each is not speaker)
        at = now + max(0.0, farthest_s - speaker.rtt_s) + MARGIN_S
        for name, track in speaker.video.items():
            if name in cameras:
                self._at[track.order.handle] = at

    def ask(self, now: float) -> None:
        """Ask for those that are due."""
        due = [source for source, at in self._at.items() if at <= now]
        for source in due:
            del self._at[source]
            self._media.request_keyframe(source)
            self._counts.keyframes_ahead += 1
