"""Voices are paid for before pictures are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.bridge.stage import CAMERA_LAYERS, Stage

from tertulia.bridge.voices import KEPT_S, SILENCE, VOICE_BPS, VOICE_WITH_RED_BPS, Voices
from tertulia.xmpp.colibri2 import MediaOffer
from tertulia.xmpp.jingle_rtp import Media, PayloadType

TALK = bytes([40] * 5)


def test_a_voice_counts_from_its_first_sound_until_it_was_silent_for_long() -> None:
    voices = Voices()

    assert not voices.heard(1, bytes([SILENCE] * 5), 0.0)
    assert voices.heard(1, bytes([SILENCE, 90]), 0.0)
    assert not voices.heard(1, TALK, 1.0)
    assert not voices.expire(1.0 + KEPT_S)
    assert voices.active == {1}
    assert voices.expire(1.1 + KEPT_S)
    assert voices.active == frozenset()


def talks(stage: Stage, *ids: str) -> None:
    for each in ids:
        stage.conference.heard(stage.handle(each, f"{each}-a0"), TALK, stage.now)
    stage.conference.settle(stage.now)


def test_a_picture_makes_room_for_a_voice_and_returns_after_it() -> None:
    stage = Stage("ana", "bea")
    stage.sends("bea", CAMERA_LAYERS)
    stage.estimates("ana", 200_000 + VOICE_BPS - 1)
    assert "bea-v0" in stage.endpoint("ana").forwarded

    talks(stage, "bea")
    assert stage.endpoint("ana").forwarded == frozenset()

    stage.passes(KEPT_S + 3)
    assert "bea-v0" in stage.endpoint("ana").forwarded


def test_ones_own_voice_and_voices_left_out_cost_nothing() -> None:
    stage = Stage("ana", "bea", "cyd")
    stage.says("ana", "ReceiverAudioSubscription", all=True, exclude=["cyd-a0"])
    stage.says("ana", "ReceiverVideoConstraints", lastN=-1, defaultConstraints={"maxHeight": 720})
    stage.sends("bea", CAMERA_LAYERS)  # more than the estimate: each change of the budget counts
    stage.estimates("ana", 1_000_000)

    talks(stage, "ana", "cyd")
    assert stage.endpoint("ana").budget_bps == 1_000_000

    talks(stage, "bea")
    assert stage.endpoint("ana").budget_bps == 1_000_000 - VOICE_BPS


def test_a_voice_with_redundancy_takes_more_of_the_estimate() -> None:
    stage = Stage("ana", "bea")
    red = PayloadType(id=112, name="red", clockrate=48000, channels=2)
    stage.endpoint("ana").offers = (MediaOffer(type=Media.AUDIO, payload_types=(red,)),)
    stage.sends("bea", CAMERA_LAYERS)
    stage.estimates("ana", 200_000 + VOICE_BPS)  # enough for a voice and a small picture
    assert "bea-v0" in stage.endpoint("ana").forwarded
    talks(stage, "bea")

    assert stage.endpoint("ana").forwarded == frozenset()
    assert stage.endpoint("ana").budget_bps == 200_000 + VOICE_BPS - VOICE_WITH_RED_BPS


@given(
    estimate=st.integers(0, 4_000_000),
    loss=st.sampled_from([0.0, 0.1, 0.3, 1.0]),
    talking=st.sets(st.sampled_from(["bea", "cyd", "dan"])),
    height=st.sampled_from([-1, 180, 360, 720]),
)
def test_what_is_forwarded_with_the_voices_stays_within_the_estimate(
    estimate: int, loss: float, talking: set[str], height: int
) -> None:
    stage = Stage("ana", "bea", "cyd", "dan")
    for each in ("bea", "cyd", "dan"):
        stage.sends(each, CAMERA_LAYERS)
    constraints = {"maxHeight": height}
    stage.says("ana", "ReceiverVideoConstraints", lastN=-1, defaultConstraints=constraints)
    stage.estimates("ana", estimate)
    stage.loses("ana", loss)
    talks(stage, *talking)

    target = stage.endpoint("ana").allocation.target_bps
    voices = len(talking) * VOICE_BPS
    assert target == 0 or target + voices <= estimate
