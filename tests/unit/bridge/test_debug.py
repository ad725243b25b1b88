"""What `/debug` tells of conferences: enough for an emergency, never without bounds, no names."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.bridge.recorder import Recorder
from tests.unit.bridge.stage import CAMERA_LAYERS, Stage

from tertulia.bridge import debug
from tertulia.bridge.debug import Detail
from tertulia.bridge.videobridge import Videobridge
from tertulia.xmpp.colibri2 import SOURCE_NAMES, ConferenceModify, EndpointOrder, TransportOrder

ALL = Detail(names=True, addresses=True, streams=debug.MOST_STREAMS)


@dataclass
class Measured:
    """An endpoint as the engine's snapshot shows it."""

    endpoint: int
    path: tuple[str, str, str] | None = ("192.0.2.1:10000", "198.51.100.9:4000", "udp")
    idle_ms: int = 20
    rtt_ms: float = 31.26
    loss_in: float = 0.0
    loss_out: float = 0.025
    packets_received: int = 100
    bytes_received: int = 10_000
    packets_sent: int = 50
    bytes_sent: int = 5_000
    nacks_received: int = 1
    nacks_sent: int = 2
    retransmissions_sent: int = 3
    keyframe_requests_received: int = 4
    keyframe_requests_sent: int = 5


@dataclass
class Engine:
    endpoints: list[Measured] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=lambda: {"send-queue-full": 6})
    tcp_open: int = 2


def page_of(stage: Stage, who: str, detail: Detail = ALL) -> dict[str, Any]:
    everyone = stage.conference.endpoints.values()
    engine: Any = Engine([Measured(each.handle) for each in everyone])
    page = debug.one_conference(stage.conference, engine, stage.now, detail)
    endpoint: dict[str, Any] = page["endpoints"][who]
    return endpoint


def bridge_with(*sizes: int) -> Videobridge:
    bridge = Videobridge(Recorder(), server_id="br1", public_netloc="x")
    for number, size in enumerate(sizes):
        orders = [
            EndpointOrder(
                id=f"e{number}-{each}",
                create=True,
                stats_id="Zoe-x1",
                capabilities=frozenset({SOURCE_NAMES}),
                transport=TransportOrder(),
            )
            for each in range(size)
        ]
        create = ConferenceModify(meeting_id=f"m{number}", name="surgery@rooms", create=True)
        bridge.modify(create, 0.0)
        for order in orders:
            bridge.modify(ConferenceModify(meeting_id=f"m{number}", endpoints=(order,)), 0.0)
    return bridge


def test_what_is_less_than_there_is_has_its_reason_and_its_layer() -> None:
    stage = Stage("ana", "bea")
    stage.says("ana", "ReceiverVideoConstraints", defaultConstraints={"maxHeight": 720})
    stage.sends("bea", CAMERA_LAYERS)
    stage.estimates("ana", 700_000)

    ana, bea = page_of(stage, "ana"), page_of(stage, "bea")

    seen = ana["receives"]["video"]["bea-v0"]
    assert (seen["asked_height"], seen["layer"]["height"]) == (720, 360)
    assert (seen["reason"], seen["is_suspended"]) == ("your-downlink", False)
    assert ana["reduced"] == {"your-downlink": 1}
    assert ana["downlink"]["estimate_bps"] == 700_000
    assert ana["downlink"]["target_bps"] == 500_000
    sent = bea["sends"]["video"]["bea-v0"]
    assert [each["height"] for each in sent["layers"]] == [180, 360, 720]
    assert (sent["encodings"], sent["asked_height"]) == (3, 720)
    assert bea["sends"]["audio"] == {"bea-a0": {"is_heard": False}}


def test_the_transport_is_told_from_the_first_check_on() -> None:
    stage = Stage("ana")
    ana = stage.endpoint("ana")

    assert page_of(stage, "ana")["transport"]["state"] == "handshake"
    stage.conference.connected(ana.handle)
    told = page_of(stage, "ana")["transport"]
    assert (told["state"], told["protocol"], told["is_relayed"]) == ("connected", "udp", False)
    assert (told["rtt_ms"], told["loss_out"], told["nacks_sent"]) == (31.3, 0.025, 2)
    assert told["pair"] == {"local": "192.0.2.1:10000", "remote": "198.51.100.9:4000"}
    ana.is_active = False
    assert page_of(stage, "ana")["transport"]["state"] == "silent"

    engine: Any = Engine([Measured(ana.handle, path=None)])
    ana.is_connected = False
    page = debug.one_endpoint(stage.conference, ana, engine, stage.now, ALL)
    assert page["transport"]["state"] == "awaits-answer"
    assert "protocol" not in page["transport"]


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        (Detail(streams=50), set()),
        (Detail(streams=50, names=True), {"surgery@rooms", "Zoe-x1"}),
        (Detail(streams=50, addresses=True), {"198.51.100.9:4000"}),
    ],
)
def test_names_and_addresses_are_told_only_when_they_are_asked_for(
    detail: Detail, shown: set[str]
) -> None:
    bridge = bridge_with(1)
    (conference,) = bridge.conferences
    (endpoint,) = conference.endpoints.values()
    engine: Any = Engine([Measured(endpoint.handle)])

    pages = (
        debug.overview(bridge, engine, 1.0, detail),
        debug.one_conference(conference, engine, 1.0, detail),
        debug.one_endpoint(conference, endpoint, engine, 1.0, detail),
    )

    private = {"surgery@rooms", "Zoe-x1", "198.51.100.9:4000"}
    for text in map(json.dumps, pages[:2]):
        assert {each for each in private if each in text} == shown
    of_endpoint = json.dumps(pages[2])
    assert {each for each in private if each in of_endpoint} == shown - {"surgery@rooms"}


def test_a_page_of_all_has_an_end_and_the_largest_first() -> None:
    bridge = bridge_with(3, debug.MOST_ENDPOINTS - 5, 4, 9)
    engine: Any = Engine()

    page = debug.overview(bridge, engine, 1.0, Detail())

    assert [each["meeting_id"] for each in page["conferences"]] == ["m1", "m3"]
    assert page["conferences"][1]["endpoints_left_out"] == 4
    assert page["left_out"] == {"conferences": 2, "endpoints": 3 + 4 + 4}
    assert page["queues"]["packets_dropped_for_full_queues"] == 6
    assert len(json.dumps(page)) < 600 * debug.MOST_ENDPOINTS


def test_streams_of_one_endpoint_have_an_end_too() -> None:
    stage = Stage("ana", *(f"p{number}" for number in range(60)))
    for number in range(60):
        stage.sends(f"p{number}", CAMERA_LAYERS[:1])

    shown = page_of(stage, "ana")["receives"]

    assert len(shown["video"]) == debug.MOST_STREAMS
    assert shown["left_out"] == 60 - debug.MOST_STREAMS


def test_what_waits_in_channels_is_summed_up() -> None:
    bridge = bridge_with(2)
    (conference,) = bridge.conferences
    for endpoint in conference.endpoints.values():
        conference.channel_opened(endpoint, Slow(), 1.0)
    engine: Any = Engine()

    queues = debug.overview(bridge, engine, 1.0, Detail())["queues"]

    assert (queues["channels"], queues["channels_waiting_bytes"]) == (2, 2000)


class Slow:
    """A channel whose client does not read."""

    waiting_bytes = 1000

    def send(self, text: str) -> None:
        pass

    def close(self, code: int, reason: str) -> None:
        pass
