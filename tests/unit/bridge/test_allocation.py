"""Who receives which layer (reference bridge 2.3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tertulia.bridge.allocation import (
    OVERSEND_BPS,
    UNLIMITED,
    Constraints,
    Layer,
    VideoSource,
    VideoType,
    allocate,
    effective_heights,
    prioritise,
)

# Three encodings of three temporal layers each, at the rates of a 720p VP8 camera.
SIMULCAST = tuple(
    Layer(encoding, 0, temporal, int(bps * share), height, fps)
    for encoding, (bps, height) in enumerate(((200_000, 180), (500_000, 360), (1_500_000, 720)))
    for temporal, (share, fps) in enumerate(((0.4, 7.5), (0.6, 15.0), (1.0, 30.0)))
)
SCREEN = (Layer(0, 0, 0, 900_000, 1080, 5.0), Layer(0, 0, 1, 2_500_000, 1080, 30.0))


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

    assert heights == {"b-v0": 180, "a-v0": 0}


def test_last_n_counts_only_wanted_sources() -> None:
    ordered = [camera(name) for name in "abc"]
    constraints = Constraints(last_n=1, heights={"a-v0": 0})

    assert effective_heights(ordered, constraints) == {"a-v0": 0, "b-v0": 180, "c-v0": 0}


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
    assert result.effective_heights == {"a-v0": 0}


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


@given(_cases())
def test_no_allocation_exceeds_the_estimate_unless_it_says_so(
    case: tuple[list[VideoSource], Constraints, int],
) -> None:
    sources, constraints, budget = case

    result = allocate(sources, "abcdef", constraints, budget)

    assert result.target_bps == sum(layer.bps for layer in result.layers.values())
    if not result.is_oversending:
        assert result.target_bps <= budget
    else:
        assert result.target_bps <= budget + OVERSEND_BPS
        (first, *_) = prioritise(sources, "abcdef", constraints)
        assert first.video_type.is_screen or first.name not in result.layers or len(sources) > 1
    for name in result.layers:
        assert result.effective_heights[name] != 0
    if constraints.last_n >= 0:
        assert len(result.layers) <= constraints.last_n


@given(_cases())
def test_a_camera_on_stage_is_never_starved_by_others(
    case: tuple[list[VideoSource], Constraints, int],
) -> None:
    sources, _, budget = case
    own = [s for s in sources if s.video_type is VideoType.CAMERA]
    if not own:
        return
    name = own[0].name
    constraints = Constraints(on_stage=(name,), default_height=720)
    alone = allocate([own[0]], "abcdef", constraints, budget).layers.get(name)
    among = allocate(sources, "abcdef", constraints, budget).layers.get(name)

    if alone is not None and 0 < alone.height <= 360:
        assert among is not None
        assert among.height >= min(alone.height, 360)
