"""What a bridge publishes of itself."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from tests.unit.bridge.recorder import Recorder
from tests.unit.bridge.stage import CAMERA_LAYERS, Stage

from tertulia.bridge import figures
from tertulia.bridge.counts import Restart
from tertulia.bridge.load import LoadMeter
from tertulia.bridge.stats import EndpointCounters, Identity, Statistics, Values, element
from tertulia.bridge.videobridge import Videobridge
from tertulia.metrics import Family
from tertulia.xmpp.colibri2 import (
    SOURCE_NAMES,
    ConferenceModify,
    EndpointOrder,
    MediaSource,
    TransportOrder,
)
from tertulia.xmpp.jingle_ice import Candidate, IceUdpTransport
from tertulia.xmpp.jingle_rtp import Media, Source


@dataclass
class Counters:
    packets_received: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0
    keyframes_received: int = 0
    unmatched_feedback: int = 0
    cpu_us: int = 0
    endpoints: Sequence[EndpointCounters] = ()


@dataclass
class Engine:
    packets_forwarded: int = 0
    wakeups: int = 0
    cpu_us: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)


def collected() -> Values:
    bridge = Videobridge(Recorder(), server_id="br1", public_netloc="x")
    statistics = Statistics(
        Identity("br1", "1.0", "eu", "http://127.0.0.1:1"), LoadMeter(process_s=lambda: 0.0)
    )
    statistics.collect(bridge, Counters(), now=0.0)
    later = Counters(packets_received=500, bytes_received=625_000, cpu_us=2_250_000)
    return statistics.collect(bridge, later, now=5.0)


def test_rates_are_over_the_time_between_two_looks() -> None:
    values = collected()

    assert values["bit_rate_download"] == 1000  # kbit/s
    assert values["packet_rate_download"] == 100
    assert (values["relay_id"], values["region"]) == ("br1", "eu")
    assert values["channel_url"] == "http://127.0.0.1:1"


def test_stress_is_the_share_of_a_processor_that_the_engine_took() -> None:
    assert collected()["stress_level"] == 0.5  # 0.45 of the 0.9 that count as all


# What the struct of the systemli exporter declares as whole numbers (reference bridge 6.4).
WHOLE = (
    "bit_rate_download",
    "bit_rate_upload",
    "packet_rate_download",
    "packet_rate_upload",
    "conferences",
    "participants",
    "largest_conference",
    "p2p_conferences",
    "threads",
    "total_conferences_created",
    "total_conferences_completed",
    "total_conference_seconds",
    "total_participants",
    "total_bytes_received",
    "total_bytes_sent",
    "total_packets_received",
    "total_packets_sent",
    "octo_conferences",
    "octo_endpoints",
    "octo_receive_bitrate",
    "octo_receive_packet_rate",
    "octo_send_bitrate",
    "octo_send_packet_rate",
    "total_ice_succeeded",
    "total_ice_failed",
    "total_dominant_speaker_changes",
    "total_colibri_web_socket_messages_received",
    "total_data_channel_messages_received",
    "total_colibri_web_socket_messages_sent",
    "endpoints_sending_audio",
    "endpoints_sending_video",
    "endpoints_disconnected",
    "endpoints_reconnected",
    "total_ice_succeeded_relayed",
    "total_keyframes_received",
    "total_layering_changes_received",
    "total_video_stream_milliseconds_received",
    "preemptive_kfr_sent",
    "preemptive_kfr_suppressed",
    "tcc_unmatched_feedback",
)


def test_whole_numbers_are_whole_in_json() -> None:
    document = json.loads(json.dumps(collected()))

    assert {name: type(document[name]) for name in WHOLE} == dict.fromkeys(WHOLE, int)


def test_who_is_heard_and_who_was_lost_is_counted() -> None:
    bridge = Videobridge(Recorder(), server_id="br1", public_netloc="x")
    statistics = Statistics(Identity("br1", "1.0"), LoadMeter(process_s=lambda: 0.0))
    voice = MediaSource(id="ana-a0", type=Media.AUDIO, sources=(Source(ssrc=5),))
    ana = EndpointOrder(
        id="ana",
        create=True,
        capabilities=frozenset({SOURCE_NAMES}),
        transport=TransportOrder(ice_controlling=True),
        sources=(voice,),
    )
    bridge.modify(ConferenceModify(meeting_id="m", create=True, endpoints=(ana,)), 0.0)
    (conference,) = bridge.conferences
    endpoint = conference.endpoints["ana"]
    endpoint.is_connected = True
    conference.heard(endpoint.audio["ana-a0"].handle, b"\x20", 0.0)
    bridge.check_activity({endpoint.handle: 9.0}, 9.0)
    bridge.check_activity({endpoint.handle: 0.1}, 10.0)

    values = statistics.collect(bridge, Counters(), now=10.0)

    names = ("endpoints_sending_audio", "endpoints_disconnected", "endpoints_reconnected")
    assert [values[name] for name in names] == [1, 1, 1]
    bridge.close(11.0)
    values = statistics.collect(bridge, Counters(), now=11.0)
    assert [values[name] for name in names] == [0, 1, 1]


def test_what_the_engine_counts_is_told() -> None:
    bridge = Videobridge(Recorder(), server_id="br1", public_netloc="x")
    statistics = Statistics(Identity("br1", "1.0"), LoadMeter(process_s=lambda: 0.0))

    values = statistics.collect(
        bridge, Counters(keyframes_received=7, unmatched_feedback=3), now=0.0
    )

    assert (values["total_keyframes_received"], values["tcc_unmatched_feedback"]) == (7, 3)


def test_video_is_counted_by_its_encodings_and_time() -> None:
    stage = Stage("ana", "bea")
    stage.sends("ana", CAMERA_LAYERS)
    counts = stage.conference.counts
    assert (counts.layering_changes, counts.video_s) == (1, 0.0)

    stage.now += 1.0
    stage.sends("ana", CAMERA_LAYERS)  # as the engine tells once a second
    stage.now += 1.0
    stage.sends("ana", CAMERA_LAYERS[:1])
    stage.now += 60.0  # nothing was told in between: nobody knows
    stage.sends("ana", ())

    assert counts.layering_changes == 3
    assert counts.video_s == pytest.approx(3 + 3 + 2)


@pytest.mark.parametrize("is_told_first", [True, False])
def test_who_comes_through_a_relay_is_counted_once(is_told_first: bool) -> None:
    stage = Stage("ana")
    ana, conference = stage.endpoint("ana"), stage.conference
    relay = Candidate(
        ip="2001:DB8:0::7",
        port=5000,
        type="relay",
        foundation="1",
        component=1,
        priority=1,
        protocol="udp",
        id="c",
    )
    told = IceUdpTransport(ufrag="u", pwd="p", candidates=(relay,))
    if is_told_first:
        conference.set_transport(ana, told)
    conference.path_found(ana.handle, "[2001:db8::7]:5000")
    conference.connected(ana.handle)
    for _ in range(2):
        conference.set_transport(ana, told)

    assert conference.counts.connected_relayed == 1
    conference.path_found(ana.handle, "192.0.2.1:5000")
    assert not ana.path.is_relayed


def test_the_histograms_tell_who_sends() -> None:
    bridge = Videobridge(Recorder(), server_id="br1", public_netloc="x")
    camera = MediaSource(id="ana-v0", type=Media.VIDEO, sources=(Source(ssrc=6),))
    ana = EndpointOrder(
        id="ana",
        create=True,
        capabilities=frozenset({SOURCE_NAMES}),
        transport=TransportOrder(ice_controlling=True),
        sources=(camera,),
    )
    bridge.modify(ConferenceModify(meeting_id="m", create=True, endpoints=(ana,)), 0.0)
    statistics = Statistics(Identity("br1", "1.0"), LoadMeter(process_s=lambda: 0.0))

    def count(name: str, bucket: int) -> float:
        found = {f.name: f for f in families()}[f"jitsi_jvb_{name}"]
        return found.samples[bucket].value

    def families() -> list[Family]:
        state = {"healthy": True, "drain": False, "graceful_shutdown": False}
        values = statistics.collect(bridge, Counters(), now=0.0)
        return figures.families(
            values | state | {"shutting_down": False},
            bridge,
            Engine(),
            statistics.load,
            is_up=True,
            started_s=0.0,
            refusals={},
            sizes=[1],
            disconnects=4,
        )

    assert (count("conferences_by_video_sender", 0), count("conferences_by_audio_sender", 0)) == (
        1,
        1,
    )
    (conference,) = bridge.conferences
    handle = conference.endpoints["ana"].video["ana-v0"].order.handle
    conference.layers_changed(handle, CAMERA_LAYERS[:1], 1.0)
    assert (count("conferences_by_video_sender", 0), count("conferences_by_audio_sender", 0)) == (
        0,
        1,
    )
    bridge.counts.restarts[Restart.FAILED] += 1
    bridge.totals.channels_closed["abnormal"] += 2
    assert count("ice_restarts_failed_total", 0) == 1
    assert count("colibri_web_socket_close_abnormal_total", 0) == 2
    assert count("xmpp_disconnects_total", 0) == 4


def test_the_presence_holds_one_stat_each() -> None:
    assert str(element({"a": 1, "b": True})) == (
        "<stats xmlns='http://jitsi.org/protocol/colibri'>"
        "<stat name='a' value='1'/><stat name='b' value='true'/></stats>"
    )
