"""Who receives which layer (reference bridge 2.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.bridge import allocation
from tertulia.bridge.allocation import (
    HOLD_S,
    NOTHING_YET,
    OVERSEND_BPS,
    Allocation,
    effective_heights,
    in_speech_order,
)
from tertulia.bridge.reasons import Reason
from tertulia.bridge.video import UNLIMITED, Constraints, Layer, VideoSource, VideoType

# Three encodings of three temporal layers each, at the rates of a 720p VP8 camera.
SIMULCAST = tuple(
    Layer(encoding, 0, temporal, int(bps * share), height, fps)
    for encoding, (bps, height) in enumerate(((200_000, 180), (500_000, 360), (1_500_000, 720)))
    for temporal, (share, fps) in enumerate(((0.4, 7.5), (0.6, 15.0), (1.0, 30.0)))
)
SCREEN = (Layer(0, 0, 0, 900_000, 1080, 5.0), Layer(0, 0, 1, 2_500_000, 1080, 30.0))


def allocate(
    sources: Iterable[VideoSource],
    speakers: Sequence[str],
    constraints: Constraints,
    estimate_bps: int | None,
    *,
    before: Allocation = NOTHING_YET,
    now: float = 0.0,
    bridge_last_n: int = UNLIMITED,
) -> Allocation:
    return allocation.allocate(
        in_speech_order(sources, speakers),
        constraints,
        estimate_bps,
        before=before,
        now=now,
        bridge_last_n=bridge_last_n,
    )


def prioritise(
    sources: Iterable[VideoSource], speakers: Sequence[str], constraints: Constraints
) -> list[VideoSource]:
    return allocation.prioritise(in_speech_order(sources, speakers), constraints)


def camera(owner: str, layers: tuple[Layer, ...] = SIMULCAST) -> VideoSource:
    return VideoSource(name=f"{owner}-v0", owner=owner, encodings=3, layers=layers)


def screen(owner: str) -> VideoSource:
    return VideoSource(name=f"{owner}-v1", owner=owner, video_type=VideoType.DESKTOP, layers=SCREEN)


def stage(name: str, **more: int) -> Constraints:
    return Constraints(on_stage=(name,), heights={name: 720} | more)


def test_the_stage_comes_first_then_the_selected_then_who_spoke_last() -> None:
    sources = [camera(name) for name in "abcd"]
    constraints = Constraints(on_stage=("c-v0",), selected=("d-v0",))

    ordered = prioritise(sources, ["b", "a"], constraints)

    assert [source.owner for source in ordered] == ["c", "d", "b", "a"]


def test_a_muted_source_takes_no_place_of_the_last_n() -> None:
    muted = VideoSource(name="a-v0", owner="a", video_type=VideoType.NONE)
    ordered = prioritise([muted, camera("b")], ["a", "b"], Constraints())

    heights = effective_heights(ordered, Constraints(last_n=1))

    assert heights == {"b-v0": 180}


def test_last_n_counts_only_wanted_sources() -> None:
    ordered = [camera(name) for name in "abc"]
    constraints = Constraints(last_n=1, heights={"a-v0": 0})

    assert effective_heights(ordered, constraints) == {"b-v0": 180}


def test_without_an_estimate_everybody_gets_what_was_asked_for() -> None:
    result = allocate([camera("a"), camera("b")], ["a", "b"], stage("a-v0"), None)

    assert (result.layers["a-v0"].height, result.layers["a-v0"].fps) == (720, 30.0)
    assert (result.layers["b-v0"].height, result.layers["b-v0"].temporal) == (180, 2)


def test_the_stage_reaches_360_lines_before_a_thumbnail_gets_any() -> None:
    result = allocate([camera("a"), camera("b")], ["b", "a"], stage("a-v0"), 550_000)

    assert result.layers["a-v0"].height == 360
    assert "b-v0" not in result.layers
    assert result.suspended == ("b-v0",)


def test_thumbnails_come_before_the_stage_goes_over_360_lines() -> None:
    result = allocate([camera("a"), camera("b")], ["a", "b"], stage("a-v0"), 1_000_000)

    assert (result.layers["a-v0"].height, result.layers["a-v0"].fps) == (360, 30.0)
    assert result.layers["b-v0"].height == 180


def test_a_large_tile_never_shows_many_lines_at_few_frames() -> None:
    result = allocate([camera("a")], ["a"], stage("a-v0"), 1_200_000)

    assert (result.layers["a-v0"].height, result.layers["a-v0"].fps) == (360, 30.0)


def test_a_source_of_which_nothing_flows_yet_is_asked_for() -> None:
    result = allocate([camera("a", ())], ["a"], Constraints(default_height=360), 50_000)

    assert result.layers["a-v0"].encoding == 1


def test_nothing_is_forwarded_with_last_n_zero() -> None:
    result = allocate([camera("a")], ["a"], Constraints(last_n=0), None)

    assert result.layers == {}
    assert result.effective_heights == {}


def test_only_a_screen_on_stage_may_exceed_the_estimate() -> None:
    name = "a-v1"
    staged = Constraints(on_stage=(name,), heights={name: UNLIMITED})
    tile = Constraints(heights={name: UNLIMITED})

    assert allocate([screen("a")], ["a"], staged, 500_000).is_oversending
    assert allocate([screen("a")], ["a"], staged, 500_000).layers[name].bps == 900_000
    assert not allocate([screen("a")], ["a"], tile, 500_000).is_oversending
    assert allocate([screen("a")], ["a"], tile, 500_000).layers == {}


def test_a_better_layer_that_costs_no_more_is_taken() -> None:
    odd = (Layer(0, 0, 0, 300_000, 180, 30.0), Layer(1, 0, 0, 250_000, 360, 30.0))

    result = allocate([camera("a", odd)], ["a"], Constraints(default_height=720), 310_000)

    assert result.layers["a-v0"].height == 360


_LAYERS = st.lists(
    st.tuples(st.integers(1, 3_000_000), st.sampled_from([0, 90, 180, 360, 720, 1080])),
    max_size=6,
).map(
    lambda found: tuple(
        Layer(i // 3, 0, i % 3, bps, height, (7.5, 15.0, 30.0)[i % 3])
        for i, (bps, height) in enumerate(found)
    )
)


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[VideoSource], Constraints, int]:
    owners = "abcdef"[: draw(st.integers(0, 6))]
    sources = [
        VideoSource(
            name=f"{owner}-v0",
            owner=owner,
            video_type=draw(st.sampled_from(list(VideoType))),
            encodings=draw(st.integers(1, 3)),
            layers=draw(_LAYERS),
        )
        for owner in owners
    ]
    names = st.sampled_from([f"{owner}-v0" for owner in "abcdefx"])
    heights = st.sampled_from([-1, 0, 90, 180, 300, 360, 720])
    constraints = Constraints(
        last_n=draw(st.integers(-1, 7)),
        on_stage=tuple(draw(st.lists(names, max_size=2))),
        selected=tuple(draw(st.lists(names, max_size=2))),
        default_height=draw(heights),
        heights=draw(st.dictionaries(names, heights, max_size=4)),
    )
    return sources, constraints, draw(st.integers(0, 10_000_000))


Case = tuple[list[VideoSource], Constraints, int]


@given(_cases())
def test_no_allocation_exceeds_the_estimate_but_a_screen_on_stage_by_a_named_amount(
    case: Case,
) -> None:
    sources, constraints, budget = case

    result = allocate(sources, "abcdef", constraints, budget)

    assert result.target_bps == sum(layer.bps for layer in result.layers.values())
    assert result.is_oversending is (result.target_bps > budget)
    if result.is_oversending:
        assert result.target_bps <= budget + OVERSEND_BPS
        first = next(
            source
            for source in prioritise(sources, "abcdef", constraints)
            if source.name in result.effective_heights
        )
        assert first.video_type.is_screen
        assert first.name in constraints.on_stage
        assert first.name in result.layers


@given(_cases())
def test_only_what_was_asked_for_is_forwarded(case: Case) -> None:
    sources, constraints, budget = case
    enabled = {source.name for source in sources if source.is_enabled}

    result = allocate(sources, "abcdef", constraints, budget)

    assert result.layers.keys() <= result.effective_heights.keys() <= enabled
    for name, height in result.effective_heights.items():
        assert height == constraints.height_of(name) != 0
    if constraints.last_n >= 0:
        assert len(result.layers) <= constraints.last_n


@given(_cases(), st.integers(0, 3_000_000))
def test_more_bandwidth_never_means_less_video(case: Case, more: int) -> None:
    sources, constraints, budget = case

    small = allocate(sources, "abcdef", constraints, budget)
    large = allocate(sources, "abcdef", constraints, budget + more)

    assert large.target_bps >= small.target_bps
    for name in small.effective_heights:  # the first in order, whoever comes after it
        before, after = small.layers.get(name), large.layers.get(name)
        assert before is None or (after is not None and after.bps >= before.bps)
        break


@given(_cases())
def test_with_bandwidth_for_everything_everybody_gets_the_best(case: Case) -> None:
    sources, constraints, _ = case

    result = allocate(sources, "abcdef", constraints, None)

    assert result.target_bps == result.ideal_bps
    assert Reason.YOUR_DOWNLINK not in result.reasons.values()
    assert not result.suspended


@given(_cases())
def test_a_camera_on_stage_is_never_starved_by_thumbnails(case: Case) -> None:
    sources, _, budget = case
    own = [s for s in sources if s.video_type is VideoType.CAMERA]
    if not own:
        return
    name = own[0].name
    constraints = Constraints(on_stage=(name,), default_height=720)

    alone = allocate([own[0]], "abcdef", constraints, budget).layers.get(name)
    among = allocate(sources, "abcdef", constraints, budget).layers.get(name)

    if alone is not None and 0 < alone.height <= 360:
        assert among == alone


@given(_cases(), st.integers(-1, 5))
def test_everything_that_is_less_than_there_is_has_a_reason(case: Case, bridge_n: int) -> None:
    sources, constraints, budget = case

    result = allocate(sources, "abcdef", constraints, budget, bridge_last_n=bridge_n)

    for source in sources:
        got, reason = result.layers.get(source.name), result.reasons.get(source.name)
        fastest = max((layer.fps for layer in source.layers), default=0.0)
        if got is None or any(
            layer.height > got.height
            and layer.fps >= fastest
            and source.rank(layer) > source.rank(got)
            for layer in source.layers
        ):
            assert reason is not None
        assert (reason is Reason.MUTED) is not source.is_enabled
        if source.name in result.suspended:
            assert reason is Reason.YOUR_DOWNLINK
        if reason is Reason.BRIDGE_BUSY:
            assert bridge_n >= 0
            assert constraints.last_n < 0 or bridge_n < constraints.last_n
        if reason is Reason.NOT_IN_LAST_N:
            assert constraints.last_n >= 0


@given(_cases(), st.integers(0, 3_000_000))
def test_nothing_climbs_just_after_a_step_down(case: Case, later_budget: int) -> None:
    sources, constraints, budget = case
    wide = allocate(sources, "abcdef", constraints, None, now=10.0)
    tight = allocate(sources, "abcdef", constraints, budget, before=wide, now=11.0)
    if tight.hold_until <= 11.0:
        return

    soon = allocate(sources, "abcdef", constraints, later_budget, before=tight, now=12.9)
    later = allocate(sources, "abcdef", constraints, None, before=soon, now=15.0)

    for name, layer in soon.layers.items():
        if name in tight.effective_heights:
            assert layer.bps <= (tight.layers[name].bps if name in tight.layers else 0)
    assert later.target_bps == later.ideal_bps


# -- golden cases: who gets what, in the situations people know

KBIT = 1000


def got(result: Allocation) -> dict[str, tuple[int, float]]:
    return {name[0]: (layer.height, layer.fps) for name, layer in result.layers.items()}


@pytest.mark.parametrize(
    ("kbps", "expected"),
    [
        (50, {}),
        (100, {"a": (180, 7.5)}),
        # The stage cannot have its 360 lines, but what is left shows the others.
        (400, {"a": (180, 30.0), "b": (180, 15.0), "c": (180, 7.5)}),
        (700, {"a": (360, 30.0), "b": (180, 15.0), "c": (180, 7.5)}),
        (900, {"a": (360, 30.0), "b": (180, 30.0), "c": (180, 30.0)}),
        (1900, {"a": (720, 30.0), "b": (180, 30.0), "c": (180, 30.0)}),
    ],
)
def test_a_stage_and_two_thumbnails(kbps: int, expected: dict[str, tuple[int, float]]) -> None:
    result = allocate([camera(n) for n in "abc"], "abc", stage("a-v0"), kbps * KBIT)

    assert got(result) == expected


@pytest.mark.parametrize(
    ("kbps", "expected"),
    [
        (240, {"a": (180, 7.5), "b": (180, 7.5), "c": (180, 7.5)}),
        (600, {"a": (180, 30.0), "b": (180, 30.0), "c": (180, 30.0)}),
        (950, {"a": (360, 30.0), "b": (180, 30.0), "c": (180, 30.0)}),
        (1500, {"a": (360, 30.0), "b": (360, 30.0), "c": (360, 30.0)}),
    ],
)
def test_three_equal_tiles(kbps: int, expected: dict[str, tuple[int, float]]) -> None:
    constraints = Constraints(default_height=360)

    assert got(allocate([camera(n) for n in "abc"], "abc", constraints, kbps * KBIT)) == expected


def test_scalable_layers_are_climbed_in_space_and_time() -> None:
    """One encoding of VP9: each spatial layer costs the ones below it as well."""
    steps = (
        (0, 0, 100, 180, 7.5),
        (0, 1, 200, 180, 30.0),
        (1, 0, 300, 360, 7.5),
        (1, 1, 500, 360, 30.0),
        (2, 0, 900, 720, 7.5),
        (2, 1, 1500, 720, 30.0),
    )
    layers = tuple(Layer(0, s, t, bps * KBIT, height, fps) for s, t, bps, height, fps in steps)
    source = VideoSource(name="a-v0", owner="a", layers=layers)

    found = [
        allocate([source], "a", stage("a-v0"), kbps * KBIT).layers["a-v0"]
        for kbps in (150, 350, 700, 1400, 1500)
    ]

    assert [(layer.spatial, layer.temporal) for layer in found] == [
        (0, 0),
        (0, 1),
        (1, 1),
        (1, 1),  # more lines without motion are no gain
        (2, 1),
    ]


def test_a_shared_screen_is_sharp_before_it_moves() -> None:
    layers = (
        Layer(0, 0, 0, 150_000, 360, 5.0),
        Layer(0, 0, 1, 600_000, 360, 30.0),
        Layer(1, 0, 0, 700_000, 1080, 5.0),
        Layer(1, 0, 1, 2_000_000, 1080, 30.0),
    )
    share = VideoSource(name="a-v1", owner="a", video_type=VideoType.DESKTOP, layers=layers)
    staged = Constraints(on_stage=("a-v1",), heights={"a-v1": UNLIMITED})
    tile = Constraints(heights={"a-v1": 1080})

    assert allocate([share], "a", staged, 300_000).layers["a-v1"] == layers[2]  # oversending
    assert allocate([share], "a", tile, 800_000).layers["a-v1"] == layers[2]
    assert allocate([share], "a", tile, 650_000).layers["a-v1"] == layers[1]


def test_a_large_screen_gets_sharp_before_other_tiles_grow() -> None:
    share = VideoSource(name="a-v1", owner="a", video_type=VideoType.DESKTOP, layers=SCREEN)
    constraints = Constraints(default_height=1080)

    result = allocate([share, camera("b")], "ab", constraints, 1_000_000)

    assert got(result) == {"a": (1080, 5.0), "b": (180, 7.5)}


def test_the_place_of_a_source_that_does_not_fit_goes_to_the_next_that_does() -> None:
    heavy = (Layer(0, 0, 0, 900_000, 720, 30.0),)
    sources = [camera("a", heavy), camera("b")]

    result = allocate(sources, "ab", Constraints(last_n=1), 300_000)

    assert got(result) == {"b": (180, 30.0)}
    assert result.effective_heights == {"a-v0": 180, "b-v0": 180}  # it may come back
    assert result.reasons == {
        "a-v0": Reason.YOUR_DOWNLINK,
        "b-v0": Reason.ASKED_SMALLER,
    }


# -- reasons


def test_the_reason_names_who_can_do_something_about_it() -> None:
    weak = VideoSource(name="w-v0", owner="w", encodings=3, layers=SIMULCAST[:3], is_limited=True)
    muted = VideoSource(name="m-v0", owner="m", video_type=VideoType.NONE)
    forced = VideoSource(name="f-v0", owner="f", layers=SIMULCAST, is_muted=True)
    sources = [weak, camera("a"), camera("b"), camera("c"), camera("h"), muted, forced]
    constraints = Constraints(last_n=3, default_height=720, heights={"a-v0": 180, "h-v0": 0})

    result = allocate(sources, "wabc", constraints, 1_000_000)

    assert result.reasons == {
        "w-v0": Reason.THEIR_UPLINK,
        "a-v0": Reason.ASKED_SMALLER,
        "b-v0": Reason.YOUR_DOWNLINK,
        "c-v0": Reason.NOT_IN_LAST_N,
        "h-v0": Reason.ASKED_SMALLER,
        "m-v0": Reason.MUTED,
        "f-v0": Reason.MUTED,
    }


def test_what_the_bridge_sheds_is_told_apart_from_what_was_not_asked_for() -> None:
    sources = [camera(name) for name in "abcd"]

    result = allocate(sources, "abcd", Constraints(last_n=3), None, bridge_last_n=1)

    assert result.layers.keys() == {"a-v0"}
    assert result.reasons == {
        "a-v0": Reason.ASKED_SMALLER,
        "b-v0": Reason.BRIDGE_BUSY,
        "c-v0": Reason.BRIDGE_BUSY,
        "d-v0": Reason.NOT_IN_LAST_N,
    }


# -- stepping down and up again


def test_after_a_step_down_a_better_layer_waits_two_seconds() -> None:
    def ask(budget: int, before: Allocation, now: float, height: int = 720) -> Allocation:
        constraints = stage("a-v0", **{"a-v0": height})
        return allocate([camera("a")], "a", constraints, budget, before=before, now=now)

    full = ask(2_000_000, NOTHING_YET, 10.0)
    low = ask(600_000, full, 11.0)
    held = ask(2_000_000, low, 11.0 + HOLD_S - 0.1)
    back = ask(2_000_000, held, 11.0 + HOLD_S)

    heights = [each.layers["a-v0"].height for each in (full, low, held, back)]
    assert heights == [720, 360, 360, 720]
    assert held.reasons == {"a-v0": Reason.YOUR_DOWNLINK}


def test_what_is_newly_asked_for_does_not_wait() -> None:
    sources = [camera("a"), camera("b")]
    full = allocate(sources, "ab", stage("a-v0"), 2_000_000, now=10.0)
    low = allocate(sources, "ab", stage("a-v0"), 600_000, before=full, now=11.0)

    other = allocate(sources, "ab", stage("b-v0"), 800_000, before=low, now=11.5)

    assert other.layers["b-v0"].height == 360
