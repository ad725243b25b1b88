"""SSRC rewriting: what its clients are told, before the media come (reference bridge 2.6)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.unit.bridge.stage import CAMERA_LAYERS, Stage, Wire, sources

from tertulia.bridge import rewriting
from tertulia.bridge.media import Wanted
from tertulia.bridge.slots import Slots
from tertulia.xmpp.colibri2 import SSRC_REWRITING, EndpointOrder


def rewrites(stage: Stage, endpoint_id: str, ssrc: int) -> Wire:
    """Let somebody join whose client knows SSRC rewriting."""
    order = EndpointOrder(id=endpoint_id, create=True, capabilities=frozenset({SSRC_REWRITING}))
    endpoint = stage.conference.add_endpoint(order, stage.now, controlling=True)
    stage.conference.set_sources(endpoint, sources(endpoint_id, ssrc), stage.now)
    return stage.connects(endpoint_id)


def known(wire: Wire) -> dict[int, str]:
    """Which source the client believes to be in each stream."""
    return {
        entry["ssrc"]: entry["source"]
        for message in wire.sent
        if message["colibriClass"] in ("VideoSourcesMap", "AudioSourcesMap")
        for entry in message["mappedSources"]
    }


def test_a_client_is_told_what_comes_in_which_stream() -> None:
    stage = Stage("bea")
    stage.says("bea", "SourceVideoTypeMessage", sourceName="bea-v0", videoType="desktop")

    wire = rewrites(stage, "ana", 900)

    (video,) = wire.of("VideoSourcesMap")[-1]["mappedSources"]
    (audio,) = wire.of("AudioSourcesMap")[-1]["mappedSources"]
    assert (video["source"], video["owner"], video["videoType"]) == ("bea-v0", "bea", "DESKTOP")
    assert audio["source"] == "bea-a0"
    assert stage.received_by("ana") == {
        (stage.handle("bea", "bea-a0"), 0, 7, 7, (audio["ssrc"], None)),
        (stage.handle("bea", "bea-v0"), 0, 7, 7, (video["ssrc"], video["rtx"])),
    }
    # Others get the streams of the senders.
    assert all(len(each) == 4 for each in stage.received_by("bea"))


def test_each_map_comes_before_the_media_of_a_new_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve people on ten slots, and everybody becomes the speaker once."""
    monkeypatch.setattr(rewriting, "SLOTS", 10)
    stage = Stage(*(f"p{n}" for n in range(12)))
    wire = rewrites(stage, "ana", 9000)
    ana = stage.endpoint("ana")
    names = {
        stage.handle(f"p{n}", f"p{n}-{kind}0"): f"p{n}-{kind}0" for n in range(12) for kind in "av"
    }
    give = stage.media.forward
    moved: set[str] = set()

    def forward(handle: int, wanted: Sequence[Wanted]) -> None:
        if handle == ana.handle:
            streams = known(wire)
            for each in wanted:
                assert len(each) == 5
                assert streams[each[4][0]] == names[each[0]]
                moved.add(names[each[0]])
        give(handle, wanted)

    monkeypatch.setattr(stage.media, "forward", forward)
    for n in range(12):
        stage.says("ana", "ReceiverVideoConstraints", lastN=3, selectedSources=[f"p{n}-v0"])
        stage.sends(f"p{n}", CAMERA_LAYERS)

    assert {f"p{n}-v0" for n in range(12)} <= moved
    assert len({stream for stream, name in known(wire).items() if "-v" in name}) == 10


def test_only_what_changed_is_told_and_everything_to_a_new_channel() -> None:
    stage = Stage("bea", "cyd")
    wire = rewrites(stage, "ana", 900)
    before = len(wire.of("VideoSourcesMap"))

    stage.says("bea", "SourceVideoTypeMessage", sourceName="bea-v0", videoType="desktop")

    (news,) = wire.of("VideoSourcesMap")[before:]
    assert [entry["source"] for entry in news["mappedSources"]] == ["bea-v0"]
    again = stage.connects("ana")
    assert [message["colibriClass"] for message in again.sent[:5]] == [
        "ServerHello",
        "SenderSourceConstraints",
        "ForwardedSources",
        "VideoSourcesMap",
        "AudioSourcesMap",
    ]
    assert {e["source"] for e in again.of("VideoSourcesMap")[0]["mappedSources"]} == {
        "bea-v0",
        "cyd-v0",
    }


def test_nobody_gets_more_videos_than_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(*(f"p{n}" for n in range(6)))
    rewrites(stage, "ana", 9000)
    monkeypatch.setattr("tertulia.bridge.forwarding.SLOTS", 4)
    stage.endpoint("ana").rewriting = rewriting.Rewriting(video=Slots(4, with_rtx=True))

    stage.says("ana", "ReceiverVideoConstraints", lastN=-1)

    assert len(stage.endpoint("ana").forwarded) == 4


def test_a_new_voice_is_heard_at_once_though_every_slot_is_taken() -> None:
    """Sixty microphones; one that nobody has heard before sends sound."""
    stage = Stage(*(f"p{n}" for n in range(60)))
    wire = rewrites(stage, "ana", 9000)
    mapped = {name for name in known(wire).values() if name.endswith("-a0")}
    late = next(f"p{n}" for n in range(60) if f"p{n}-a0" not in mapped)

    stage.conference.heard(stage.handle(late, f"{late}-a0"), bytes([30] * 5), stage.now)
    stage.conference.settle(stage.now)

    streams = {name: ssrc for ssrc, name in known(wire).items()}
    order = (stage.handle(late, f"{late}-a0"), 0, 7, 7, (streams[f"{late}-a0"], None))
    assert order in stage.received_by("ana")
    stage.passes(6.0)  # a pause is no reason to move anything
    assert order in stage.received_by("ana")


def test_what_comes_in_a_stream_that_was_used_before_is_said_twice() -> None:
    """A client that is just making its track for the stream would not take it the first time."""
    stage = Stage("bea", "cyd")
    wire = rewrites(stage, "ana", 900)
    stage.conference.remove_endpoint("bea", stage.now)
    before = len(wire.sent)
    stage.joins("dan", 500)
    stage.passes(12)

    told = [
        entry["source"]
        for message in wire.sent[before:]
        if message["colibriClass"] in ("VideoSourcesMap", "AudioSourcesMap")
        for entry in message["mappedSources"]
    ]
    assert sorted(told) == ["dan-a0", "dan-a0", "dan-v0", "dan-v0"]
