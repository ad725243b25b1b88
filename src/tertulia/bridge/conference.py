"""One conference on this bridge: endpoints, who hears and sees whom, what they tell each other.

A core: orders from COLIBRI2, channel messages, the engine's events and the time come in by
methods; orders to the engine and channel messages go out by the two callables it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tertulia.bridge import channel as C
from tertulia.bridge.counts import Counts, Restart
from tertulia.bridge.downlink import PathReport
from tertulia.bridge.endpoint import Channel, Endpoint, VideoTrack
from tertulia.bridge.errors import TooMuchRelayed
from tertulia.bridge.forwarding import Forwarding
from tertulia.bridge.media import Media, SourceOrder, encodings_of
from tertulia.bridge.offers import adds, extended
from tertulia.bridge.rewriting import Rewriting
from tertulia.bridge.shards import Shard
from tertulia.bridge.silences import Silences
from tertulia.bridge.speech import Speech, SpeechPolicy
from tertulia.bridge.video import Layer, VideoType
from tertulia.bridge.voices import Voices
from tertulia.xmpp.colibri2 import (
    SSRC_REWRITING,
    BadRequest,
    EndpointOrder,
    MediaOffer,
    MediaSource,
)
from tertulia.xmpp.jingle_ice import IceUdpTransport
from tertulia.xmpp.jingle_rtp import Media as MediaType
from tertulia.xmpp.pace import TokenBucket

KEYFRAME_MARGIN_S = 0.01  # between a speaker's being announced and its keyframe
# Even a muted microphone sends something. Two people who found a path of their own send nothing
# here until they are three again. What a stock client is told meanwhile, it notes for that path
# (lib-jitsi-meet of August 2026, `SendVideoController`), so it is told again.
RESUMED_AFTER_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceLimits:
    """Times and sizes of a conference; sources: reference bridge 2.3, 2.11, 1.5."""

    reallocate_after_s: float = 5.0
    estimate_step: float = 0.15  # smaller moves of the estimate change nothing
    connection_stats_s: float = 10.0
    empty_s: float = 20.0  # how long it lives without ever having had an endpoint
    first_packet_s: float = 15.0
    inactive_s: float = 8.0
    stats_to_all_up_to: int = 20  # endpoints; beyond, EndpointStats go to those who look
    max_ssrcs_per_endpoint: int = 50
    max_candidates: int = 20  # taken at a time; checks find the rest (reference bridge 1.1)
    unreachable: int = 1000  # ids remembered to tell that they are back
    # What one endpoint tells others by its channels; some of them have a thin line.
    relayed_bytes_per_s: float = 64 * 1024
    relayed_bytes_burst: int = 512 * 1024
    speech: SpeechPolicy = field(default_factory=SpeechPolicy)


class Conference:
    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - its word on the wire
        meeting_id: str,
        name: str,
        media: Media,
        new_handle: Callable[[], int],
        now: float,
        limits: ConferenceLimits | None = None,
        counts: Counts | None = None,
        shard: Shard | None = None,
    ) -> None:
        """`counts` are those of the bridge, which all its conferences share."""
        self.shard = shard or Shard()
        self.id = id
        self.meeting_id = meeting_id
        self.name = name
        self.created_at = now
        self.limits = limits or ConferenceLimits()
        self.endpoints: dict[str, Endpoint] = {}
        self.has_had_endpoints = False
        self.messages_malformed = 0
        self.counts = counts or Counts()
        self._media = media
        self._new_handle = new_handle
        self._by_handle: dict[int, Endpoint] = {}
        self._owners: dict[int, tuple[Endpoint, str]] = {}  # source handle -> owner, source name
        self.speech = Speech(self.limits.speech, now)
        self.voices = Voices()
        self._silences = Silences()
        self.forwarding = Forwarding(self.endpoints, media, self.speech, self.voices)
        self._keyframes_at: dict[int, float] = {}  # of sources, when to ask for one
        self._unreachable: set[str] = set()  # ids that ended while the others held them inactive
        self._tell_stats_at = now + self.limits.connection_stats_s

    @property
    def dominant_changes(self) -> int:
        return self.speech.changes

    # -- what the focus orders

    def add_endpoint(self, order: EndpointOrder, now: float, *, controlling: bool) -> Endpoint:
        """Create an endpoint with its transport. Raises: MediaRefused."""
        endpoint = Endpoint(
            order.id,
            self._new_handle(),
            now,
            stats_id=order.stats_id,
            is_visitor=order.muc_role == "visitor",
            offers=order.media,
            rewriting=Rewriting() if SSRC_REWRITING in order.capabilities else None,
        )
        self._media.add_endpoint(
            endpoint.handle, endpoint.ufrag, endpoint.pwd, order.media, controlling=controlling
        )
        self.endpoints[endpoint.id] = endpoint
        self._by_handle[endpoint.handle] = endpoint
        self.speech.joined(endpoint.id)
        if endpoint.id in self._unreachable:  # invited again
            self._unreachable.remove(endpoint.id)
            self._tell_activity(endpoint)
        self.has_had_endpoints = True
        self.forwarding.touch(endpoint)
        return endpoint

    def check_offers(self, endpoint: Endpoint, more: Sequence[MediaOffer]) -> None:
        """Raise BadRequest for media that cannot be offered in addition."""
        extended(endpoint.offers, more)

    def add_offers(self, endpoint: Endpoint, more: Sequence[MediaOffer]) -> None:
        """Offer payload types and extensions in addition, whether or not its transport has begun.

        Raises: MediaRefused.
        """
        offers = extended(endpoint.offers, more)
        if adds(endpoint.offers, offers):
            self._media.extend_endpoint(endpoint.handle, offers)
            endpoint.offers = offers

    def set_transport(self, endpoint: Endpoint, transport: IceUdpTransport) -> None:
        """Note what the peer says of its transport; checks begin once all is known."""
        for candidate in transport.candidates[: self.limits.max_candidates]:
            self._media.add_candidate(endpoint.handle, candidate)
            endpoint.path.candidate(candidate)
        self._note_relay(endpoint)
        if endpoint.has_remote:
            if transport.ice_generation is not None:
                endpoint.restart.answered(
                    endpoint.handle,
                    self._media,
                    transport.ufrag,
                    transport.pwd,
                    transport.ice_generation,
                )
            return
        endpoint.remote_ufrag = transport.ufrag or endpoint.remote_ufrag
        endpoint.remote_pwd = transport.pwd or endpoint.remote_pwd
        endpoint.fingerprints = transport.fingerprints or endpoint.fingerprints
        if endpoint.remote_ufrag and endpoint.remote_pwd and endpoint.fingerprints:
            self._media.set_remote(
                endpoint.handle, endpoint.remote_ufrag, endpoint.remote_pwd, endpoint.fingerprints
            )
            endpoint.has_remote = True

    def check_sources(self, endpoint_id: str, sources: Sequence[MediaSource]) -> None:
        """Raise BadRequest for sources that cannot be an endpoint's."""
        mine = [s.ssrc for source in sources for s in source.sources]
        if len(mine) > self.limits.max_ssrcs_per_endpoint:
            raise BadRequest("too many SSRCs")
        if len(set(mine)) != len(mine) or len({s.id for s in sources}) != len(sources):
            raise BadRequest("an SSRC or a source name stands twice")
        foreign = {
            ssrc
            for endpoint in self.endpoints.values()
            if endpoint.id != endpoint_id
            for order in endpoint.source_orders()
            for pair in order.encodings
            for ssrc in pair
        }
        if foreign & set(mine):
            raise BadRequest("an SSRC belongs to another endpoint")

    def set_sources(self, endpoint: Endpoint, sources: Sequence[MediaSource], now: float) -> None:
        """Replace all that this endpoint sends; what is unchanged keeps its handle."""
        audio: dict[str, SourceOrder] = {}
        video: dict[str, VideoTrack] = {}
        for source in sources:
            encodings = encodings_of(source)
            if not encodings:
                continue
            if source.type is MediaType.AUDIO:
                old = endpoint.audio.get(source.id)
                audio[source.id] = self._source_order(old, source.type, encodings)
            else:
                track = endpoint.video.get(source.id)
                order = self._source_order(
                    track.order if track is not None else None, source.type, encodings
                )
                kept = track is not None and track.order.handle == order.handle
                video[source.id] = track if track is not None and kept else VideoTrack(order)
                said = source.sources[0].video_type
                if source.id not in endpoint.video_types and said == "desktop":
                    endpoint.video_types[source.id] = VideoType.DESKTOP
        before = endpoint.source_orders()
        for order in before:
            self._owners.pop(order.handle, None)
        endpoint.audio, endpoint.video = audio, video
        for name, each in audio.items():
            self._owners[each.handle] = (endpoint, name)
        for name, track in video.items():
            self._owners[track.order.handle] = (endpoint, name)
        orders = endpoint.source_orders()
        self._media.set_sources(endpoint.handle, orders)
        if orders != before:  # who comes to listen is no news to the others
            self.forwarding.touch_everybody()
        self.settle(now)

    def _source_order(
        self,
        old: SourceOrder | None,
        kind: MediaType,
        encodings: tuple[tuple[int, int | None], ...],
    ) -> SourceOrder:
        if old is not None and old.encodings == encodings:
            return old
        return SourceOrder(self._new_handle(), kind, encodings)

    def set_muted(self, endpoint: Endpoint, *, audio: bool, video: bool) -> None:
        """Let nothing of it through to anybody, whatever its client does (A/V moderation)."""
        self._media.set_muted(endpoint.handle, audio=audio, video=video)
        if endpoint.is_muted_by_force != video:
            endpoint.mute_video(video)
            self.forwarding.touch_everybody()

    def remove_endpoint(self, endpoint_id: str, now: float) -> None:
        """Forget an endpoint and end its transport and channel; unknown ones are no matter."""
        self._remove(endpoint_id)
        self.settle(now)

    def close(self) -> None:
        for endpoint_id in list(self.endpoints):
            self._remove(endpoint_id)

    def _remove(self, endpoint_id: str) -> None:
        endpoint = self.endpoints.pop(endpoint_id, None)
        if endpoint is None:
            return
        del self._by_handle[endpoint.handle]
        for order in endpoint.source_orders():
            self._owners.pop(order.handle, None)
        self._media.remove_endpoint(endpoint.handle)
        if not endpoint.is_active and len(self._unreachable) < self.limits.unreachable:
            self._unreachable.add(endpoint_id)
        self.speech.left(endpoint_id)
        if endpoint.channel is not None:
            endpoint.channel.close(1001, "the endpoint has expired")
            endpoint.channel = None
        self.forwarding.touch_everybody()

    # -- the bridge channel

    def channel_opened(self, endpoint: Endpoint, channel: Channel, now: float) -> None:
        """A channel came up, perhaps again: tell all that its client has to know (1.4)."""
        if endpoint.channel is not None:
            endpoint.channel.close(1000, "replaced")
        endpoint.channel = channel
        channel.send(C.server_hello())
        endpoint.tell_asked_heights()
        self.forwarding.resync(endpoint)
        if self.speech.dominant is not None:
            channel.send(self.speech.message())
        for other in self.endpoints.values():
            if not other.is_active:
                channel.send(C.connectivity(other.id, is_active=False))
        self.settle(now)

    def channel_closed(self, endpoint: Endpoint, channel: Channel) -> None:
        if endpoint.channel is channel:
            endpoint.channel = None

    def received(self, endpoint: Endpoint, text: str, now: float) -> None:
        """A message of an endpoint's client. Raises: MalformedChannelMessage, TooMuchRelayed."""
        self.counts.messages_received += 1
        message = C.parse(text)
        match message:
            case C.ClientHello():
                endpoint.tell(C.server_hello())
            case C.ReceiverVideoConstraints():
                endpoint.ask(message)
                self.forwarding.touch(endpoint)
            case C.ReceiverAudioSubscription():
                endpoint.subscription = message
                self.forwarding.touch(endpoint)
            case C.SourceVideoType(name, video_type):
                if endpoint.set_video_type(name, video_type):
                    self.forwarding.touch_everybody()
            case C.EndpointMessage(to, body):
                self._count_relayed(endpoint, len(text), now)
                self._relay(endpoint, to, C.relayed(body, endpoint.id))
            case C.EndpointStatistics(body):
                self._count_relayed(endpoint, len(text), now)
                self._relay_statistics(endpoint, C.relayed(body, endpoint.id))
            case None:
                pass
        self.settle(now)

    def _count_relayed(self, sender: Endpoint, size: int, now: float) -> None:
        """A channel is soon opened anew: this belongs to the endpoint. Raises: TooMuchRelayed."""
        if sender.relayed is None:
            rate, burst = self.limits.relayed_bytes_per_s, self.limits.relayed_bytes_burst
            sender.relayed = TokenBucket(rate, burst, now)
        if sender.relayed.spend(now, size):
            raise TooMuchRelayed("too much for others (relayed_bytes_per_s)")

    def _relay(self, sender: Endpoint, to: str, text: str) -> None:
        if sender.is_visitor:
            return
        if not to:
            self._tell_others(sender, text)
        elif to in self.endpoints:
            self.endpoints[to].tell(text)

    def _relay_statistics(self, sender: Endpoint, text: str) -> None:
        """To all in a small conference; in a large one to those who look at or hear the sender."""
        speech = self.speech
        if (
            len(self.endpoints) <= self.limits.stats_to_all_up_to
            or sender.id in speech.recent
            or (speech.loudest is not None and sender.id in speech.loudest)
        ):
            self._tell_others(sender, text)
            return
        for receiver in self.endpoints.values():
            if receiver is not sender and receiver.looks_at(sender.video):
                receiver.tell(text)

    def _tell_others(self, sender: Endpoint, text: str) -> None:
        for endpoint in self.endpoints.values():
            if endpoint is not sender:
                endpoint.tell(text)

    # -- what the engine reports

    def heard(self, source: int, levels: bytes, now: float) -> None:
        if source in self._owners:
            endpoint, name = self._owners[source]
            if endpoint.heard_at is not None and now - endpoint.heard_at >= RESUMED_AFTER_S:
                endpoint.tell_asked_heights()
            endpoint.heard_at = now
            self.speech.heard(endpoint.id, levels, now)
            if self.voices.heard(source, levels, now):
                self._touch_narrow_ones()
                self.forwarding.touch_if(lambda each: each.has_no_slot_for(name))

    def layers_changed(self, source: int, layers: tuple[Layer, ...], now: float) -> None:
        if source not in self._owners:
            return
        endpoint, name = self._owners[source]
        track = endpoint.video.get(name)
        if track is None:
            return
        encodings = len(track.order.encodings)
        news = track.uplink.observe(layers, encodings, track.told_height, now)
        has_other_layers = _steps(track.layers) != _steps(layers)
        arrived = len({layer.encoding for layer in track.layers})
        self.counts.video_arrived(arrived, now - track.told_at)
        track.told_at = now
        self.counts.layering_changes += has_other_layers
        if news or has_other_layers:
            track.show(layers)
            self.forwarding.touch_receivers_of(name)
        elif _differs(track.layers, layers):
            dearer_bps = _dearer_bps(track.layers, layers)
            track.show(layers)
            self.forwarding.touch_price_of(name, dearer_bps)

    def estimated(self, handle: int, bps: int) -> None:
        endpoint = self._by_handle.get(handle)
        if endpoint is None:
            return
        endpoint.estimate_bps = bps
        acted_on = endpoint.acted_on_bps
        if acted_on is None or abs(bps - acted_on) > acted_on * self.limits.estimate_step:
            self.forwarding.touch_budget(endpoint)

    def connected(self, handle: int) -> Endpoint | None:
        """DTLS is up. Returns: the endpoint, if it is one of ours."""
        endpoint = self._by_handle.get(handle)
        if endpoint is not None:
            endpoint.is_connected = True
            self._note_relay(endpoint)
        return endpoint

    def path_found(self, handle: int, remote: str) -> None:
        """Media goes to this address ("address:port") from now on."""
        endpoint = self._by_handle.get(handle)
        if endpoint is not None:
            endpoint.path.remote = remote

    def _note_relay(self, endpoint: Endpoint) -> None:
        # Its candidate may be told before or after the path was found.
        if endpoint.is_connected and endpoint.path.is_relayed and not endpoint.path.is_counted:
            endpoint.path.is_counted = True
            self.counts.connected_relayed += 1

    def restart_ended(self, handle: int, how: Restart) -> None:
        """An ICE restart found its path, or none in time."""
        endpoint = self._by_handle.get(handle)
        if endpoint is not None:
            self.counts.restarts[how] += 1
            endpoint.restart.ended()

    def failed(self, handle: int, now: float) -> Endpoint | None:
        """The engine gave an endpoint up. Returns: which it was."""
        endpoint = self._by_handle.get(handle)
        if endpoint is not None:
            if endpoint.is_active:
                endpoint.is_active = False
                self._tell_activity(endpoint)
            self.remove_endpoint(endpoint.id, now)
        return endpoint

    def _touch_narrow_ones(self) -> None:
        """What is left for pictures changed, for all whose bandwidth is known."""
        for endpoint in self.endpoints.values():
            if endpoint.estimate_bps is not None:
                self.forwarding.touch_budget(endpoint)

    def forward_at_most(self, last_n: int, now: float) -> None:
        """Limit the videos that anybody receives, whatever was asked for; -1: no limit."""
        if last_n != self.forwarding.bridge_last_n:
            self.forwarding.bridge_last_n = last_n
            self.forwarding.touch_everybody()
            self.settle(now)

    # -- time

    def settle(self, now: float) -> None:
        """Decide what has changed; to be called after each batch of the engine's events."""
        self.forwarding.settle(now)
        due = [source for source, at in self._keyframes_at.items() if at <= now]
        for source in due:
            del self._keyframes_at[source]
            self._media.request_keyframe(source)
            self.counts.keyframes_ahead += 1

    def tick(self, now: float) -> None:
        """Do what is due; to be called about every 100 ms."""
        self._listen(now)
        if self.voices.expire(now):
            self._touch_narrow_ones()
        after_s = self.limits.reallocate_after_s
        self.forwarding.touch_if(
            lambda each: (
                now - each.allocated_at >= after_s
                or each.allocated_at < each.allocation.hold_until <= now
            )
        )
        self.settle(now)
        if now >= self._tell_stats_at:
            self._tell_stats_at = now + self.limits.connection_stats_s
            for endpoint in self.endpoints.values():
                if endpoint.estimate_bps is not None:
                    endpoint.tell(C.connection_stats(endpoint.estimate_bps))

    def _listen(self, now: float) -> None:
        speaker = self.speech.tick(now)
        if self.speech.choose_loudest(now) or speaker is not None:
            self.forwarding.touch_everybody()
        if self.speech.silence_changed(now) or speaker is not None:
            message = self.speech.message()
            for endpoint in self.endpoints.values():
                endpoint.tell(message)
        if speaker is not None:
            self._ask_keyframe_of(self.endpoints[speaker], now)

    def has_expired(self, now: float) -> bool:
        return not self.endpoints and (
            self.has_had_endpoints or now - self.created_at >= self.limits.empty_s
        )

    def check_activity(self, idle_s: Mapping[int, float | None], now: float) -> list[Endpoint]:
        """Tell all who fell silent or came back (2.11).

        Args:
            idle_s: by endpoint handle, how long nothing arrived; None when nothing ever did.
        Returns: those whose path the focus should try to renew.
        """
        connected = [each for each in self.endpoints.values() if each.is_connected]
        silence = [(each.handle, idle_s.get(each.handle) or 0.0) for each in connected]
        due = self._silences.due(silence, now)
        for endpoint in self.endpoints.values():
            idle = idle_s.get(endpoint.handle)
            if idle is None:
                is_active = now - endpoint.created_at < self.limits.first_packet_s
            else:
                is_active = idle < self.limits.inactive_s
            if is_active != endpoint.is_active:
                endpoint.is_active = is_active
                self.counts.disconnected += not is_active
                self.counts.reconnected += is_active
                self._tell_activity(endpoint)
        return [each for each in connected if each.handle in due]

    def _tell_activity(self, endpoint: Endpoint) -> None:
        if endpoint.is_visitor:
            return
        for each in self.endpoints.values():
            each.tell(C.connectivity(endpoint.id, is_active=endpoint.is_active))

    def observe_paths(self, reports: Mapping[int, PathReport], now: float) -> None:
        """Take what the engine measured towards the endpoints, by handle."""
        for endpoint in self.endpoints.values():
            report = reports.get(endpoint.handle)
            if report is None:
                continue
            endpoint.rtt_s = report.rtt_ms / 1000
            before = endpoint.downlink.budget_bps(endpoint.estimate_bps)
            endpoint.downlink.observe(report)
            if endpoint.downlink.budget_bps(endpoint.estimate_bps) != before:
                self.forwarding.touch_budget(endpoint)  # a full link waits for no next round
        self.settle(now)

    def _ask_keyframe_of(self, speaker: Endpoint, now: float) -> None:
        """The stage follows the speaker: have a keyframe under way before it is asked for (2.7).

        It shall come when the farthest receiver has put the speaker on its stage, not before.
        """
        cameras = {
            source.name
            for sender in self.endpoints.values()
            for source in sender.video_sources()
            if source.video_type is VideoType.CAMERA
        }
        someone_follows = any(
            not cameras.isdisjoint(each.constraints.on_stage) for each in self.endpoints.values()
        )
        if len(self.endpoints) <= 2:
            return  # they see each other all the time
        if not someone_follows:
            self.counts.keyframes_ahead_spared += 1
            return
        farthest_s = max(each.rtt_s for each in self.endpoints.values() if each is not speaker)
        at = now + max(0.0, farthest_s - speaker.rtt_s) + KEYFRAME_MARGIN_S
        for name, track in speaker.video.items():
            if name in cameras:
                self._keyframes_at[track.order.handle] = at


def _steps(layers: tuple[Layer, ...]) -> list[tuple[int, int, int, int]]:
    return [(each.encoding, each.spatial, each.temporal, each.height) for each in layers]


def _differs(old: tuple[Layer, ...], new: tuple[Layer, ...]) -> bool:
    """True when the bitrate of one of the same layers changed by more than a seventh."""
    return any(abs(a.bps - b.bps) * 7 > a.bps for a, b in zip(old, new, strict=True))


def _dearer_bps(old: tuple[Layer, ...], new: tuple[Layer, ...]) -> int:
    """By how much one of the same layers costs more now, at most."""
    return max((b.bps - a.bps for a, b in zip(old, new, strict=True) if b.bps > a.bps), default=0)
