"""Video as the bridge's mind sees it: sources, their layers, and what a receiver asks for.

Words: a *layer* is one (encoding, spatial, temporal) step of a source with its measured bitrate;
heights are the shorter side in pixels; -1 means unlimited, 0 means not wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

UNLIMITED = -1
ALL = 7  # as highest spatial or temporal layer: whatever there is
_GUESSED_HEIGHTS = (180, 360, 720)  # of simulcast encodings, until a keyframe tells the truth
_REMEMBERED = 256  # results kept with one source: receivers may ask for any height

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")


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
    """One step of quality; `bps` includes the layers of the encoding that it depends on."""

    encoding: int
    spatial: int
    temporal: int
    bps: int = 0
    height: int = 0
    fps: float = 0.0


# Compared by identity: allocations of a hundred receivers share what was worked out for a source.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoSource:
    """A video source as a receiver might get it."""

    name: str
    owner: str  # endpoint id
    video_type: VideoType = VideoType.CAMERA
    encodings: int = 1
    layers: tuple[Layer, ...] = ()  # active ones, as measured
    is_limited: bool = False  # its sender sends less than it was asked for
    is_muted: bool = False  # by force

    is_enabled: bool = field(init=False)
    top_height: int = field(init=False)  # that arrives; 0 while it is unknown or nothing does
    worked_out: dict[Hashable, Any] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        # Worked out once: a hundred receivers ask.
        is_enabled = self.video_type is not VideoType.NONE and not self.is_muted
        top_height = max((self._height(each) for each in self.layers), default=0)
        object.__setattr__(self, "is_enabled", is_enabled)
        object.__setattr__(self, "top_height", top_height)

    def ordered_layers(self) -> list[Layer]:
        """Lowest quality first; while nothing flows all encodings count, so that one can begin."""
        layers = self.layers or tuple(Layer(e, ALL, ALL) for e in range(self.encodings))
        known = [replace(each, height=self._height(each)) for each in layers]
        return sorted(known, key=self.rank)

    def rank(self, layer: Layer) -> tuple[float, ...]:
        """Where a layer stands among those of this source: a screen is sharp before it moves."""
        order = (layer.encoding, layer.spatial, layer.temporal)
        return (layer.height, layer.fps, *order) if self.video_type.is_screen else order

    def _height(self, layer: Layer) -> int:
        if layer.height or self.encodings == 1:
            return layer.height
        return _GUESSED_HEIGHTS[min(layer.encoding, 2)]


def once_for_each(
    work: Callable[Concatenate[VideoSource, Arguments], Found],
) -> Callable[Concatenate[VideoSource, Arguments], Found]:
    """Remember what `work` found for a source (and positional arguments) with the source itself.

    A source is made anew whenever its bitrates move, many times a minute: a memory of our own
    would hold thousands of those that are gone.
    """

    @wraps(work)
    def remembered(
        source: VideoSource, /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Found:
        memory, key = source.worked_out, (work, *args)
        try:
            found: Found = memory[key]
        except KeyError:
            if len(memory) >= _REMEMBERED:
                memory.clear()
            found = memory[key] = work(source, *args, **kwargs)
        return found

    return remembered


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


def is_within(height: int, max_height: int) -> bool:
    return max_height == UNLIMITED or height <= max_height


def highest(heights: list[int]) -> int:
    """The greatest of some maximum heights: unlimited beats any number."""
    return UNLIMITED if UNLIMITED in heights else max(heights)


def steps_of(layers: tuple[Layer, ...]) -> list[tuple[int, int, int, int]]:
    """What there is to choose from."""
    return [(each.encoding, each.spatial, each.temporal, each.height) for each in layers]


def differs(old: tuple[Layer, ...], new: tuple[Layer, ...]) -> bool:
    """True when the bitrate of one of the same layers changed by more than a seventh."""
    return any(abs(a.bps - b.bps) * 7 > a.bps for a, b in zip(old, new, strict=True))


def dearer_bps(old: tuple[Layer, ...], new: tuple[Layer, ...]) -> int:
    """By how much one of the same layers costs more now, at most."""
    return max((b.bps - a.bps for a, b in zip(old, new, strict=True) if b.bps > a.bps), default=0)
