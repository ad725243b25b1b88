"""What a bridge publishes of itself."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tests.unit.bridge.recorder import Recorder

from tertulia.bridge.load import LoadMeter
from tertulia.bridge.stats import EndpointCounters, Identity, Statistics, Values, element
from tertulia.bridge.videobridge import Videobridge
from tertulia.xmpp.colibri2 import (
    SOURCE_NAMES,
    ConferenceModify,
    EndpointOrder,
    MediaSource,
    TransportOrder,
)
from tertulia.xmpp.jingle_rtp import Media, Source


@dataclass
class Counters:
    packets_received: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0
    cpu_us: int = 0
    endpoints: Sequence[EndpointCounters] = ()


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


def test_the_presence_holds_one_stat_each() -> None:
    assert str(element({"a": 1, "b": True})) == (
        "<stats xmlns='http://jitsi.org/protocol/colibri'>"
        "<stat name='a' value='1'/><stat name='b' value='true'/></stats>"
    )
