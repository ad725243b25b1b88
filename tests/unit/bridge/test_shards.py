"""One bridge for several servers: each leads its own conferences and none meets another's."""

from __future__ import annotations

import pytest
from tests.unit.bridge.recorder import Recorder

from tertulia.bridge.shards import Shard
from tertulia.bridge.videobridge import BridgeLimits, Videobridge
from tertulia.xmpp.colibri2 import (
    SOURCE_NAMES,
    BridgeFull,
    ConferenceModify,
    ConferenceNotFound,
    EndpointOrder,
    TransportOrder,
)

BLUE = Shard("jvbbrewery@internal.auth.meet.example at wss://blue", "blue.example")
GREEN = Shard("jvbbrewery@internal.auth.meet.example at wss://green", "green.example:8443")
ANA = EndpointOrder(
    id="ana", create=True, capabilities=frozenset({SOURCE_NAMES}), transport=TransportOrder()
)
CREATE = ConferenceModify(meeting_id="m", create=True, endpoints=(ANA,))


def bridge(**limits: int) -> Videobridge:
    return Videobridge(
        Recorder(), server_id="br1", public_netloc="x", limits=BridgeLimits(**limits)
    )


def test_the_same_ids_on_two_servers_are_two_conferences() -> None:
    target = bridge()

    addresses = []
    for shard in (BLUE, GREEN):
        (report,) = target.modify(CREATE, 0.0, shard).endpoints
        assert report.transport is not None
        addresses += report.transport.web_sockets

    blue, green = target.conferences
    assert blue.id != green.id
    assert [address.split("?")[0] for address in addresses] == [
        f"wss://blue.example/colibri-ws/br1/{blue.id}/ana",
        f"wss://green.example:8443/colibri-ws/br1/{green.id}/ana",
    ]
    target.modify(ConferenceModify(meeting_id="m", expire=True), 1.0, GREEN)
    assert target.conferences == [blue]


def test_no_server_reaches_a_conference_of_another() -> None:
    target = bridge()
    target.modify(CREATE, 0.0, BLUE)

    for order in (
        ConferenceModify(meeting_id="m", expire=True),
        ConferenceModify(meeting_id="m", endpoints=(EndpointOrder(id="ana", expire=True),)),
    ):
        for stranger in (GREEN, None):
            with pytest.raises(ConferenceNotFound):
                target.modify(order, 1.0, stranger)

    assert target.conference("m") is None  # that is for those who command by REST
    assert len(target.conferences) == 1


def test_who_is_lost_is_told_to_whose_it_was() -> None:
    target = bridge()
    for shard in (BLUE, GREEN):
        target.modify(CREATE, 0.0, shard)
    blue, green = target.conferences

    target.endpoint_failed(green.endpoints["ana"].handle, "idle", 1.0)
    blue.endpoints["ana"].is_connected = True
    target.check_activity({blue.endpoints["ana"].handle: 30.0}, 30.0)

    assert [(lost.shard, lost.is_gone) for lost in target.take_lost()] == [
        (GREEN, True),
        (BLUE, False),
    ]


def test_the_limits_are_those_of_the_bridge() -> None:
    target = bridge(max_conferences=1)
    target.modify(CREATE, 0.0, BLUE)

    with pytest.raises(BridgeFull):
        target.modify(CREATE, 0.0, GREEN)
