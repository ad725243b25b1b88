"""One endpoint of a conference: its transport, what it sends, what it asked to receive."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from tertulia.bridge.allocation import NOTHING_YET, Allocation
from tertulia.bridge.channel import (
    ReceiverAudioSubscription,
    ReceiverVideoConstraints,
    sender_source_constraints,
)
from tertulia.bridge.downlink import Downlink
from tertulia.bridge.media import SourceOrder, Wanted
from tertulia.bridge.path import Path
from tertulia.bridge.reasons import Reason
from tertulia.bridge.restarts import IceRestart
from tertulia.bridge.rewriting import Rewriting
from tertulia.bridge.secret_text import random_text
from tertulia.bridge.uplink import Uplink
from tertulia.bridge.video import Constraints, Layer, VideoSource, VideoType
from tertulia.bridge.voices import VOICE_BPS, VOICE_WITH_RED_BPS
from tertulia.xmpp.colibri2 import MediaOffer
from tertulia.xmpp.jingle_ice import Fingerprint
from tertulia.xmpp.pace import TokenBucket

_VIDEO_SOURCE = re.compile(r"(?P<owner>.+)-v\d{1,3}(?:\..+)?")


class Channel(Protocol):
    """The bridge channel of one endpoint; its calls return at once."""

    @property
    def waiting_bytes(self) -> int: ...
    def send(self, text: str) -> None: ...
    def close(self, code: int, reason: str) -> None: ...


@dataclass(slots=True)
class VideoTrack:
    """A video source this endpoint sends."""

    order: SourceOrder
    layers: tuple[Layer, ...] = ()
    told_height: int | None = None  # the last SenderSourceConstraints
    told_at: float = 0.0  # when the engine last told of its layers
    uplink: Uplink = field(default_factory=Uplink)
    view: VideoSource | None = None  # as receivers see it; None when it has changed

    def show(self, layers: tuple[Layer, ...]) -> None:
        self.layers, self.view = layers, None


@dataclass(slots=True)
class Endpoint:
    id: str
    handle: int
    created_at: float
    stats_id: str = ""
    is_visitor: bool = False
    is_beside: bool = False  # on our own network: it may be told private addresses
    ufrag: str = field(default_factory=lambda: random_text(12))
    pwd: str = field(default_factory=lambda: random_text(26))
    channel_pwd: str = field(default_factory=lambda: random_text(24))
    # What the peer said of its transport so far; it may come in parts.
    remote_ufrag: str = ""
    remote_pwd: str = ""
    fingerprints: tuple[Fingerprint, ...] = ()
    has_remote: bool = False
    path: Path = field(default_factory=Path)
    restart: IceRestart = field(default_factory=IceRestart)
    offers: tuple[MediaOffer, ...] = ()  # the media it may send and receive

    audio: dict[str, SourceOrder] = field(default_factory=dict)
    video: dict[str, VideoTrack] = field(default_factory=dict)
    video_types: dict[str, VideoType] = field(default_factory=dict)

    constraints: Constraints = field(default_factory=Constraints)
    has_asked: bool = False  # a ReceiverVideoConstraints has come
    subscription: ReceiverAudioSubscription = field(default_factory=ReceiverAudioSubscription)
    estimate_bps: int | None = None
    downlink: Downlink = field(default_factory=Downlink)
    rtt_s: float = 0.0
    acted_on_bps: int | None = None
    budget_bps: int | None = None  # what the last allocation had to keep to
    told_needed_bps: int = 0  # what the engine was told that it would take at its best
    dearer_bps: int = 0  # by how much its sources may cost more since then
    allocation: Allocation = NOTHING_YET
    allocated_at: float = 0.0
    wanted: tuple[Wanted, ...] = ()
    forwarded: frozenset[str] = frozenset()
    rewriting: Rewriting | None = None  # None: it gets the SSRCs of the senders
    told_reasons: dict[str, Reason] = field(default_factory=dict)
    is_muted_by_force: bool = False  # its video

    channel: Channel | None = None
    relayed: TokenBucket | None = None  # bytes it told others by its channels
    is_active: bool = True
    is_connected: bool = False  # DTLS is up
    heard_at: float | None = None  # when sound of it arrived last

    def ask(self, update: ReceiverVideoConstraints) -> None:
        """Apply a partial update of what it wants to receive."""
        old = self.constraints
        self.has_asked = True
        self.constraints = replace(
            old,
            last_n=old.last_n if update.last_n is None else update.last_n,
            on_stage=old.on_stage if update.on_stage is None else update.on_stage,
            selected=old.selected if update.selected is None else update.selected,
            default_height=old.default_height
            if update.default_height is None
            else update.default_height,
            heights=old.heights if update.heights is None else update.heights,
        )

    def initial_last_n(self, last_n: int) -> None:
        """What the focus says before the client does; later it has no say."""
        if not self.has_asked:
            self.constraints = replace(self.constraints, last_n=last_n)

    def set_video_type(self, name: str, video_type: VideoType) -> bool:
        """Note what a source of its own shows. Returns: False for a source that cannot be its."""
        name = name or f"{self.id}-v0"
        match = _VIDEO_SOURCE.fullmatch(name)
        if match is None or match["owner"] != self.id:
            return False
        if name not in self.video_types and len(self.video_types) >= 50:
            return False
        self.video_types[name] = video_type
        if name in self.video:
            self.video[name].view = None
            self.video[name].uplink.forget()
        return True

    def mute_video(self, is_muted: bool) -> None:
        """Note whether its video is switched off by force."""
        self.is_muted_by_force = is_muted
        for track in self.video.values():
            track.view = None

    def video_sources(self) -> list[VideoSource]:
        return [self._view(name, track) for name, track in self.video.items()]

    def _view(self, name: str, track: VideoTrack) -> VideoSource:
        # Kept while nothing changes: what was worked out for it is then still right (candidates).
        if track.view is None:
            track.view = VideoSource(
                name=name,
                owner=self.id,
                video_type=self.video_types.get(name, VideoType.CAMERA),
                encodings=len(track.order.encodings),
                layers=track.layers,
                is_limited=track.uplink.is_limited,
                is_muted=self.is_muted_by_force,
            )
        return track.view

    def source_orders(self) -> list[SourceOrder]:
        return [*self.audio.values(), *(track.order for track in self.video.values())]

    @property
    def voice_bps(self) -> int:
        """What one voice takes on the way to it, at most."""
        has_red = any(each.name.lower() == "red" for o in self.offers for each in o.payload_types)
        return VOICE_WITH_RED_BPS if has_red else VOICE_BPS

    def looks_at(self, names: Iterable[str]) -> bool:
        """Whether one of these sources is wanted, on stage or selected."""
        asked, heights = self.constraints, self.allocation.effective_heights
        return any(
            name in heights or name in asked.on_stage or name in asked.selected for name in names
        )

    def has_no_slot_for(self, name: str) -> bool:
        """Whether SSRC rewriting keeps this voice from it."""
        return self.rewriting is not None and self.rewriting.audio.of(name) is None

    def tell_asked_heights(self) -> None:
        """Say once more how large its pictures are wanted."""
        for name, track in self.video.items():
            if track.told_height is not None:
                self.tell(sender_source_constraints(name, track.told_height))

    def tell(self, text: str) -> None:
        """Send on the bridge channel, if there is one; nothing is kept for later."""
        if self.channel is not None:
            self.channel.send(text)
