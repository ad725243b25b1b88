"""One conference on the bridge: endpoints, their channels, who speaks, who is gone."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.bridge.stage import CAMERA_LAYERS, Stage, sources

from tertulia.bridge.downlink import PathReport
from tertulia.bridge.errors import MalformedChannelMessage, TooMuchRelayed
from tertulia.xmpp.colibri2 import BadRequest, MediaSource
from tertulia.xmpp.jingle_ice import Candidate, Fingerprint, IceUdpTransport
from tertulia.xmpp.jingle_rtp import Media, Source


def test_the_engine_learns_encodings_in_order_with_their_repairs() -> None:
    stage = Stage("ana")

    _, video = stage.media.sources[stage.endpoint("ana").handle]

    assert video.encodings == ((101, 104), (102, 105), (103, 106))


def test_a_new_channel_is_told_all_in_order() -> None:
    stage = Stage("ana", "bea", "cyd")
    stage.conference.heard(stage.handle("bea", "bea-a0"), bytes([10] * 50), stage.now)
    stage.passes(0.4)
    stage.conference.check_activity({stage.endpoint("cyd").handle: 9.0}, stage.now)

    wire = stage.connects("ana")

    assert [message["colibriClass"] for message in wire.sent[:5]] == [
        "ServerHello",
        "SenderSourceConstraints",
        "ForwardedSources",
        "DominantSpeakerEndpointChangeEvent",
        "EndpointConnectivityStatusChangeEvent",
    ]


def test_who_sends_again_after_a_while_is_told_again_what_is_wanted_of_it() -> None:
    """Two stock clients that come back from a path of their own have forgotten it."""
    stage = Stage("ana", "bea")
    stage.says("bea", "ReceiverVideoConstraints", defaultConstraints={"maxHeight": 720})

    def told_after(silence_s: float) -> int:
        before = len(stage.wires["ana"].of("SenderSourceConstraints"))
        stage.now += silence_s
        stage.conference.heard(stage.handle("ana", "ana-a0"), bytes([127]), stage.now)
        return len(stage.wires["ana"].of("SenderSourceConstraints")) - before

    assert [told_after(seconds) for seconds in (0.1, 0.5, 1.5, 0.1)] == [0, 0, 1, 0]
    assert stage.wires["ana"].of("SenderSourceConstraints")[-1]["maxHeight"] == 720


def test_a_second_channel_replaces_the_first() -> None:
    stage = Stage("ana")
    first = stage.wires["ana"]

    stage.connects("ana")
    stage.conference.channel_closed(stage.endpoint("ana"), first)

    assert first.closed == (1000, "replaced")
    assert stage.endpoint("ana").channel is stage.wires["ana"]


def test_messages_reach_one_or_all_others_with_their_true_sender() -> None:
    stage = Stage("ana", "bea", "cyd")

    stage.says("ana", "EndpointMessage", to="bea", msgPayload={"n": 1})
    stage.says("ana", "EndpointMessage", to="", msgPayload={"n": 2}, **{"from": "cyd"})
    stage.says("ana", "EndpointStats", jvbRTT=None)

    def seen(who: str) -> list[tuple[str, Any]]:
        return [
            (message["from"], message.get("msgPayload", {}).get("n"))
            for message in stage.wires[who].sent
            if message["colibriClass"] in ("EndpointMessage", "EndpointStats")
        ]

    assert seen("bea") == [("ana", 1), ("ana", 2), ("ana", None)]
    assert seen("cyd") == [("ana", 2), ("ana", None)]
    assert seen("ana") == []


def test_who_tells_others_too_much_is_not_heard_until_that_has_worn_off() -> None:
    stage = Stage("ana", "bea")
    large = "x" * 60_000
    limits = stage.conference.limits

    with pytest.raises(TooMuchRelayed, match="relayed_bytes_per_s"):
        for _ in range(limits.relayed_bytes_burst // len(large) + 1):
            stage.says("ana", "EndpointMessage", to="", msg=large)
    with pytest.raises(TooMuchRelayed):
        stage.says("ana", "EndpointStats", jvbRTT=None)
    stage.says("bea", "EndpointMessage", to="", msg=large)

    assert len(stage.wires["bea"].of("EndpointMessage")) == 8
    stage.now += 10
    stage.says("ana", "EndpointMessage", to="", msg=large)
    assert len(stage.wires["bea"].of("EndpointMessage")) == 9


def test_who_speaks_is_announced_to_all_and_first_in_order() -> None:
    stage = Stage("ana", "bea", "cyd")
    for step in range(30):
        stage.conference.heard(stage.handle("ana", "ana-a0"), bytes([97] * 5), stage.now)
        level = 20 if step > 5 else 97
        stage.conference.heard(stage.handle("cyd", "cyd-a0"), bytes([level] * 5), stage.now)
        stage.passes(0.1)

    told = stage.wires["bea"].of("DominantSpeakerEndpointChangeEvent")[-1]

    assert (told["dominantSpeakerEndpoint"], told["previousSpeakers"]) == ("cyd", ["ana"])
    stage.says("bea", "ReceiverVideoConstraints", lastN=1)
    wanted = {source for source, *_ in stage.received_by("bea")}
    assert stage.handle("cyd", "cyd-v0") in wanted
    assert stage.handle("ana", "ana-v0") not in wanted


def test_who_falls_silent_for_8_seconds_is_inactive_until_it_is_back() -> None:
    stage = Stage("ana", "bea")
    handle = stage.endpoint("bea").handle

    for idle in (7.9, 8.1, 8.6, 0.1):
        stage.conference.check_activity({handle: idle}, stage.now)

    told = stage.wires["ana"].of("EndpointConnectivityStatusChangeEvent")
    assert [(m["endpoint"], m["active"]) for m in told] == [("bea", "false"), ("bea", "true")]


def test_who_failed_is_inactive_until_it_is_invited_again() -> None:
    stage = Stage("ana", "bea")

    stage.conference.failed(stage.endpoint("bea").handle, stage.now)
    stage.joins("bea", 900)

    told = stage.wires["ana"].of("EndpointConnectivityStatusChangeEvent")
    assert [(m["endpoint"], m["active"]) for m in told] == [("bea", "false"), ("bea", "true")]


def test_who_never_sent_anything_is_inactive_after_15_seconds() -> None:
    stage = Stage("ana", "bea")

    stage.conference.check_activity({}, stage.now + 14.9)
    assert stage.endpoint("bea").is_active
    stage.conference.check_activity({}, stage.now + 15.1)
    assert not stage.endpoint("bea").is_active


def test_an_estimate_is_told_every_ten_seconds() -> None:
    stage = Stage("ana", "bea")
    stage.estimates("ana", 3_000_000)

    stage.passes(10.5)

    assert [m["estimatedDownlinkBandwidth"] for m in stage.wires["ana"].of("ConnectionStats")] == [
        3_000_000
    ]
    assert stage.wires["bea"].of("ConnectionStats") == []


def test_unchanged_sources_keep_their_handles() -> None:
    stage = Stage("ana")
    voice, camera = stage.handle("ana", "ana-a0"), stage.handle("ana", "ana-v0")
    screen = MediaSource(id="ana-v1", type=Media.VIDEO, sources=(Source(ssrc=999),))

    everything = (*sources("ana", 100), screen)
    stage.conference.set_sources(stage.endpoint("ana"), everything, stage.now)

    assert (stage.handle("ana", "ana-a0"), stage.handle("ana", "ana-v0")) == (voice, camera)


def test_the_ssrc_of_another_endpoint_is_refused() -> None:
    stage = Stage("ana", "bea")

    with pytest.raises(BadRequest):
        stage.conference.check_sources("bea", sources("bea", 100))


def test_the_transport_may_come_in_parts() -> None:
    stage = Stage("ana")
    ana = stage.endpoint("ana")
    mdns = Candidate(ip="x.local", port=1, priority=1)
    fingerprint = Fingerprint(hash="sha-256", value="12:34", setup="active")

    first = IceUdpTransport(ufrag="u", pwd="p", candidates=(mdns,))
    stage.conference.set_transport(ana, first)
    assert stage.media.remotes == {}
    stage.conference.set_transport(ana, IceUdpTransport(fingerprints=(fingerprint,)))
    stage.conference.set_transport(ana, IceUdpTransport(ufrag="other", pwd="other"))

    assert stage.media.remotes == {ana.handle: ("u", "p", (fingerprint,))}


def test_endless_candidates_are_cut() -> None:
    stage = Stage("ana")
    many = tuple(Candidate(ip="192.0.2.1", port=port, priority=1) for port in range(1, 1000))

    stage.conference.set_transport(stage.endpoint("ana"), IceUdpTransport(candidates=many))

    assert len(stage.media.remote_candidates) == 20


def test_who_leaves_is_forgotten_by_all() -> None:
    stage = Stage("ana", "bea")
    bea = stage.endpoint("bea")
    camera = stage.handle("bea", "bea-v0")

    stage.conference.remove_endpoint("bea", stage.now)

    assert stage.media.removed == [bea.handle]
    assert stage.wires["bea"].closed == (1001, "the endpoint has expired")
    assert stage.received_by("ana") == set()
    stage.conference.heard(camera, b"\x00", stage.now)
    stage.conference.layers_changed(camera, CAMERA_LAYERS, stage.now)
    stage.conference.estimated(bea.handle, 1)


def test_what_a_visitor_says_is_not_passed_on() -> None:
    stage = Stage("ana")
    stage.joins("vis", 500, role="visitor")

    stage.says("vis", "EndpointMessage", to="", msgPayload={})

    assert stage.wires["ana"].of("EndpointMessage") == []


def test_a_message_that_is_none_costs_its_sender_only() -> None:
    stage = Stage("ana", "bea")

    with pytest.raises(MalformedChannelMessage):
        stage.conference.received(stage.endpoint("ana"), "{", stage.now)
    stage.says("bea", "ClientHello")
    assert len(stage.wires["bea"].of("ServerHello")) == 2


# -- the dominant speaker's keyframe


def test_a_new_speakers_keyframe_is_asked_for_when_the_farthest_receiver_follows() -> None:
    stage = Stage("ana", "bea", "cyd")
    stage.says("ana", "ReceiverVideoConstraints", onStageSources=["cyd-v0"])
    rtts = {"ana": 250.0, "bea": 20.0, "cyd": 50.0}
    reports = {stage.endpoint(who).handle: PathReport(ms, 0.0) for who, ms in rtts.items()}
    stage.conference.observe_paths(reports, stage.now)

    stage.conference.heard(stage.handle("cyd", "cyd-a0"), bytes([10] * 50), stage.now)
    stage.passes(0.4)
    announced = len(stage.wires["bea"].of("DominantSpeakerEndpointChangeEvent"))
    stage.conference.settle(stage.now + 0.2)
    too_early = list(stage.media.keyframes)
    stage.conference.settle(stage.now + 0.22)

    assert announced == 1
    assert too_early == []
    assert stage.media.keyframes == [stage.handle("cyd", "cyd-v0")]
    assert stage.conference.counts.keyframes_ahead == 1


def test_a_shared_screen_on_stage_is_no_reason_for_a_speakers_keyframe() -> None:
    stage = Stage("ana", "bea", "cyd")
    stage.says("bea", "SourceVideoTypeMessage", sourceName="bea-v0", videoType="desktop")
    stage.says("ana", "ReceiverVideoConstraints", onStageSources=["bea-v0"])

    stage.conference.heard(stage.handle("cyd", "cyd-a0"), bytes([10] * 50), stage.now)
    stage.passes(1)

    assert stage.media.keyframes == []
    assert stage.conference.counts.keyframes_ahead_spared == 1


# -- life and death (reference bridge 9, point 14)


def test_who_was_killed_is_inactive_within_8_and_a_half_seconds_of_its_last_packet() -> None:
    """The shell looks every half second at how long each has been idle."""
    stage = Stage("ana", "bea")
    handle, told_at = stage.endpoint("bea").handle, 0.0
    for half_seconds in range(40):
        idle = half_seconds / 2 + 0.49
        stage.conference.check_activity({handle: idle}, stage.now + idle)
        if stage.wires["ana"].of("EndpointConnectivityStatusChangeEvent"):
            told_at = idle
            break

    assert 8.0 <= told_at <= 8.5


def test_a_conference_ends_soon_after_its_last_endpoint() -> None:
    stage = Stage("ana")
    stage.conference.remove_endpoint("ana", stage.now)
    unused = Stage()

    assert stage.conference.has_expired(stage.now + 20)
    assert not unused.conference.has_expired(unused.now + 19)
    assert unused.conference.has_expired(unused.now + 20)
