"""Who receives what in one conference: decided for all receivers together, and told to all.

Changes only mark what has to be decided anew; `settle` decides once for all of them. In a large
room a join or a new speaker concerns every receiver, and such changes come in bursts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tertulia.bridge import channel as C
from tertulia.bridge.allocation import allocate, in_speech_order
from tertulia.bridge.endpoint import Endpoint
from tertulia.bridge.media import Media, Wanted
from tertulia.bridge.rewriting import SLOTS, Rewriting
from tertulia.bridge.speech import Speech
from tertulia.bridge.video import ALL, UNLIMITED, Layer, VideoSource, once_for_each
from tertulia.bridge.voices import Voices

LARGE_ROOM = 20  # endpoints
LARGE_ROOM_SPACING_S = 0.05  # between decisions that concern everybody in a large room
# To decide takes about 4 us for each source and receiver; while a crowd arrives everybody is
# concerned all the time, and a fifth of a processor is enough for that.
SPACING_PER_PAIR_S = 20e-6
MOST_SPACING_S = 1.0


@dataclass(frozen=True, slots=True)
class _Scene:
    """What there is to receive, the same for all."""

    videos: list[VideoSource]  # in speech order
    video_handles: Mapping[str, int]
    audio: list[tuple[Endpoint, str, Wanted]]
    audio_owners: Mapping[str, str]
    heard: list[tuple[Endpoint, str, Wanted]]  # of `audio`, what sends sound now


class Forwarding:
    """Decides for the receivers of one conference and gives the orders."""

    def __init__(
        self, endpoints: Mapping[str, Endpoint], media: Media, speech: Speech, voices: Voices
    ) -> None:
        self.bridge_last_n = UNLIMITED
        self._endpoints = endpoints
        self._media = media
        self._speech = speech
        self._voices = voices
        self._touched: dict[str, None] = {}
        self._touched_budgets: dict[str, None] = {}
        self._is_everybody_touched = False
        self._settled_everybody_at = float("-inf")
        self._spacing_s = LARGE_ROOM_SPACING_S

    # -- what has to be decided anew

    def touch(self, receiver: Endpoint) -> None:
        self._touched[receiver.id] = None

    def touch_everybody(self) -> None:
        self._is_everybody_touched = True

    def touch_receivers_of(self, name: str) -> None:
        """A source changed: for all who want it."""
        for receiver in self._endpoints.values():
            if name in receiver.allocation.effective_heights:
                self._touched[receiver.id] = None

    def touch_price_of(self, name: str, dearer_bps: int) -> None:
        """Only the bitrates of a source changed: for those who want it and count them."""
        for receiver in self._endpoints.values():
            allocation = receiver.allocation
            if receiver.budget_bps is not None and name in allocation.effective_heights:
                receiver.dearer_bps += dearer_bps
                self._touched_budgets[receiver.id] = None

    def touch_budget(self, receiver: Endpoint) -> None:
        """Only what its pictures may take changed."""
        self._touched_budgets[receiver.id] = None

    def touch_if(self, is_due: Callable[[Endpoint], bool]) -> None:
        for receiver in self._endpoints.values():
            if is_due(receiver):
                self._touched[receiver.id] = None

    # -- deciding

    def settle(self, now: float) -> None:
        """Decide all that was touched; what concerns a whole large room may wait a moment."""
        if self._is_everybody_touched and (
            len(self._endpoints) <= LARGE_ROOM
            or now - self._settled_everybody_at >= self._spacing_s
        ):
            self._settled_everybody_at = now
            self._is_everybody_touched = False
            self._touched.clear()
            self._touched_budgets.clear()
            self._decide(self._endpoints.values(), now)
            return
        for each in self._touched_budgets:
            receiver = self._endpoints.get(each)
            if receiver is not None and not self._has_enough(receiver):
                self._touched[each] = None
        self._touched_budgets.clear()
        if self._touched:
            found = [self._endpoints.get(each) for each in self._touched]
            self._touched.clear()
            self._decide([each for each in found if each is not None], now)

    def _has_enough(self, receiver: Endpoint) -> bool:
        """True when a receiver gets all it wants, and would again: nothing has to be decided."""
        allocation = receiver.allocation
        if receiver.budget_bps is None or not allocation.is_complete:
            return False
        voices_bps = len(self._voices.active) * receiver.voice_bps  # at most
        budget = receiver.downlink.budget_bps(receiver.estimate_bps, voices_bps)
        if budget is None or allocation.ideal_bps + receiver.dearer_bps > budget:
            return False
        receiver.acted_on_bps = receiver.estimate_bps
        return True

    def _decide(self, receivers: Iterable[Endpoint], now: float) -> None:
        scene = self._scene()
        for receiver in receivers:
            self._decide_for(receiver, scene, now)
        pairs = len(self._endpoints) * len(scene.videos)
        self._spacing_s = min(max(LARGE_ROOM_SPACING_S, pairs * SPACING_PER_PAIR_S), MOST_SPACING_S)
        self._tell_senders()

    def _scene(self) -> _Scene:
        senders = [each for each in self._endpoints.values() if not each.is_visitor]
        videos = [source for sender in senders for source in sender.video_sources()]
        audio: list[tuple[Endpoint, str, Wanted]] = [
            (sender, name, (order.handle, 0, ALL, ALL))
            for sender in senders
            for name, order in sender.audio.items()
        ]
        active = self._voices.active
        return _Scene(
            in_speech_order(videos, self._speech.order),
            {name: t.order.handle for sender in senders for name, t in sender.video.items()},
            audio,
            {name: sender.id for sender in senders for name in sender.audio},
            [each for each in audio if each[2][0] in active],
        )

    def _decide_for(self, receiver: Endpoint, scene: _Scene, now: float) -> None:
        receiver.budget_bps = self._budget_of(receiver, scene)
        allocation = allocate(
            [source for source in scene.videos if source.owner != receiver.id],
            receiver.constraints,
            receiver.budget_bps,
            before=receiver.allocation,
            now=now,
            bridge_last_n=self._last_n_of(receiver),
        )
        receiver.allocation, receiver.allocated_at = allocation, now
        receiver.dearer_bps = 0
        # Or what was left out would never be looked for again, once nothing else is missing.
        if abs(allocation.ideal_bps - receiver.told_needed_bps) * 8 > receiver.told_needed_bps:
            receiver.told_needed_bps = allocation.ideal_bps
            self._media.set_needed(receiver.handle, allocation.ideal_bps)
        receiver.acted_on_bps = receiver.estimate_bps
        wanted: tuple[Wanted, ...]
        if receiver.rewriting is None:
            if receiver.subscription.is_everything and self._speech.loudest is None:
                voices = [each for sender, _, each in scene.audio if sender is not receiver]
            else:
                voices = [each for _, each in self._audible(receiver, scene.audio)]
            wanted = (*voices, *(each for _, each in _visible(scene, allocation.layers)))
        else:
            wanted = self._in_slots(receiver, receiver.rewriting, scene, now)
        if wanted != receiver.wanted:
            receiver.wanted = wanted
            self._media.forward(receiver.handle, wanted)
        if allocation.layers.keys() != receiver.forwarded:
            receiver.forwarded = frozenset(allocation.layers)
            receiver.tell(C.forwarded_sources(allocation.layers))
        if allocation.reasons != receiver.told_reasons:
            self._tell_reasons(receiver)

    def _budget_of(self, receiver: Endpoint, scene: _Scene) -> int | None:
        if receiver.estimate_bps is None:
            return None
        voices = sum(1 for _ in self._audible(receiver, scene.heard))
        if receiver.rewriting is not None:
            voices = min(voices, SLOTS)
        return receiver.downlink.budget_bps(receiver.estimate_bps, voices * receiver.voice_bps)

    def _last_n_of(self, receiver: Endpoint) -> int:
        if receiver.rewriting is None:
            return self.bridge_last_n
        return SLOTS if self.bridge_last_n < 0 else min(SLOTS, self.bridge_last_n)

    def _in_slots(
        self, receiver: Endpoint, rewriting: Rewriting, scene: _Scene, now: float
    ) -> tuple[Wanted, ...]:
        """Assign the receiver's slots, and tell its client before the media come in them."""
        allocation = receiver.allocation
        visible = dict(_visible(scene, allocation.layers))
        others = [source for source in scene.videos if source.owner != receiver.id]
        # What is wanted comes first; what room is left keeps the next ones warm.
        names = list(
            dict.fromkeys(
                (*visible, *allocation.effective_heights, *(s.name for s in others if s.is_enabled))
            )
        )
        for message in rewriting.repeats(now):
            receiver.tell(message)
        news = rewriting.map_video(names, {s.name: (s.owner, s.video_type) for s in others}, now)
        if news:
            receiver.tell(C.video_sources_map(news))
        # Whoever sends sound is to be heard at once; beyond that nothing moves without need.
        rank = {endpoint: index for index, endpoint in enumerate(self._speech.order)}
        sounding = {name for _, name, _ in scene.heard}
        audible = sorted(
            self._audible(receiver, scene.audio),
            key=lambda each: (
                each[0] not in sounding,
                rewriting.audio.of(each[0]) is None,
                rank[scene.audio_owners[each[0]]],
            ),
        )
        voices = rewriting.map_audio([name for name, _ in audible], scene.audio_owners, now)
        if voices:
            receiver.tell(C.audio_sources_map(voices))
        slotted = (
            *(rewriting.slotted(name, each, is_audio=True) for name, each in audible),
            *(rewriting.slotted(name, each, is_audio=False) for name, each in visible.items()),
        )
        return tuple(sorted(each for each in slotted if each is not None))

    def _audible(
        self, receiver: Endpoint, audio: Iterable[tuple[Endpoint, str, Wanted]]
    ) -> Iterable[tuple[str, Wanted]]:
        subscription, loudest = receiver.subscription, self._speech.loudest
        return (
            (name, wanted)
            for sender, name, wanted in audio
            if sender is not receiver
            and subscription.wants(name)
            and (loudest is None or sender.id in loudest or name in subscription.include)
        )

    # -- telling

    def resync(self, receiver: Endpoint) -> None:
        """A new channel knows nothing: say all of it again (1.4)."""
        receiver.tell(C.forwarded_sources(sorted(receiver.forwarded)))
        if receiver.rewriting is not None:
            for message in receiver.rewriting.maps():
                receiver.tell(message)
        receiver.told_reasons = {}
        if receiver.allocation.reasons:
            self._tell_reasons(receiver)

    def _tell_reasons(self, receiver: Endpoint) -> None:
        reasons, told = receiver.allocation.reasons, receiver.told_reasons
        news = {name: each for name, each in reasons.items() if told.get(name) is not each}
        gone = {name: None for name in told if name not in reasons}
        receiver.told_reasons = dict(reasons)
        receiver.tell(C.source_reasons({**news, **gone}))

    def _tell_senders(self) -> None:
        """Tell each sender the greatest height anybody wants of each source (2.4)."""
        if len(self._endpoints) < 2 or self._is_everybody_touched:
            return  # nobody watches, or what the others want is not decided yet
        greatest: dict[str, int] = {}
        for receiver in self._endpoints.values():
            for name, height in receiver.allocation.effective_heights.items():
                known = greatest.get(name, 0)
                if height == UNLIMITED or (known != UNLIMITED and height > known):
                    greatest[name] = height
        for sender in self._endpoints.values():
            for name, track in sender.video.items():
                height = greatest.get(name, 0)
                if height != track.told_height:
                    track.told_height = height
                    sender.tell(C.sender_source_constraints(name, height))


def _visible(scene: _Scene, layers: Mapping[str, Layer]) -> Iterable[tuple[str, Wanted]]:
    given = [source for source in scene.videos if source.name in layers]
    given.sort(key=lambda source: source.name)  # who speaks is no reason for a new order
    for source in given:
        layer = layers[source.name]
        handle = scene.video_handles[source.name]
        yield source.name, (handle, layer.encoding, *_highest_of(source, layer))


@once_for_each
def _highest_of(source: VideoSource, layer: Layer) -> tuple[int, int]:
    """The spatial and temporal layer to order for `layer`.

    The top one means all: what appears above it later needs no new order.
    """
    same = [each for each in source.layers if each.encoding == layer.encoding]
    spatial = max((each.spatial for each in same), default=layer.spatial)
    temporal = max(
        (each.temporal for each in same if each.spatial == layer.spatial), default=layer.temporal
    )
    return (
        ALL if layer.spatial >= spatial else layer.spatial,
        ALL if layer.temporal >= temporal else layer.temporal,
    )
