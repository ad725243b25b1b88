"""Who receives which layer: the bitrate allocation for one receiver (reference bridge 2.3).

Pure functions: sources, constraints, the estimate and what was given before in, layers out, with
the reason for everything that is less than there is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tertulia.bridge.candidates import Candidates, candidates_of
from tertulia.bridge.reasons import Reason
from tertulia.bridge.video import UNLIMITED, Constraints, Layer, VideoSource

UNLIMITED_BPS = 1 << 60
OVERSEND_BPS = 500_000
# After a step down nothing climbs for so long: an estimate that has just fallen is not settled,
# and a picture that goes up and down is worse than one that stays small.
HOLD_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The outcome for one receiver."""

    layers: Mapping[str, Layer] = field(default_factory=dict)  # one left out is not forwarded
    # What the senders need to know; one left out is not wanted.
    effective_heights: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, Reason] = field(default_factory=dict)  # of what is less than there is
    suspended: tuple[str, ...] = ()  # for lack of bandwidth
    is_oversending: bool = False
    target_bps: int = 0
    ideal_bps: int = 0
    hold_until: float = -math.inf  # nothing climbs before this time

    @property
    def is_complete(self) -> bool:
        """True when more bandwidth would change nothing."""
        return self.target_bps == self.ideal_bps and not (self.suspended or self.is_oversending)


NOTHING_YET = Allocation()


def in_speech_order(
    sources: Iterable[VideoSource], speaker_order: Sequence[str]
) -> list[VideoSource]:
    """Sources by how recently their owners spoke; the enabled ones before the others."""
    rank = {endpoint: index for index, endpoint in enumerate(speaker_order)}
    last = len(rank)
    return sorted(sources, key=lambda s: (not s.is_enabled, rank.get(s.owner, last)))


def prioritise(sources: Sequence[VideoSource], constraints: Constraints) -> list[VideoSource]:
    """Step A: on stage, selected, then as they come (in speech order); disabled ones stay last."""
    if not constraints.on_stage and not constraints.selected:
        return list(sources)
    place = {
        name: index
        for index, name in enumerate(dict.fromkeys((*constraints.on_stage, *constraints.selected)))
    }
    named = [s for s in sources if s.name in place and s.is_enabled]
    named.sort(key=lambda s: place[s.name])
    return [*named, *(s for s in sources if s.name not in place or not s.is_enabled)]


def effective_heights(
    ordered: Sequence[VideoSource], constraints: Constraints, last_n: int | None = None
) -> dict[str, int]:
    """Step B: the first N sources that are wanted at all, with their constraints.

    Args:
        last_n: how many may be forwarded; None takes the receiver's own number.
    """
    limit = constraints.last_n if last_n is None else last_n
    places = limit if limit >= 0 else len(ordered)
    heights: dict[str, int] = {}
    asked, default = constraints.heights, constraints.default_height
    for source in ordered:
        if len(heights) >= places or not source.is_enabled:
            break  # disabled ones come last
        height = asked.get(source.name, default)
        if height != 0:
            heights[source.name] = height
    return heights


def allocate(
    sources: Sequence[VideoSource],
    constraints: Constraints,
    estimate_bps: int | None,
    *,
    before: Allocation = NOTHING_YET,
    now: float = 0.0,
    bridge_last_n: int = UNLIMITED,
) -> Allocation:
    """Choose the layers for one receiver.

    Args:
        sources: all video sources but the receiver's own, as `in_speech_order` has them.
        estimate_bps: what the receiver's downlink carries; None: unknown, taken as infinite.
        before: the previous outcome, so that nothing climbs just after it had to step down.
        bridge_last_n: what the bridge forwards to anybody at most.
    Returns: layers whose bitrates together stay within the estimate, unless `is_oversending`.
    """
    ordered = prioritise(sources, constraints)
    last_n = _least(constraints.last_n, bridge_last_n)
    heights = effective_heights(ordered, constraints, last_n)
    on_stage = frozenset(constraints.on_stage)
    climbers: list[_Climber] = []
    for source in ordered:
        if len(climbers) == len(heights):
            break  # a large room has many more sources than anybody watches
        if source.name in heights:
            climbers.append(_Climber(source, heights[source.name], on_stage))
    budget = UNLIMITED_BPS if estimate_bps is None else estimate_bps
    held = before if now < before.hold_until else NOTHING_YET
    for climber in climbers:
        climber.hold(held)
    _climb(climbers, budget)
    if last_n >= 0:
        climbers += _substitutes(
            ordered, constraints, climbers, heights, budget_bps=budget, held=held
        )
    lowered = any(climber.is_below(before) for climber in climbers)
    target_bps = sum(climber.bps for climber in climbers)
    return Allocation(
        layers={c.source.name: c.layers[c.index] for c in climbers if c.index >= 0},
        effective_heights=heights,
        reasons=_reasons(ordered, constraints, climbers, last_n),
        suspended=tuple(c.source.name for c in climbers if c.index < 0 and c.layers[0].bps > 0),
        is_oversending=target_bps > budget,
        target_bps=target_bps,
        ideal_bps=sum(climber.layers[-1].bps for climber in climbers),
        hold_until=now + HOLD_S if lowered else before.hold_until,
    )


def _least(a: int, b: int) -> int:
    return max(a, b) if a < 0 or b < 0 else min(a, b)


class _Climber:
    """One source on its way up through its candidate layers."""

    __slots__ = ("candidates", "height", "index", "layers", "source", "top")

    def __init__(self, source: VideoSource, height: int, on_stage: frozenset[str]) -> None:
        self.source = source
        self.height = height
        self.candidates: Candidates = candidates_of(source, height, source.name in on_stage)
        self.layers = self.candidates.layers
        self.top = len(self.layers) - 1
        self.index = -1

    @property
    def bps(self) -> int:
        return self.layers[self.index].bps if self.index >= 0 else 0

    def hold(self, before: Allocation) -> None:
        """Do not climb above what was given before, unless something else was asked for."""
        if before.effective_heights.get(self.source.name) == self.height:
            had = before.layers.get(self.source.name)
            self.top = self.candidates.up_to(self.source, had)

    def is_below(self, before: Allocation) -> bool:
        """True if the same request was given a better layer before, one that still exists."""
        had = before.layers.get(self.source.name)
        return (
            had is not None
            and self.index < len(self.layers) - 1
            and before.effective_heights.get(self.source.name) == self.height
            and self.index < self.candidates.up_to(self.source, had)
        )

    def improve(self, remaining: int, *, may_oversend: bool) -> int:
        """Take the next step the budget allows. Returns: the bits per second it costs."""
        start, budget = self.bps, remaining + self.bps
        goal = self.index + 1
        if self.index < 0 and self.candidates.is_large:
            goal = max(self.candidates.preferred, 0)
        goal = min(goal, self.top)
        while self.index < goal and self.layers[self.index + 1].bps <= budget:
            self.index += 1
        if may_oversend and self.candidates.oversend > self.index:
            allowed = range(self.index + 1, min(self.candidates.oversend, self.top) + 1)
            over = budget + OVERSEND_BPS
            self.index = max((i for i in allowed if self.layers[i].bps <= over), default=self.index)
        return self.bps - start


def _climb(climbers: Sequence[_Climber], budget_bps: int) -> None:
    """Step D: rounds in order, one step each; a large picture first comes to its preferred layer.

    A source that cannot afford its next step gets no other chance, and leaves what remains to the
    ones after it: better a small picture of somebody than none at all.
    """
    if sum(climber.layers[climber.top].bps for climber in climbers) <= budget_bps:
        for climber in climbers:
            climber.index = climber.top
        return
    remaining, moving = budget_bps, list(climbers)
    first = climbers[0] if climbers else None
    while moving:
        still = []
        for climber in moving:
            before = climber.index
            remaining -= climber.improve(remaining, may_oversend=climber is first)
            if climber.index != before and climber.index < climber.top:
                still.append(climber)
        moving = still


def _substitutes(
    ordered: Sequence[VideoSource],
    constraints: Constraints,
    climbers: Sequence[_Climber],
    heights: dict[str, int],
    *,
    budget_bps: int,
    held: Allocation,
) -> list[_Climber]:
    """Those who take the places of the last N that stay empty for lack of bandwidth.

    Only sources that flow already count: their price is known. The one whose place it is stays
    wanted, so that it can come back.
    """
    empty = sum(climber.index < 0 for climber in climbers)
    remaining = left = budget_bps - sum(climber.bps for climber in climbers)
    found: list[_Climber] = []
    for source in ordered:
        if len(found) >= empty or left <= 0:
            break
        height = constraints.height_of(source.name)
        if source.name in heights or height == 0 or not source.is_enabled or not source.layers:
            continue
        climber = _Climber(source, height, frozenset())
        climber.hold(held)
        if climber.top >= 0 and climber.layers[0].bps <= left:
            left -= climber.layers[0].bps
            heights[source.name] = height
            found.append(climber)
    _climb(found, remaining)
    return found


def _reasons(
    ordered: Sequence[VideoSource],
    constraints: Constraints,
    climbers: Sequence[_Climber],
    last_n: int,
) -> dict[str, Reason]:
    """Why each source that is not at its best is not; empty when all are."""
    reasons: dict[str, Reason] = {}
    given = set()
    for climber in climbers:
        name = climber.source.name
        given.add(name)
        is_best = climber.index == len(climber.layers) - 1
        reason = climber.candidates.reason if is_best else Reason.YOUR_DOWNLINK
        if reason is not None:
            reasons[name] = reason
    asked, default = constraints.heights, constraints.default_height
    # How many more would have had a place if the bridge had not shed them.
    shed = constraints.last_n if constraints.last_n >= 0 else len(ordered)
    shed = 0 if last_n == constraints.last_n else shed - len(given)
    for source in ordered:
        name = source.name
        if name in given:
            continue
        if not source.is_enabled:
            reasons[name] = Reason.MUTED
        elif asked.get(name, default) == 0:
            reasons[name] = Reason.ASKED_SMALLER
        elif shed > 0:
            shed -= 1
            reasons[name] = Reason.BRIDGE_BUSY
        else:
            reasons[name] = Reason.NOT_IN_LAST_N
    return reasons
