"""Who receives which layer: the bitrate allocation for one receiver (reference bridge 2.3).

Pure functions: sources, constraints and the estimate in, layers out. Words: a *layer* is one
(encoding, spatial, temporal) step of a source with its measured bitrate; heights are the shorter
side in pixels; -1 means unlimited, 0 means not wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

UNLIMITED = -1
UNLIMITED_BPS = 1 << 60
OVERSEND_BPS = 500_000
_GUESSED_HEIGHTS = (180, 360, 720)  # of simulcast encodings, until a keyframe tells the truth
ALL = 7  # as highest spatial or temporal layer: whatever there is


class VideoType(StrEnum):
    CAMERA = "camera"
    DESKTOP = "desktop"
    DESKTOP_HIGH_FPS = "desktop_high_fps"
    NONE = "none"  # muted

    @property
    def is_screen(self) -> bool:
        return self in (VideoType.DESKTOP, VideoType.DESKTOP_HIGH_FPS)


@dataclass(frozen=True, slots=True)
class Layer:
    encoding: int
    spatial: int
    temporal: int
    bps: int = 0
    height: int = 0
    fps: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSource:
    """A video source as a receiver might get it."""

    name: str
    owner: str  # endpoint id
    video_type: VideoType = VideoType.CAMERA
    encodings: int = 1
    layers: tuple[Layer, ...] = ()  # active ones, as measured

    @property
    def is_enabled(self) -> bool:
        return self.video_type is not VideoType.NONE

    def ordered_layers(self) -> list[Layer]:
        """Lowest quality first; while nothing flows all encodings count, so that one can begin."""
        layers = self.layers or tuple(Layer(e, ALL, ALL) for e in range(self.encodings))
        known = [replace(each, height=self._height(each)) for each in layers]
        return sorted(known, key=lambda each: (each.encoding, each.spatial, each.temporal))

    def _height(self, layer: Layer) -> int:
        if layer.height or self.encodings == 1:
            return layer.height
        return _GUESSED_HEIGHTS[min(layer.encoding, 2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What a receiver asked for (`ReceiverVideoConstraints`); heights by source name."""

    last_n: int = UNLIMITED
    on_stage: tuple[str, ...] = ()
    selected: tuple[str, ...] = ()
    default_height: int = 180
    heights: Mapping[str, int] = field(default_factory=dict)

    def height_of(self, name: str) -> int:
        return self.heights.get(name, self.default_height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The outcome for one receiver."""

    layers: Mapping[str, Layer]  # by source name; a source left out is not forwarded
    effective_heights: Mapping[str, int]  # what the senders need to know, 0 for the unwanted
    suspended: tuple[str, ...] = ()  # for lack of bandwidth
    is_oversending: bool = False
    target_bps: int = 0
    ideal_bps: int = 0


def prioritise(
    sources: Iterable[VideoSource], speaker_order: Sequence[str], constraints: Constraints
) -> list[VideoSource]:
    """Step A: on stage, selected, then by how recently the owner spoke; disabled ones last."""
    rank = {endpoint: index for index, endpoint in enumerate(speaker_order)}
    by_speech = sorted(sources, key=lambda s: rank.get(s.owner, len(rank)))
    enabled = {s.name: s for s in by_speech if s.is_enabled}
    named = dict.fromkeys((*constraints.on_stage, *constraints.selected))
    first = [enabled[name] for name in named if name in enabled]
    rest = [s for s in enabled.values() if s.name not in named]
    return [*first, *rest, *(s for s in by_speech if not s.is_enabled)]


def effective_heights(ordered: Sequence[VideoSource], constraints: Constraints) -> dict[str, int]:
    """Step B: the first N sources that are wanted at all keep their constraint, others get 0."""
    places = constraints.last_n if constraints.last_n >= 0 else len(ordered)
    heights = {}
    for source in ordered:
        height = constraints.height_of(source.name) if source.is_enabled else 0
        if height == 0 or places == 0:
            heights[source.name] = 0
        else:
            heights[source.name] = height
            places -= 1
    return heights


@dataclass(slots=True)
class _Candidate:
    """One source on its way up through its candidate layers."""

    source: VideoSource
    on_stage: bool
    layers: list[Layer]
    preferred: int
    oversend: int = -1
    index: int = -1

    @property
    def bps(self) -> int:
        return self.layers[self.index].bps if self.index >= 0 else 0

    def improve(self, remaining: int, *, may_oversend: bool) -> int:
        """Take the next step the budget allows. Returns: the bits per second it costs."""
        start = self.bps
        budget = remaining + start
        above = self.index + 1
        if self.index == -1 and self.on_stage and self.preferred >= 0:
            while above <= self.preferred and self.layers[above].bps <= budget:
                self.index = above
                above += 1
        elif above < len(self.layers) and self.layers[above].bps <= budget:
            self.index = above
        if self.index >= 0:
            free = [i for i, layer in enumerate(self.layers) if layer.bps <= self.bps]
            self.index = max(self.index, *free)
        if may_oversend and self.oversend > self.index:
            over = budget + OVERSEND_BPS
            allowed = range(self.index + 1, self.oversend + 1)
            self.index = next((i for i in allowed if self.layers[i].bps <= over), self.index)
        return self.bps - start


def allocate(
    sources: Iterable[VideoSource],
    speaker_order: Sequence[str],
    constraints: Constraints,
    estimate_bps: int | None,
) -> Allocation:
    """Choose the layers for one receiver.

    Args:
        sources: all video sources but the receiver's own.
        speaker_order: endpoint ids, the one who spoke last first.
        estimate_bps: what the receiver's downlink carries; None: unknown, taken as infinite.
    Returns: layers whose bitrates together stay within the estimate, unless `is_oversending`.
    """
    ordered = prioritise(sources, speaker_order, constraints)
    heights = effective_heights(ordered, constraints)
    candidates = [
        _candidate(source, heights[source.name], source.name in constraints.on_stage)
        for source in ordered
        if heights[source.name] != 0
    ]
    oversending = _climb(candidates, UNLIMITED_BPS if estimate_bps is None else estimate_bps)
    return Allocation(
        layers={c.source.name: c.layers[c.index] for c in candidates if c.index >= 0},
        effective_heights=heights,
        suspended=tuple(
            c.source.name for c in candidates if c.index == -1 and c.layers and c.layers[0].bps > 0
        ),
        is_oversending=oversending,
        target_bps=sum(c.bps for c in candidates),
        ideal_bps=sum(c.layers[-1].bps for c in candidates if c.layers),
    )


def _climb(candidates: Sequence[_Candidate], budget_bps: int) -> bool:
    """Step D: greedy rounds, the stage first. Returns: True if more is sent than fits."""
    remaining, oversending, moved = budget_bps, False, True
    while moved:
        moved = False
        for place, candidate in enumerate(candidates):
            before = candidate.index
            remaining -= candidate.improve(remaining, may_oversend=place == 0)
            moved = moved or candidate.index != before
            oversending = oversending or remaining < 0
            if candidate.on_stage and candidate.index < candidate.preferred:
                break  # what is on stage comes to its preferred layer before thumbnails get any
    return oversending


def _candidate(source: VideoSource, max_height: int, on_stage: bool) -> _Candidate:
    """Step C: the layers worth considering under a constraint."""
    layers = source.ordered_layers()
    if source.video_type.is_screen:
        return _screen_candidate(source, layers, max_height, on_stage)
    lowest = min(layer.height for layer in layers)
    # For large tiles motion comes first up to 360 lines, resolution without motion never.
    is_large = max_height == UNLIMITED or max_height > 180
    preferred_height = 360 if is_large else UNLIMITED
    preferred_fps = min(30.0 if is_large else 0.0, max(layer.fps for layer in layers))
    kept = [
        layer
        for layer in layers
        if layer.height == lowest
        or layer.height < preferred_height
        or (_within(layer.height, max_height) and layer.fps >= preferred_fps)
    ]
    kept = [layer for layer in kept if layer.height == lowest or _within(layer.height, max_height)]
    goal = max(preferred_height, lowest)
    preferred = max((i for i, layer in enumerate(kept) if layer.height <= goal), default=-1)
    return _Candidate(source, on_stage, kept, preferred)


def _screen_candidate(
    source: VideoSource, layers: list[Layer], max_height: int, on_stage: bool
) -> _Candidate:
    kept = [layer for layer in layers if _within(layer.height, max_height)]
    if not kept:
        lowest = min(layer.height for layer in layers)
        kept = [layer for layer in layers if layer.height == lowest]
        if not on_stage and kept[0].fps == 0.0:
            kept = kept[:1]
    oversend = -1
    if on_stage:
        top = max(layer.height for layer in kept)
        oversend = min(
            (i for i, layer in enumerate(kept) if layer.height == top), key=lambda i: kept[i].bps
        )
    return _Candidate(source, on_stage, kept, len(kept) - 1, oversend)


def _within(height: int, max_height: int) -> bool:
    return max_height == UNLIMITED or height <= max_height
