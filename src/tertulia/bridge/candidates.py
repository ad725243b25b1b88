"""Which layers of a source are worth considering for a receiver (reference bridge 2.3, step C)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tertulia.bridge.reasons import Reason
from tertulia.bridge.video import UNLIMITED, Layer, VideoSource, is_within, once_for_each

MOTION_HEIGHT = 360  # up to here motion comes first; above, resolution without motion never


@dataclass(frozen=True, slots=True)
class Candidates:
    """Layers under one constraint, best last; each costs more than the one before it."""

    layers: tuple[Layer, ...]
    preferred: int  # what a large picture climbs to in its first turn
    oversend: int = -1  # what may exceed the estimate; -1: nothing may
    is_large: bool = False
    # Why even the best of them is less than there could be.
    reason: Reason | None = None

    def up_to(self, source: VideoSource, layer: Layer | None) -> int:
        """The index of the best candidate that is no better than `layer`; -1 if there is none."""
        if layer is None:
            return -1
        limit = source.rank(layer)
        return max(
            (i for i, each in enumerate(self.layers) if source.rank(each) <= limit), default=-1
        )


@once_for_each
def candidates_of(source: VideoSource, max_height: int, on_stage: bool) -> Candidates:
    """The candidates of an enabled source; `max_height` is not 0."""
    found = _of_screen if source.video_type.is_screen else _of_camera
    candidates = found(source.ordered_layers(), max_height, on_stage)
    return replace(candidates, reason=_shortfall(source, candidates.layers[-1], max_height))


def _shortfall(source: VideoSource, best: Layer, max_height: int) -> Reason | None:
    if source.is_limited and (max_height == UNLIMITED or source.top_height < max_height):
        return Reason.THEIR_UPLINK
    if max_height != UNLIMITED and best.height < source.top_height:
        return Reason.ASKED_SMALLER
    return None


def _of_camera(layers: list[Layer], max_height: int, on_stage: bool) -> Candidates:
    lowest = min(layer.height for layer in layers)
    is_large = max_height == UNLIMITED or max_height > 180
    # In a small picture every step counts; in a large one many lines at few frames never do.
    motion_height = MOTION_HEIGHT if is_large else UNLIMITED
    fps = min(30.0 if is_large else 0.0, max(layer.fps for layer in layers))
    kept = [
        layer
        for layer in layers
        if layer.height == lowest
        or (
            is_within(layer.height, max_height)
            and (layer.height < motion_height or layer.fps >= fps)
        )
    ]
    kept = _each_for_its_price(kept)
    goal = max(MOTION_HEIGHT if is_large else lowest, lowest)
    preferred = max((i for i, layer in enumerate(kept) if layer.height <= goal), default=-1)
    return Candidates(tuple(kept), preferred, is_large=is_large and on_stage)


def _of_screen(layers: list[Layer], max_height: int, on_stage: bool) -> Candidates:
    kept = [layer for layer in layers if is_within(layer.height, max_height)]
    if not kept:
        lowest = min(layer.height for layer in layers)
        kept = [layer for layer in layers if layer.height == lowest]
        if not on_stage and kept[0].fps == 0.0:
            kept = kept[:1]
    kept = _each_for_its_price(kept)
    top = max(layer.height for layer in kept)
    sharp = next(i for i, layer in enumerate(kept) if layer.height == top)
    is_large = on_stage or max_height == UNLIMITED or max_height > 180
    # Text that cannot be read is worth nothing: the sharpest picture first, then motion.
    return Candidates(tuple(kept), sharp, sharp if on_stage else -1, is_large)


def _each_for_its_price(layers: list[Layer]) -> list[Layer]:
    """Without the layers for which a better one costs no more."""
    kept: list[Layer] = []
    for layer in reversed(layers):
        if not kept or layer.bps < kept[-1].bps:
            kept.append(layer)
    return kept[::-1]
