"""Who receives what in a conference, and what receivers and senders are told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.bridge.stage import CAMERA_LAYERS, Stage

from tertulia.bridge.conference_limits import ConferenceLimits
from tertulia.bridge.speech import SpeechPolicy
from tertulia.bridge.video import ALL
from tertulia.xmpp.colibri2 import EndpointOrder


def test_everybody_hears_everybody_else() -> None:
    stage = Stage("ana", "bea", "cyd")

    heard = {source for source, *_ in stage.received_by("ana")}

    voices = {stage.handle("bea", "bea-a0"), stage.handle("cyd", "cyd-a0")}
    assert voices <= heard
    assert stage.handle("ana", "ana-a0") not in heard


def test_constraints_choose_the_encoding() -> None:
    stage = Stage("ana", "bea")
    camera = stage.handle("bea", "bea-v0")
    stage.sends("bea", CAMERA_LAYERS)
    assert (camera, 0, ALL, ALL) in stage.received_by("ana")

    stage.says("ana", "ReceiverVideoConstraints", constraints={"bea-v0": {"maxHeight": 720}})

    assert (camera, 2, ALL, ALL) in stage.received_by("ana")


def test_the_sender_is_told_the_most_that_anybody_wants() -> None:
    stage = Stage("ana", "bea", "cyd")
    for who, height in (("ana", 360), ("cyd", 720)):
        constraints = {"bea-v0": {"maxHeight": height}}
        stage.says(who, "ReceiverVideoConstraints", constraints=constraints)
    told = stage.wires["bea"].of("SenderSourceConstraints")
    assert told[-1] == {
        "colibriClass": "SenderSourceConstraints",
        "sourceName": "bea-v0",
        "maxHeight": 720,
    }

    stage.conference.remove_endpoint("cyd", stage.now)
    assert stage.wires["bea"].of("SenderSourceConstraints")[-1]["maxHeight"] == 360

    stage.says("ana", "ReceiverVideoConstraints", lastN=0)
    assert stage.wires["bea"].of("SenderSourceConstraints")[-1]["maxHeight"] == 0
    stage.says("ana", "ReceiverVideoConstraints", lastN=-1)
    assert stage.wires["bea"].of("SenderSourceConstraints")[-1]["maxHeight"] == 360


def test_three_viewers_of_180_360_and_720_lines_make_the_sender_send_720() -> None:
    stage = Stage("ana", "bea", "cyd", "dan")

    def told() -> int:
        height: int = stage.wires["bea"].of("SenderSourceConstraints")[-1]["maxHeight"]
        return height

    for who, height in (("ana", 180), ("cyd", 360), ("dan", 720)):
        stage.says(who, "ReceiverVideoConstraints", constraints={"bea-v0": {"maxHeight": height}})
    assert told() == 720

    stage.conference.remove_endpoint("dan", stage.now)
    assert told() == 360
    for who in ("ana", "cyd"):
        stage.says(who, "ReceiverVideoConstraints", lastN=0)
    assert told() == 0
    stage.says("ana", "ReceiverVideoConstraints", lastN=1, selectedSources=["bea-v0"])
    assert told() == 180


def test_receivers_are_told_the_whole_set_when_it_changes() -> None:
    stage = Stage("ana", "bea", "cyd")

    stage.says("ana", "ReceiverVideoConstraints", lastN=1, selectedSources=["cyd-v0"])

    sets = [set(m["forwardedSources"]) for m in stage.wires["ana"].of("ForwardedSources")]
    assert sets[-2:] == [{"bea-v0", "cyd-v0"}, {"cyd-v0"}]


def test_a_muted_camera_is_not_forwarded() -> None:
    stage = Stage("ana", "bea")

    stage.says("bea", "SourceVideoTypeMessage", sourceName="bea-v0", videoType="none")

    assert {s for s, *_ in stage.received_by("ana")} == {stage.handle("bea", "bea-a0")}


def test_nobody_can_mute_the_camera_of_another() -> None:
    stage = Stage("ana", "bea", "cyd")

    stage.says("cyd", "SourceVideoTypeMessage", sourceName="bea-v0", videoType="none")

    assert stage.handle("bea", "bea-v0") in {s for s, *_ in stage.received_by("ana")}


@pytest.mark.parametrize(("bps", "acts"), [(860_000, False), (840_000, True), (1_160_000, True)])
def test_an_estimate_counts_when_it_moves_by_more_than_15_percent(bps: int, acts: bool) -> None:
    stage = Stage("ana", "bea")
    ana = stage.endpoint("ana")
    stage.estimates("ana", 1_000_000)

    stage.estimates("ana", bps)

    assert (ana.acted_on_bps == bps) is acts


def test_a_low_estimate_suspends_what_does_not_fit() -> None:
    stage = Stage("ana", "bea")
    stage.sends("bea", CAMERA_LAYERS)
    stage.passes(0.1)

    stage.estimates("ana", 100_000)

    assert stage.wires["ana"].of("ForwardedSources")[-1]["forwardedSources"] == []


def test_an_audio_subscription_leaves_out_what_is_not_wanted() -> None:
    stage = Stage("ana", "bea", "cyd")

    stage.says("ana", "ReceiverAudioSubscription", all=True, exclude=["bea-a0"])

    heard = {source for source, *_ in stage.received_by("ana")}
    assert stage.handle("bea", "bea-a0") not in heard
    assert stage.handle("cyd", "cyd-a0") in heard


def test_what_has_to_be_sent_again_is_acted_on_at_once() -> None:
    stage = Stage("ana", "bea")
    ana = stage.endpoint("ana")
    stage.sends("bea", CAMERA_LAYERS)
    stage.estimates("ana", 220_000)
    stage.passes(0.1)
    assert "bea-v0" in ana.forwarded

    stage.loses("ana", 0.8)

    assert ana.forwarded == frozenset()


# -- reasons


def test_a_receiver_is_told_why_it_gets_less_and_when_that_is_over() -> None:
    stage = Stage("ana", "bea", "cyd")
    for sender in ("bea", "cyd"):
        stage.sends(sender, CAMERA_LAYERS)
    stage.says("ana", "ReceiverVideoConstraints", lastN=1, defaultConstraints={"maxHeight": 720})
    assert stage.reasons_of("ana") == {"cyd-v0": "not-in-last-n"}

    stage.estimates("ana", 600_000)
    assert stage.reasons_of("ana") == {"bea-v0": "your-downlink", "cyd-v0": "not-in-last-n"}

    stage.says("cyd", "SourceVideoTypeMessage", sourceName="cyd-v0", videoType="none")
    assert stage.reasons_of("ana") == {"bea-v0": "your-downlink", "cyd-v0": "muted"}

    stage.estimates("ana", 3_000_000)
    stage.passes(5)
    assert stage.reasons_of("ana") == {"cyd-v0": "muted"}
    news = stage.wires["ana"].of("SourceReasons")[-1]
    assert news == {"colibriClass": "SourceReasons", "sources": {"bea-v0": None}}


def test_a_new_channel_learns_all_reasons() -> None:
    stage = Stage("ana", "bea", "cyd")
    stage.says("ana", "ReceiverVideoConstraints", lastN=0)

    wire = stage.connects("ana")

    (told,) = wire.of("SourceReasons")
    assert told["sources"] == {"bea-v0": "not-in-last-n", "cyd-v0": "not-in-last-n"}


def test_a_sender_that_sends_less_than_it_was_asked_for_has_a_weak_uplink() -> None:
    stage = Stage("ana", "bea", "cyd")
    for who in ("ana", "cyd"):
        stage.says(who, "ReceiverVideoConstraints", defaultConstraints={"maxHeight": 720})
    for _ in range(5):  # encodings come one after the other: that is no shortage yet
        stage.sends("bea", CAMERA_LAYERS[:1])
        stage.passes(1)
    assert stage.reasons_of("ana") == {}

    for _ in range(3):
        stage.sends("bea", CAMERA_LAYERS[:1])
        stage.passes(1)
    assert stage.reasons_of("ana") == {"bea-v0": "their-uplink"}

    stage.sends("bea", CAMERA_LAYERS)
    assert stage.reasons_of("ana") == {}


def test_a_sender_that_was_asked_for_less_is_not_weak() -> None:
    stage = Stage("ana", "bea")
    for _ in range(10):
        stage.sends("bea", CAMERA_LAYERS[:1])
        stage.passes(1)

    stage.says("ana", "ReceiverVideoConstraints", defaultConstraints={"maxHeight": 720})

    assert stage.reasons_of("ana") == {}


def test_a_camera_that_a_moderator_switched_off_is_muted_and_takes_no_place() -> None:
    stage = Stage("ana", "bea", "cyd")
    stage.says("ana", "ReceiverVideoConstraints", lastN=1)

    stage.conference.set_muted(stage.endpoint("bea"), audio=False, video=True)
    stage.passes(0.1)

    assert stage.media.muted == {stage.endpoint("bea").handle: (False, True)}
    assert stage.reasons_of("ana") == {"bea-v0": "muted"}
    assert stage.wires["ana"].of("ForwardedSources")[-1]["forwardedSources"] == ["cyd-v0"]
    assert stage.wires["bea"].of("SenderSourceConstraints")[-1]["maxHeight"] == 0


def test_what_the_bridge_sheds_has_its_own_reason() -> None:
    stage = Stage("ana", "bea", "cyd")

    stage.conference.forward_at_most(1, stage.now)

    assert stage.reasons_of("ana") == {"cyd-v0": "bridge-busy"}
    stage.conference.forward_at_most(-1, stage.now)
    assert stage.reasons_of("ana") == {}


# -- what senders are told (reference bridge 9, point 8)


def test_what_nobody_watches_is_not_sent() -> None:
    stage = Stage("ana", "bea", "cyd", "dot")
    for who, height in (("ana", 180), ("cyd", 360), ("dot", 720)):
        stage.says(who, "ReceiverVideoConstraints", constraints={"bea-v0": {"maxHeight": height}})

    def told() -> list[int]:
        return [
            message["maxHeight"]
            for message in stage.wires["bea"].of("SenderSourceConstraints")
            if message["sourceName"] == "bea-v0"
        ]

    assert told()[-1] == 720
    stage.conference.remove_endpoint("dot", stage.now)
    assert told()[-1] == 360
    for who in ("ana", "cyd"):
        stage.says(who, "ReceiverVideoConstraints", constraints={"bea-v0": {"maxHeight": 0}})
    assert told()[-1] == 0
    before = len(told())
    stage.says("cyd", "ReceiverVideoConstraints", constraints={"bea-v0": {"maxHeight": 360}})
    assert told()[before:] == [360]
    stage.says("cyd", "ReceiverVideoConstraints", constraints={"bea-v0": {"maxHeight": 360}})
    assert told()[before:] == [360]  # on change only

    assert stage.connects("bea").of("SenderSourceConstraints")[0]["maxHeight"] == 360


# -- large rooms


def test_in_a_large_room_what_concerns_everybody_is_decided_once_for_a_burst() -> None:
    stage = Stage(*(f"p{n}" for n in range(30)))
    stage.passes(0.2)
    for endpoint in stage.conference.endpoints.values():
        endpoint.allocated_at = -1.0

    for number in range(5):
        stage.says(f"p{number}", "VideoTypeMessage", videoType="none")
    decided = [each.allocated_at for each in stage.conference.endpoints.values()]
    first = stage.reasons_of("p29")
    stage.passes(0.1)

    assert set(decided) == {stage.now - 0.1}
    assert list(first.values()).count("muted") == 1  # the first at once, the others together
    assert list(stage.reasons_of("p29").values()).count("muted") == 5


def test_the_larger_the_room_the_rarer_is_everything_decided_anew() -> None:
    stage = Stage(*(f"p{n}" for n in range(100)))  # 10,000 pairs
    stage.passes(1.0)
    stage.says("p1", "VideoTypeMessage", videoType="none")
    stage.says("p2", "VideoTypeMessage", videoType="none")

    stage.passes(0.1)
    assert list(stage.reasons_of("p99").values()).count("muted") == 1
    stage.passes(0.2)
    assert list(stage.reasons_of("p99").values()).count("muted") == 2


def test_who_comes_only_to_listen_changes_nothing_for_the_others() -> None:
    stage = Stage("anna", "bert")
    decided_at = stage.endpoint("anna").allocated_at

    stage.now += 1.0
    order = EndpointOrder(id="cleo", create=True)
    cleo = stage.conference.add_endpoint(order, stage.now, controlling=True)
    stage.conference.set_sources(cleo, (), stage.now)

    assert cleo.allocated_at == stage.now
    assert len(cleo.wanted) == 4
    assert stage.endpoint("anna").allocated_at == decided_at


def test_a_receivers_own_wish_never_waits() -> None:
    stage = Stage(*(f"p{n}" for n in range(30)))
    stage.passes(0.2)
    stage.says("p1", "VideoTypeMessage", videoType="none")
    stage.says("p2", "VideoTypeMessage", videoType="none")  # has to wait

    stage.says("p0", "ReceiverVideoConstraints", lastN=0)

    assert stage.wires["p0"].of("ForwardedSources")[-1]["forwardedSources"] == []


def test_statistics_of_a_large_room_go_to_those_who_look() -> None:
    stage = Stage(*(f"p{n}" for n in range(22)))
    for number in range(22):
        stage.says(f"p{number}", "ReceiverVideoConstraints", lastN=0)
    stage.says("p3", "ReceiverVideoConstraints", lastN=1, selectedSources=["p7-v0"])

    stage.says("p7", "EndpointStats", jvbRTT=3)

    heard = [who for who, wire in stage.wires.items() if wire.of("EndpointStats")]
    assert heard == ["p3"]


# -- whose voice is forwarded


def speaks(stage: Stage, endpoint_id: str, level: int) -> None:
    handle = stage.handle(endpoint_id, f"{endpoint_id}-a0")
    stage.conference.heard(handle, bytes([level] * 5), stage.now)


def voices_at(stage: Stage, endpoint_id: str) -> set[str]:
    received = {each[0] for each in stage.received_by(endpoint_id)}
    return {
        other.id
        for other in stage.conference.endpoints.values()
        if any(order.handle in received for order in other.audio.values())
    }


def test_everybodys_voice_is_forwarded_unless_only_the_loudest_shall_be() -> None:
    limits = ConferenceLimits(speech=SpeechPolicy(loudest=2))
    levels = {"ana": 30, "bea": 40, "cyd": 50, "dot": 60}
    for stage in (Stage(*levels), Stage(*levels, limits=limits)):
        for _ in range(10):
            for who, level in levels.items():
                speaks(stage, who, level)
            stage.passes(0.1)
        heard = voices_at(stage, "dot")

        if stage.conference.limits is limits:
            assert heard == {"ana", "bea"}
        else:
            assert heard == {"ana", "bea", "cyd"}


def test_a_voice_that_was_asked_for_by_name_needs_not_be_loud() -> None:
    stage = Stage("ana", "bea", "cyd", limits=ConferenceLimits(speech=SpeechPolicy(loudest=1)))
    stage.says("cyd", "ReceiverAudioSubscription", all=True, include=["bea-a0"])
    for _ in range(10):
        speaks(stage, "ana", 30)
        speaks(stage, "bea", 80)
        stage.passes(0.1)

    assert voices_at(stage, "cyd") == {"ana", "bea"}
    assert voices_at(stage, "bea") == {"ana"}


def test_clients_are_told_when_all_fall_silent_and_when_somebody_speaks_again() -> None:
    stage = Stage("ana", "bea", limits=ConferenceLimits(speech=SpeechPolicy(silence_after_s=3.0)))
    speaks(stage, "ana", 95)  # how quiet her room is
    for level in (20, 127, 20):
        for _ in range(50):
            speaks(stage, "ana", level)
            speaks(stage, "bea", 127)
            stage.passes(0.1)

    told = stage.wires["bea"].of("DominantSpeakerEndpointChangeEvent")
    assert [(m["dominantSpeakerEndpoint"], m["silence"]) for m in told] == [
        ("ana", False),
        ("ana", True),
        ("ana", False),
    ]


def test_who_has_enough_is_decided_for_again_only_when_it_may_not_last() -> None:
    stage = Stage("ana", "bea")
    stage.sends("bea", CAMERA_LAYERS)
    stage.says("ana", "ReceiverVideoConstraints", lastN=-1, defaultConstraints={"maxHeight": 720})
    stage.estimates("ana", 2_000_000)
    decided_at = stage.endpoint("ana").allocated_at

    def costs(part: float) -> None:
        stage.now += 0.1
        stage.sends("bea", tuple(replace(each, bps=int(each.bps * part)) for each in CAMERA_LAYERS))

    costs(1.2)
    stage.estimates("ana", 1_900_000)
    assert stage.endpoint("ana").allocated_at == decided_at, "there is enough"

    costs(1.0)
    costs(1.2)
    assert stage.endpoint("ana").allocated_at == stage.now, "it may have become too little"
    assert stage.endpoint("ana").allocation.layers["bea-v0"].height == 720

    costs(1.4)
    assert stage.endpoint("ana").allocation.layers["bea-v0"].height == 360


def test_the_engine_knows_what_is_needed_of_what_is_left_out() -> None:
    stage = Stage("ana", "bea")
    stage.says("ana", "ReceiverVideoConstraints", lastN=-1, defaultConstraints={"maxHeight": 720})
    stage.estimates("ana", 1_000_000)
    stage.sends("bea", (replace(CAMERA_LAYERS[0], bps=3_000_000, height=720),))
    handle = stage.endpoint("ana").handle

    assert stage.endpoint("ana").forwarded == frozenset()
    assert stage.media.needed[handle] == 3_000_000

    stage.says("ana", "ReceiverVideoConstraints", lastN=0)
    assert stage.media.needed[handle] == 0
