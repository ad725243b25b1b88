"""COLIBRI2 on the bridge (reference bridge 3)."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from tests.unit.bridge.recorder import Recorder

from tertulia.bridge.counts import Restart
from tertulia.bridge.requests import Requests
from tertulia.bridge.shards import Shard
from tertulia.bridge.videobridge import BridgeLimits, Lost, Videobridge
from tertulia.xmpp import colibri2
from tertulia.xmpp.colibri2 import (
    PRIVATE_ADDRESSES,
    SOURCE_NAMES,
    ConferenceModified,
    ConferenceModify,
    EndpointOrder,
    ForceMute,
    MediaOffer,
    MediaSource,
    Refusal,
    TransportOrder,
)
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle_ice import IceUdpTransport
from tertulia.xmpp.jingle_rtp import Media, PayloadType, Source
from tertulia.xmpp.xml import Element

HERE = Shard(public_netloc="meet.example:8443")
FOCUS = Jid.parse("jvbbrewery@internal.auth.meet.example/focus")
NEW: dict[str, Any] = {
    "create": True,
    "capabilities": frozenset({SOURCE_NAMES}),
    "transport": TransportOrder(ice_controlling=True),
}
VOICE = (MediaSource(id="x-a0", type=Media.AUDIO, sources=(Source(ssrc=5),)),)


def bridge(limits: BridgeLimits | None = None) -> Videobridge:
    return Videobridge(
        Recorder(), server_id="br1", public_netloc="meet.example:8443", limits=limits
    )


def modify(target: Videobridge, *orders: EndpointOrder, **more: Any) -> ConferenceModified:
    request = ConferenceModify(**({"meeting_id": "m", "endpoints": orders} | more))
    return target.modify(request, 0.0)


def with_ana() -> Videobridge:
    target = bridge()
    modify(target, EndpointOrder(id="ana", **NEW), create=True)
    return target


def test_a_new_endpoint_gets_a_transport_and_the_bridges_own_sources() -> None:
    target = bridge()

    answer = modify(target, EndpointOrder(id="ana", **NEW), create=True)

    (report,) = answer.endpoints
    (conference,) = target.conferences
    assert report.transport is not None
    assert report.transport.fingerprints[0].setup == "actpass"
    assert report.transport.candidates
    assert len(report.transport.ufrag) >= 4
    assert len(report.transport.pwd) >= 22
    pwd = conference.endpoints["ana"].channel_pwd
    assert report.transport.web_sockets == (
        f"wss://meet.example:8443/colibri-ws/br1/{conference.id}/ana?pwd={pwd}",
    )
    assert len(conference.id) == 16
    assert len(pwd) == 24
    assert [source.id for source in answer.sources] == ["jvb-a0", "jvb-v0"]


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (
            {"create": True, "endpoints": (EndpointOrder(id="x", **NEW),)},
            colibri2.ConferenceAlreadyExists,
        ),
        ({"meeting_id": "other"}, colibri2.ConferenceNotFound),
        ({"has_relays": True}, colibri2.FeatureNotImplemented),
        ({"has_connects": True}, colibri2.FeatureNotImplemented),
        ({"endpoints": (EndpointOrder(id="ana", **NEW),)}, colibri2.EndpointConflict),
        ({"endpoints": (EndpointOrder(id="x", create=True),)}, colibri2.BadRequest),
        (
            {"endpoints": (EndpointOrder(id="x", **(NEW | {"capabilities": frozenset()})),)},
            colibri2.BadRequest,
        ),
        (
            {"endpoints": (EndpointOrder(id="x", **NEW), EndpointOrder(id="y", **NEW))},
            colibri2.FeatureNotImplemented,
        ),
        (
            {
                "endpoints": (
                    EndpointOrder(id="x", **(NEW | {"transport": TransportOrder(sctp=True)})),
                )
            },
            colibri2.FeatureNotImplemented,
        ),
        ({"endpoints": (EndpointOrder(id="x", sources=VOICE),)}, colibri2.UnknownEndpoint),
        (
            {"endpoints": (EndpointOrder(id="x", **NEW, muc_role="visitor", sources=VOICE),)},
            colibri2.BadRequest,
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_what_is_wrong_is_refused_and_changes_nothing(
    request_: dict[str, Any], error: type[colibri2.Colibri2Error]
) -> None:
    target = with_ana()
    before = (target.conferences, set(target.conferences[0].endpoints))

    with pytest.raises(error):
        modify(target, **request_)

    assert (target.conferences, set(target.conferences[0].endpoints)) == before


def test_a_create_that_fails_leaves_no_conference() -> None:
    target = bridge()

    with pytest.raises(colibri2.BadRequest):
        modify(target, EndpointOrder(id="x", create=True), create=True)

    assert target.conferences == []


def test_in_graceful_shutdown_only_running_conferences_take_endpoints() -> None:
    target = with_ana()
    target.in_graceful_shutdown = True

    modify(target, EndpointOrder(id="bea", **NEW))
    with pytest.raises(colibri2.GracefulShutdown):
        modify(target, EndpointOrder(id="x", **NEW), create=True, meeting_id="new")


def test_a_full_bridge_says_so() -> None:
    target = bridge(BridgeLimits(max_conferences=1, max_endpoints=1))
    modify(target, EndpointOrder(id="ana", **NEW), create=True)

    with pytest.raises(colibri2.ConferenceFull, match="max_endpoints is reached: 1"):
        modify(target, EndpointOrder(id="bea", **NEW))
    with pytest.raises(colibri2.BridgeFull, match="max_conferences is reached: 1"):
        modify(target, EndpointOrder(id="x", **NEW), create=True, meeting_id="new")


def test_an_overloaded_bridge_refuses_new_conferences_and_serves_those_it_has() -> None:
    target = with_ana()
    target.stress = 1.2

    with pytest.raises(colibri2.BridgeFull, match=r"max_stress is reached: 1\.20 of 1"):
        modify(target, EndpointOrder(id="x", **NEW), create=True, meeting_id="new")
    modify(target, EndpointOrder(id="bea", **NEW))

    assert set(target.conferences[0].endpoints) == {"ana", "bea"}


def test_a_bridge_short_of_memory_takes_nobody_more_and_keeps_who_is_there() -> None:
    target = bridge(BridgeLimits(max_memory_mib=100))
    modify(target, EndpointOrder(id="ana", **NEW), create=True)

    target.memory_mib = 100

    with pytest.raises(colibri2.BridgeFull, match="max_memory_mib is reached: 100"):
        modify(target, EndpointOrder(id="x", **NEW), create=True, meeting_id="other")
    with pytest.raises(colibri2.ConferenceFull, match="max_memory_mib is reached: 100"):
        modify(target, EndpointOrder(id="bea", **NEW))
    modify(target, EndpointOrder(id="ana", sources=VOICE))
    target.memory_mib = 99
    modify(target, EndpointOrder(id="bea", **NEW))
    assert target.endpoints == 2


def test_expiring_or_muting_the_unknown_is_no_error() -> None:
    target = with_ana()

    modify(target, EndpointOrder(id="x", expire=True), EndpointOrder(id="y", expire=True))
    modify(target, EndpointOrder(id="x", force_mute=ForceMute(audio=True)))

    assert set(target.conferences[0].endpoints) == {"ana"}


def test_the_conference_ends_with_its_last_endpoint() -> None:
    target = with_ana()

    modify(target, EndpointOrder(id="ana", expire=True))

    assert target.conferences == []
    with pytest.raises(colibri2.ConferenceNotFound):
        modify(target, EndpointOrder(id="bea", **NEW))


def test_a_conference_that_the_engine_emptied_ends_too() -> None:
    target = with_ana()
    handle = target.conferences[0].endpoints["ana"].handle

    assert target.endpoint_failed(handle, "ice-failed", 1.0) == Lost("m", "ana", "ice-failed", HERE)

    assert target.conferences == []
    assert target.totals.ice_failed == 1
    assert target.endpoint_failed(handle, "ice-failed", 1.0) is None


def test_initial_last_n_counts_until_the_client_speaks() -> None:
    target = with_ana()
    ana = target.conferences[0].endpoints["ana"]

    modify(target, EndpointOrder(id="ana", initial_last_n=3))
    assert ana.constraints.last_n == 3
    message = '{"colibriClass":"LastNChangedEvent","lastN":7}'
    target.conferences[0].received(ana, message, 0.0)
    modify(target, EndpointOrder(id="ana", initial_last_n=3))

    assert ana.constraints.last_n == 7


def test_a_channel_is_admitted_by_its_password_alone() -> None:
    target = with_ana()
    (conference,) = target.conferences
    ana = conference.endpoints["ana"]

    assert target.admit(conference.id, "ana", ana.channel_pwd) == (conference, ana)
    for guess in (
        (conference.id, "ana", ""),
        (conference.id, "ana", "-"),
        (conference.id, "bea", "-"),
        ("0" * 16, "ana", ana.channel_pwd),
    ):
        assert target.admit(*guess) is None


def ask(target: Videobridge, sender: str, payload: Element) -> Element:
    requests = Requests(target, FOCUS, "1.2.3", lambda: 0.0)
    request = Element("iq", {"type": "get", "id": "1", "from": sender}, ns="jabber:client")
    request.append(payload)
    answer = requests.answer(request)
    assert answer is not None
    return answer


def test_only_the_focus_commands() -> None:
    target = bridge()
    order = ConferenceModify(meeting_id="m", create=True, endpoints=(EndpointOrder(id="a", **NEW),))

    for sender in ("jvbbrewery@internal.auth.meet.example/br2", "eve@meet.example/x", ""):
        answer = ask(target, sender, order.element())
        assert Refusal.parse(answer).condition == "forbidden"
    assert target.conferences == []

    assert ask(target, str(FOCUS), order.element()).get("type") == "result"


def test_malformed_orders_are_the_bridges_bad_request() -> None:
    answer = ask(bridge(), str(FOCUS), Element("conference-modify", ns="jitsi:colibri2"))

    assert Refusal.parse(answer).condition == "bad-request"
    assert Refusal.parse(answer).reason == "UNSPECIFIED"


def test_health_and_version_are_answered() -> None:
    health = Element("healthcheck", ns="http://jitsi.org/protocol/healthcheck")
    version = Element("query", ns="jabber:iq:version")

    assert ask(bridge(), str(FOCUS), health).get("type") == "result"
    assert "1.2.3" in str(ask(bridge(), "anybody@meet.example/x", version))


def test_private_addresses_are_told_only_to_what_stands_beside_the_bridge() -> None:
    target = Videobridge(
        Recorder(is_behind_nat=True), server_id="br1", public_netloc="meet.example"
    )
    beside = NEW | {"capabilities": frozenset({SOURCE_NAMES, PRIVATE_ADDRESSES})}

    first = modify(target, EndpointOrder(id="ana", **NEW), create=True)
    second = modify(target, EndpointOrder(id="rec", **beside))

    told = {
        report.id: [each.ip for each in report.transport.candidates]
        for report in (*first.endpoints, *second.endpoints)
        if report.transport is not None
    }
    assert told == {"ana": ["198.51.100.7"], "rec": ["127.0.0.1", "198.51.100.7"]}


OPUS = PayloadType(id=111, name="opus", clockrate=48000, channels=2)
VP8 = PayloadType(id=100, name="VP8", clockrate=90000)


def with_voice() -> tuple[Videobridge, Recorder]:
    media = Recorder()
    target = Videobridge(media, server_id="br1", public_netloc="x")
    offer = MediaOffer(type=Media.AUDIO, payload_types=(OPUS,))
    modify(target, EndpointOrder(id="ana", **NEW, media=(offer,)), create=True)
    return target, media


def test_media_can_be_offered_in_addition() -> None:
    target, media = with_voice()
    more = MediaOffer(type=Media.VIDEO, payload_types=(VP8,))

    modify(target, EndpointOrder(id="ana", media=(more,)))

    endpoint = target.conferences[0].endpoints["ana"]
    offered = media.endpoints[endpoint.handle]
    assert offered["ufrag"] == endpoint.ufrag  # what the client was told holds
    assert offered["offers"] == (MediaOffer(type=Media.AUDIO, payload_types=(OPUS,)), more)
    assert target.conferences[0].connected(endpoint.handle) is endpoint


def test_media_that_is_known_changes_nothing_and_none_is_ever_removed() -> None:
    target, media = with_voice()
    before = dict(media.endpoints)

    modify(target, EndpointOrder(id="ana", media=(MediaOffer(type=Media.AUDIO),)))

    assert media.endpoints == before


def test_a_payload_type_cannot_change_its_meaning() -> None:
    target, _ = with_voice()
    other = PayloadType(id=111, name="VP8", clockrate=90000)

    with pytest.raises(colibri2.BadRequest, match="111 is opus already"):
        modify(
            target,
            EndpointOrder(id="ana", media=(MediaOffer(type=Media.VIDEO, payload_types=(other,)),)),
        )


def test_media_and_its_sources_are_added_to_a_transport_that_has_begun() -> None:
    target, media = with_voice()
    endpoint = target.conferences[0].endpoints["ana"]
    endpoint.is_connected = endpoint.has_remote = True
    more = MediaOffer(type=Media.VIDEO, payload_types=(VP8,))
    camera = MediaSource(type=Media.VIDEO, id="ana-v0", sources=(Source(ssrc=21),))

    modify(target, EndpointOrder(id="ana", media=(more,), sources=(camera,)))

    assert media.endpoints[endpoint.handle]["offers"] == endpoint.offers
    assert endpoint.offers[1] == more
    (order,) = media.sources[endpoint.handle]
    assert (order.type, order.encodings) == (Media.VIDEO, ((21, None),))
    assert media.removed == []


def restart(target: Videobridge) -> IceUdpTransport | None:
    order = EndpointOrder(id="ana", transport=TransportOrder(ice_restart=True))
    (report,) = modify(target, order).endpoints
    return report.transport


def test_an_ice_restart_gives_new_credentials_once_until_the_peer_has_answered() -> None:
    target, media = with_voice()
    endpoint = target.conferences[0].endpoints["ana"]
    endpoint.is_connected = endpoint.has_remote = True

    first, again = restart(target), restart(target)

    assert first is not None
    assert (first.ice_generation, first == again) == (1, True)
    assert first.ufrag != endpoint.ufrag
    assert media.restarts == [(endpoint.handle, first.ufrag)]

    for generation in (0, 1, 1):  # a late one, the right one, and that again
        ice = IceUdpTransport(ufrag="peer", pwd="p" * 22, ice_generation=generation)
        modify(target, EndpointOrder(id="ana", transport=TransportOrder(ice=ice)))
    assert media.remote_credentials == [(endpoint.handle, "peer", "p" * 22)]

    second = restart(target)
    assert second is not None
    assert second.ice_generation == 2
    # The second was asked for while the first was still looking for its path.
    assert target.counts.restarts == {Restart.STARTED: 2, Restart.SUPERSEDED: 1}
    target.conferences[0].restart_ended(endpoint.handle, Restart.SUCCEEDED)
    assert target.counts.restarts[Restart.SUCCEEDED] == 1


def test_who_never_connected_keeps_its_credentials() -> None:
    target, media = with_voice()

    transport = restart(target)

    assert transport is not None
    assert transport.ufrag == target.conferences[0].endpoints["ana"].ufrag
    assert (transport.ice_generation, media.restarts) == (None, [])
    assert target.counts.restarts == {Restart.NOT_ESTABLISHED: 1}


def test_a_restart_is_refused_by_the_absence_of_a_transport() -> None:
    target, media = with_voice()
    target.conferences[0].endpoints["ana"].is_connected = True
    media.refuses_restarts = True

    assert restart(target) is None
    assert target.counts.restarts == {Restart.REJECTED: 1}


def test_a_restart_that_found_no_path_is_not_offered_again() -> None:
    target, _ = with_voice()
    endpoint = target.conferences[0].endpoints["ana"]
    endpoint.is_connected = endpoint.has_remote = True
    first = restart(target)

    target.conferences[0].restart_ended(endpoint.handle, Restart.FAILED)
    second = restart(target)

    assert first is not None
    assert second is not None
    assert (second.ice_generation, second.ufrag == first.ufrag) == (2, False)


def test_the_focus_is_told_of_who_is_silent_and_again_when_a_restart_has_not_helped() -> None:
    target, _ = with_voice()
    endpoint = target.conferences[0].endpoints["ana"]

    def told(idle_s: float, now: float) -> list[Lost]:
        target.check_activity({endpoint.handle: idle_s}, now)
        return target.take_lost()

    silent = [Lost("m", "ana", "silent", target.conferences[0].shard, is_gone=False)]
    assert told(7.0, 107.0) == []  # it was never connected
    endpoint.is_connected = True
    assert told(6.4, 110.0) == []
    assert told(6.6, 110.2) == silent
    assert told(20.0, 125.0) == []
    assert told(32.0, 136.0) == silent
    assert told(0.1, 137.0) == []
    assert told(6.5, 143.5) == silent


def everything(target: Videobridge) -> int:
    """How many things a bridge and its conferences keep, whatever they are."""
    seen: set[int] = set()
    rest: list[object] = [target]
    while rest:
        each = rest.pop()
        if id(each) in seen or isinstance(each, (Recorder, type)):
            continue
        seen.add(id(each))
        if isinstance(each, dict):
            rest += [*each.keys(), *each.values()]
        elif isinstance(each, (list, tuple, set, frozenset, deque)):
            rest += each
        elif type(each).__module__.startswith("tertulia.bridge"):
            slots = [getattr(each, name) for name in getattr(each, "__slots__", ())]
            rest += [*slots, *vars(each).values()] if hasattr(each, "__dict__") else slots
    return len(seen)


def test_who_came_and_went_leaves_nothing_behind_in_a_conference_that_goes_on() -> None:
    target, _ = with_voice()
    sizes = []
    for number in range(300):
        name = f"p{number % 7}"
        modify(target, EndpointOrder(id=name, **NEW))
        sources = (
            MediaSource(id=f"{name}-a0", type=Media.AUDIO, sources=(Source(ssrc=number + 100),)),
            MediaSource(id=f"{name}-v0", type=Media.VIDEO, sources=(Source(ssrc=number + 900),)),
        )
        modify(target, EndpointOrder(id=name, sources=sources))
        conference = target.conferences[0]
        handle = conference.endpoints[name].audio[f"{name}-a0"].handle
        conference.heard(handle, bytes([20] * 5), float(number))
        conference.tick(float(number))
        modify(target, EndpointOrder(id=name, expire=True))
        target.tick(float(number))
        sizes.append(everything(target))

    assert max(sizes[200:]) <= max(sizes[50:100])
