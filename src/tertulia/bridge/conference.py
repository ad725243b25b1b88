"""One conference on this bridge: endpoints, who hears and sees whom, what they tell each other.

A core: orders from COLIBRI2, channel messages, the engine's events and the time come in by
methods; orders to the engine and channel messages go out by the two callables it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tertulia.bridge import channel as C
from tertulia.bridge.activity import Activity
from tertulia.bridge.conference_limits import ConferenceLimits
from tertulia.bridge.counts import Counts, Restart
from tertulia.bridge.downlink import PathReport
from tertulia.bridge.endpoint import Channel, Endpoint
from tertulia.bridge.forwarding import Forwarding
from tertulia.bridge.keyframes_ahead import KeyframesAhead
from tertulia.bridge.media import Media
from tertulia.bridge.offers import adds, extended
from tertulia.bridge.published import Published
from tertulia.bridge.relaying import Relaying
from tertulia.bridge.rewriting import Rewriting
from tertulia.bridge.shards import Shard
from tertulia.bridge.speech import Speech
from tertulia.bridge.video import Layer, dearer_bps, differs, steps_of
from tertulia.bridge.voices import Voices
from tertulia.xmpp.colibri2 import SSRC_REWRITING, EndpointOrder, MediaOffer, MediaSource
from tertulia.xmpp.jingle_ice import IceUdpTransport

# Even a muted microphone sends something. Two people who found a path of their own send nothing
# here until they are three again. What a stock client is told meanwhile, it notes for that path
# (lib-jitsi-meet of August 2026, `SendVideoController`), so it is told again.
RESUMED_AFTER_S = 1.0


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
        self.speech = Speech(self.limits.speech, now)
        self.voices = Voices()
        self.forwarding = Forwarding(self.endpoints, media, self.speech, self.voices)
        self._keyframes_ahead = KeyframesAhead(self.endpoints, media, self.counts)
        self._published = Published(self.endpoints, media, new_handle, self.limits)
        self._activity = Activity(self.endpoints, self.counts, self.limits)
        self._relaying = Relaying(self.endpoints, self.speech, self.limits)
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
        self._activity.came(endpoint)
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
        self._published.check(endpoint_id, sources)

    def set_sources(self, endpoint: Endpoint, sources: Sequence[MediaSource], now: float) -> None:
        """Replace all that this endpoint sends; what is unchanged keeps its handle."""
        if self._published.replace(endpoint, sources):  # who comes to listen is no news to others
            self.forwarding.touch_everybody()
        self.settle(now)

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
        self._published.forget(endpoint)
        self._media.remove_endpoint(endpoint.handle)
        self._activity.left(endpoint)
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
            case C.EndpointMessage() | C.EndpointStatistics():
                self._relaying.pass_on(endpoint, message, len(text), now)
            case None:
                pass
        self.settle(now)

    # -- what the engine reports

    def heard(self, source: int, levels: bytes, now: float) -> None:
        owner = self._published.owner_of(source)
        if owner is not None:
            endpoint, name = owner
            if endpoint.heard_at is not None and now - endpoint.heard_at >= RESUMED_AFTER_S:
                endpoint.tell_asked_heights()
            endpoint.heard_at = now
            self.speech.heard(endpoint.id, levels, now)
            if self.voices.heard(source, levels, now):
                self._touch_narrow_ones()
                self.forwarding.touch_if(lambda each: each.has_no_slot_for(name))

    def layers_changed(self, source: int, layers: tuple[Layer, ...], now: float) -> None:
        owner = self._published.owner_of(source)
        if owner is None:
            return
        endpoint, name = owner
        track = endpoint.video.get(name)
        if track is None:
            return
        encodings = len(track.order.encodings)
        news = track.uplink.observe(layers, encodings, track.told_height, now)
        has_other_layers = steps_of(track.layers) != steps_of(layers)
        arrived = len({layer.encoding for layer in track.layers})
        self.counts.video_arrived(arrived, now - track.told_at)
        track.told_at = now
        self.counts.layering_changes += has_other_layers
        if news or has_other_layers:
            track.show(layers)
            self.forwarding.touch_receivers_of(name)
        elif differs(track.layers, layers):
            dearer = dearer_bps(track.layers, layers)
            track.show(layers)
            self.forwarding.touch_price_of(name, dearer)

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
            self._activity.failed(endpoint)
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
        self._keyframes_ahead.ask(now)

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
            self._keyframes_ahead.speaks(self.endpoints[speaker], now)

    def has_expired(self, now: float) -> bool:
        return not self.endpoints and (
            self.has_had_endpoints or now - self.created_at >= self.limits.empty_s
        )

    def check_activity(self, idle_s: Mapping[int, float | None], now: float) -> list[Endpoint]:
        """Tell all who fell silent or came back; see `Activity.check`."""
        return self._activity.check(idle_s, now)

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
