"""What the endpoints of one conference send: which sources are whose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tertulia.bridge.conference_limits import ConferenceLimits
from tertulia.bridge.endpoint import Endpoint, VideoTrack
from tertulia.bridge.media import Media, SourceOrder, encodings_of
from tertulia.bridge.video import VideoType
from tertulia.xmpp.colibri2 import BadRequest, MediaSource
from tertulia.xmpp.jingle_rtp import Media as MediaType


class Published:
    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        media: Media,
        new_handle: Callable[[], int],
        limits: ConferenceLimits,
    ) -> None:
        self._endpoints = endpoints
        self._media = media
        self._new_handle = new_handle
        self._limits = limits
        self._owners: dict[int, tuple[Endpoint, str]] = {}  # source handle -> owner, source name

    def owner_of(self, handle: int) -> tuple[Endpoint, str] | None:
        """Whose source this is, and its name; None when it has gone."""
        return self._owners.get(handle)

    def check(self, endpoint_id: str, sources: Sequence[MediaSource]) -> None:
        """Raise BadRequest for sources that cannot be an endpoint's."""
        mine = [s.ssrc for source in sources for s in source.sources]
        if len(mine) > self._limits.max_ssrcs_per_endpoint:
            raise BadRequest("too many SSRCs")
        if len(set(mine)) != len(mine) or len({s.id for s in sources}) != len(sources):
            raise BadRequest("an SSRC or a source name stands twice")
        foreign = {
            ssrc
            for endpoint in self._endpoints.values()
            if endpoint.id != endpoint_id
            for order in endpoint.source_orders()
            for pair in order.encodings
            for ssrc in pair
        }
        if foreign & set(mine):
            raise BadRequest("an SSRC belongs to another endpoint")

    def replace(self, endpoint: Endpoint, sources: Sequence[MediaSource]) -> bool:
        """Replace all that this endpoint sends; what is unchanged keeps its handle.

        Returns: whether anything is different.
        """
        audio: dict[str, SourceOrder] = {}
        video: dict[str, VideoTrack] = {}
        for source in sources:
            encodings = encodings_of(source)
            if not encodings:
                continue
            if source.type is MediaType.AUDIO:
                old = endpoint.audio.get(source.id)
                audio[source.id] = self._order(old, source.type, encodings)
            else:
                track = endpoint.video.get(source.id)
                order = self._order(
                    track.order if track is not None else None, source.type, encodings
                )
                kept = track is not None and track.order.handle == order.handle
                video[source.id] = track if track is not None and kept else VideoTrack(order)
                said = source.sources[0].video_type
                if source.id not in endpoint.video_types and said == "desktop":
                    endpoint.video_types[source.id] = VideoType.DESKTOP
        before = endpoint.source_orders()
        self.forget(endpoint)
        endpoint.audio, endpoint.video = audio, video
        for name, each in audio.items():
            self._owners[each.handle] = (endpoint, name)
        for name, track in video.items():
            self._owners[track.order.handle] = (endpoint, name)
        orders = endpoint.source_orders()
        self._media.set_sources(endpoint.handle, orders)
        return orders != before

    def forget(self, endpoint: Endpoint) -> None:
        """Its sources are nobody's any more."""
        for order in endpoint.source_orders():
            self._owners.pop(order.handle, None)

    def _order(
        self,
        old: SourceOrder | None,
        kind: MediaType,
        encodings: tuple[tuple[int, int | None], ...],
    ) -> SourceOrder:
        if old is not None and old.encodings == encodings:
            return old
        return SourceOrder(self._new_handle(), kind, encodings)
