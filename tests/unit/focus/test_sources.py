"""The rules for sources, and what receivers are told of them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.errors import PeerError
from tertulia.focus.sources import (
    ConferenceSources,
    SourceLimitReached,
    SourceLimits,
    SourceRefused,
    difference,
    for_bridge,
    merge,
    strip_simulcast,
    subtract,
)
from tertulia.xmpp.jingle_rtp import EndpointSources, Media, Semantics, Source, SsrcGroup

FID, SIM = Semantics.FID, Semantics.SIM


def camera(owner: str, first: int = 21) -> EndpointSources:
    """Three encodings, each with retransmissions, as a browser signals them."""
    ssrcs = range(first, first + 6)
    layers, repairs = tuple(ssrcs[:3]), tuple(ssrcs[3:])
    return EndpointSources(
        video=tuple(
            Source(ssrc=s, name=f"{owner}-v0", msid=f"{owner}-video t", video_type="camera")
            for s in ssrcs
        ),
        video_groups=(
            SsrcGroup(SIM, layers),
            *(SsrcGroup(FID, pair) for pair in zip(layers, repairs, strict=True)),
        ),
    )


def one(ssrc: int, name: str, msid: str = "") -> EndpointSources:
    return EndpointSources(audio=(Source(ssrc=ssrc, name=name, msid=msid or f"m{ssrc} t"),))


def test_receivers_hear_of_the_first_encoding_and_its_repair_only() -> None:
    stripped = strip_simulcast(camera("a"))

    assert [s.ssrc for s in stripped.video] == [21, 24]
    assert stripped.video_groups == (SsrcGroup(FID, (21, 24)),)


def test_receivers_hear_of_media_before_its_repair() -> None:
    # Stock clients list SSRCs by number; browsers take a track's first one for its media.
    by_number = EndpointSources(
        video=tuple(Source(ssrc=s, name="a-v1", msid="a-video-1 t") for s in (7, 9)),
        video_groups=(SsrcGroup(FID, (9, 7)),),
    )
    sources = ConferenceSources()
    sources.add("a", by_number)

    assert [s.ssrc for s in sources.told_to("b")["a"].video] == [9, 7]


def test_nobody_is_told_of_its_own_sources() -> None:
    sources = ConferenceSources()
    sources.add("a", camera("a"))
    sources.add("b", one(5, "b-a0"))

    assert set(sources.told_to("a")) == {"b"}


def test_the_bridge_learns_all_encodings_by_name() -> None:
    (source,) = for_bridge(camera("a"))

    assert (source.id, source.type) == ("a-v0", Media.VIDEO)
    assert len(source.sources) == 6
    assert len(source.groups) == 4


@pytest.mark.parametrize(
    "added",
    [
        one(5, "victim-a0"),
        one(5, "b-v0"),
        one(5, "b-a0x"),
        one(5, "x-b-a0"),
        one(5, "b-a0", "mixedmslabel t"),
        one(5, "b-a0", "default"),
        one(7, "b-a0"),
        one(5, "b-a0", "taken t"),
        one(901, "b-a0"),
        EndpointSources(audio=(Source(ssrc=5, name="b-a0"), Source(ssrc=5, name="b-a1"))),
        EndpointSources(
            audio=(
                Source(ssrc=5, name="b-a0", msid="m t"),
                Source(ssrc=6, name="b-a1", msid="m t"),
            )
        ),
    ],
    ids=[
        "another's name",
        "the wrong kind",
        "no source name",
        "a name around one's own",
        "the bridge's msid",
        "a reserved msid",
        "another's SSRC",
        "another's msid",
        "the bridge's SSRC",
        "an SSRC twice",
        "an msid twice",
    ],
)
def test_a_source_that_is_not_ones_own_is_refused(added: EndpointSources) -> None:
    sources = ConferenceSources()
    sources.reserve([901])
    sources.add("victim", one(7, "victim-a0", "taken t"))

    with pytest.raises(SourceRefused):
        sources.add("b", added)
    assert sources.of("b") == EndpointSources()


@pytest.mark.parametrize(
    "group",
    [SsrcGroup(FID, (21,)), SsrcGroup(FID, (21, 24, 25)), SsrcGroup(FID, (21, 99)),
     SsrcGroup(SIM, (21, 21))],
)  # fmt: skip
def test_a_group_has_to_hold_its_sources(group: SsrcGroup) -> None:
    plain = EndpointSources(video=camera("a").video, video_groups=(group,))

    with pytest.raises(SourceRefused):
        ConferenceSources().add("a", plain)


def test_adding_ones_own_source_twice_is_refused() -> None:
    sources = ConferenceSources()
    sources.add("a", one(5, "a-a0"))

    with pytest.raises(SourceRefused):
        sources.add("a", one(5, "a-a0"))


def test_a_claimed_owner_is_not_believed() -> None:
    sources = ConferenceSources()
    source = Source(ssrc=5, name="a-a0", msid="m t", owner="victim")

    sources.add("a", EndpointSources(audio=(source,)))

    assert sources.of("a").audio[0].owner == ""


def test_twenty_one_ssrcs_are_too_many() -> None:
    many = EndpointSources(
        audio=tuple(Source(ssrc=n, name=f"a-a{n}", msid=f"m{n} t") for n in range(1, 22))
    )

    with pytest.raises(SourceLimitReached):
        ConferenceSources().add("a", many)


def test_the_sources_of_all_have_a_limit_too() -> None:
    sources = ConferenceSources(SourceLimits(max_sources=3))
    sources.add("a", camera("a"))  # six SSRCs, one source
    sources.add("b", one(1, "b-a0"))
    sources.add("c", one(2, "c-a0"))

    with pytest.raises(SourceLimitReached, match="max_sources is reached: 3"):
        sources.add("d", one(3, "d-a0"))

    sources.forget("b")
    sources.add("d", one(3, "d-a0"))


def test_groups_vanish_with_their_sources() -> None:
    sources = ConferenceSources()
    sources.add("a", camera("a"))

    sources.remove("a", EndpointSources(video=(Source(ssrc=26), Source(ssrc=23))))

    assert sources.of("a").video_groups == (SsrcGroup(FID, (21, 24)), SsrcGroup(FID, (22, 25)))


def test_only_ones_own_sources_can_be_removed() -> None:
    sources = ConferenceSources()
    sources.add("victim", one(7, "victim-a0"))

    with pytest.raises(SourceRefused):
        sources.remove("b", one(7, "victim-a0"))
    assert sources.of("victim")


def test_what_was_added_and_removed_between_two_calls_cancels_out() -> None:
    told = {"a": one(1, "a-a0")}

    assert difference(told, dict(told)) == ({}, {})
    assert difference(told, {"b": one(2, "b-a0")}) == (told, {"b": one(2, "b-a0")})


_SSRC = st.integers(1, 12)
_NAME = st.sampled_from(["a-a0", "a-v0", "a-v1", "b-a0", "", "a-a0.it"])
_SOURCES = st.builds(
    Source, ssrc=_SSRC, name=_NAME, msid=st.sampled_from(["", "m t", "n t", "default"])
)
_GROUPS = st.builds(
    SsrcGroup, st.sampled_from(list(Semantics)), st.lists(_SSRC, max_size=3).map(tuple)
)
_ENDPOINT = st.builds(
    EndpointSources,
    video=st.lists(_SOURCES, max_size=4).map(tuple),
    video_groups=st.lists(_GROUPS, max_size=3).map(tuple),
    audio=st.lists(_SOURCES, max_size=3).map(tuple),
    audio_groups=st.lists(_GROUPS, max_size=1).map(tuple),
)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), _ENDPOINT), max_size=6))
def test_no_sequence_of_changes_breaks_uniqueness(
    changes: list[tuple[str, bool, EndpointSources]],
) -> None:
    sources = ConferenceSources()
    told: dict[str, EndpointSources] = {}
    for owner, adds, change in changes:
        with contextlib.suppress(PeerError):
            (sources.add if adds else sources.remove)(owner, change)
        removed, added = difference(told, sources.told_to("c"))
        for other in {*removed, *added}:
            old = told.get(other, EndpointSources())
            rest = subtract(old, removed.get(other, EndpointSources()))
            told[other] = merge(rest, added.get(other, EndpointSources()))
        ssrcs = [s.ssrc for e in sources.owners().values() for s in (*e.audio, *e.video)]
        assert len(ssrcs) == len(set(ssrcs))
    # Whoever follows the differences knows what is there.
    known = {s for e in told.values() for s in (*e.audio, *e.video)}
    assert known == {s for e in sources.told_to("c").values() for s in (*e.audio, *e.video)}
