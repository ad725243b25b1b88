"""One conference on the bridge: who gets what, and what they are told."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from tests.unit.bridge.recorder import Recorder

from tertulia.bridge.allocation import ALL, Layer
from tertulia.bridge.conference import Conference, ConferenceLimits
from tertulia.bridge.downlink import PathReport
from tertulia.bridge.endpoint import Endpoint
from tertulia.bridge.errors import MalformedChannelMessage
from tertulia.xmpp.colibri2 import BadRequest, EndpointOrder, MediaSource
from tertulia.xmpp.jingle_ice import Candidate, Fingerprint, IceUdpTransport
from tertulia.xmpp.jingle_rtp import Media, Semantics, Source, SsrcGroup

CAMERA_LAYERS = (
    Layer(0, 0, 0, 200_000, 180, 30.0),
    Layer(1, 0, 0, 500_000, 360, 30.0),
    Layer(2, 0, 0, 1_500_000, 720, 30.0),
)


class Wire:
    """A bridge channel whose messages are kept."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None

    def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def of(self, colibri_class: str) -> list[dict[str, Any]]:
        return [each for each in self.sent if each["colibriClass"] == colibri_class]


class Stage:
    """A conference of endpoints that each send a voice and a simulcast camera."""

    def __init__(self, *ids: str) -> None:
        self.media = Recorder()
        self.now = 100.0
        handles = itertools.count(1)
        self.conference = Conference(
            id="c",
            meeting_id="m",
            name="",
            media=self.media,
            new_handle=lambda: next(handles),
            now=self.now,
            limits=ConferenceLimits(),
        )
        self.wires: dict[str, Wire] = {}
        for number, endpoint_id in enumerate(ids):
            self.joins(endpoint_id, 100 * (number + 1))

    def joins(self, endpoint_id: str, ssrc: int, role: str = "participant") -> Endpoint:
        order = EndpointOrder(id=endpoint_id, create=True, muc_role=role)
        endpoint = self.conference.add_endpoint(order, self.now, controlling=True)
        self.conference.set_sources(endpoint, sources(endpoint_id, ssrc), self.now)
        self.connects(endpoint_id)
        return endpoint

    def connects(self, endpoint_id: str) -> Wire:
        wire = self.wires[endpoint_id] = Wire()
        self.conference.channel_opened(self.endpoint(endpoint_id), wire, self.now)
        return wire

    def endpoint(self, endpoint_id: str) -> Endpoint:
        return self.conference.endpoints[endpoint_id]

    def says(self, endpoint_id: str, colibri_class: str, **fields: object) -> None:
        text = json.dumps({"colibriClass": colibri_class, **fields})
        self.conference.received(self.endpoint(endpoint_id), text, self.now)

    def handle(self, endpoint_id: str, name: str) -> int:
        endpoint = self.endpoint(endpoint_id)
        if name in endpoint.audio:
            return endpoint.audio[name].handle
        return endpoint.video[name].order.handle

    def received_by(self, endpoint_id: str) -> set[tuple[int, int, int]]:
        return set(self.media.forwarded.get(self.endpoint(endpoint_id).handle, ()))

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.conference.tick(self.now)


def sources(endpoint_id: str, ssrc: int) -> tuple[MediaSource, ...]:
    video = tuple(Source(ssrc=ssrc + n, name=f"{endpoint_id}-v0") for n in range(1, 7))
    groups = (
        SsrcGroup(Semantics.SIM, (ssrc + 1, ssrc + 2, ssrc + 3)),
        *(SsrcGroup(Semantics.FID, (ssrc + n, ssrc + n + 3)) for n in (1, 2, 3)),
    )
    return (
        MediaSource(id=f"{endpoint_id}-a0", type=Media.AUDIO, sources=(Source(ssrc=ssrc),)),
        MediaSource(id=f"{endpoint_id}-v0", type=Media.VIDEO, sources=video, groups=groups),
    )


def test_everybody_hears_everybody_else() -> None:
    stage = Stage("ana", "bea", "cyd")

    heard = {source for source, *_ in stage.received_by("ana")}

    voices = {stage.handle("bea", "bea-a0"), stage.handle("cyd", "cyd-a0")}
    assert voices <= heard
    assert stage.handle("ana", "ana-a0") not in heard


def test_the_engine_learns_encodings_in_order_with_their_repairs() -> None:
    stage = Stage("ana")

    _, video = stage.media.sources[stage.endpoint("ana").handle]

    assert video.encodings == ((101, 104), (102, 105), (103, 106))


def test_constraints_choose_the_encoding() -> None:
    stage = Stage("ana", "bea")
    camera = stage.handle("bea", "bea-v0")
    stage.conference.layers_changed(camera, CAMERA_LAYERS)
    stage.passes(0.1)
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


@pytest.mark.parametrize(("bps", "acts"), [(860_000, False), (840_000, True), (1_160_000, True)])
def test_an_estimate_counts_when_it_moves_by_more_than_15_percent(bps: int, acts: bool) -> None:
    stage = Stage("ana", "bea")
    ana = stage.endpoint("ana")
    stage.conference.estimated(ana.handle, 1_000_000, stage.now)

    stage.conference.estimated(ana.handle, bps, stage.now + 0.1)

    assert (ana.acted_on_bps == bps) is acts


def test_a_low_estimate_on_a_congested_path_suspends_what_does_not_fit() -> None:
    stage = Stage("ana", "bea")
    stage.conference.layers_changed(stage.handle("bea", "bea-v0"), CAMERA_LAYERS)
    stage.passes(0.1)
    ana = stage.endpoint("ana").handle
    stage.conference.observe_paths({ana: PathReport(rtt_ms=30.0, loss=0.1)}, stage.now)

    stage.conference.estimated(ana, 100_000, stage.now)

    assert stage.wires["ana"].of("ForwardedSources")[-1]["forwardedSources"] == []


def test_a_low_estimate_on_a_free_path_changes_nothing() -> None:
    stage = Stage("ana", "bea")
    stage.conference.layers_changed(stage.handle("bea", "bea-v0"), CAMERA_LAYERS)
    stage.passes(0.1)

    stage.conference.estimated(stage.endpoint("ana").handle, 100_000, stage.now)

    assert stage.wires["ana"].of("ForwardedSources")[-1]["forwardedSources"] == ["bea-v0"]


def test_an_estimate_is_told_every_ten_seconds() -> None:
    stage = Stage("ana", "bea")
    stage.conference.estimated(stage.endpoint("ana").handle, 3_000_000, stage.now)

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


def test_who_leaves_is_forgotten_by_all() -> None:
    stage = Stage("ana", "bea")
    bea = stage.endpoint("bea")
    camera = stage.handle("bea", "bea-v0")

    stage.conference.remove_endpoint("bea", stage.now)

    assert stage.media.removed == [bea.handle]
    assert stage.wires["bea"].closed == (1001, "the endpoint has expired")
    assert stage.received_by("ana") == set()
    stage.conference.heard(camera, b"\x00", stage.now)
    stage.conference.layers_changed(camera, CAMERA_LAYERS)
    stage.conference.estimated(bea.handle, 1, stage.now)


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


def test_an_audio_subscription_leaves_out_what_is_not_wanted() -> None:
    stage = Stage("ana", "bea", "cyd")

    stage.says("ana", "ReceiverAudioSubscription", all=True, exclude=["bea-a0"])

    heard = {source for source, *_ in stage.received_by("ana")}
    assert stage.handle("bea", "bea-a0") not in heard
    assert stage.handle("cyd", "cyd-a0") in heard


def test_a_congested_path_is_acted_on_at_once() -> None:
    stage = Stage("ana", "bea")
    ana = stage.endpoint("ana")
    stage.conference.layers_changed(stage.handle("bea", "bea-v0"), CAMERA_LAYERS)
    stage.conference.estimated(ana.handle, 100_000, stage.now)
    stage.passes(0.1)
    assert "bea-v0" in ana.forwarded

    stage.conference.observe_paths({ana.handle: PathReport(rtt_ms=20.0, loss=0.1)}, stage.now)

    assert ana.forwarded == frozenset()
