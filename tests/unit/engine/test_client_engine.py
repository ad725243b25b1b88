"""Participants of the engine seen from Python: two of them meet through the bridge's engine."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from tertulia._engine import (
    CandidateFailed,
    ClientEngine,
    ClientEvent,
    DtlsConnected,
    Encoding,
    Engine,
    EngineError,
    FrameReceived,
    IceConnected,
    PayloadType,
    PeerConnected,
    PeerPath,
    Source,
    Stream,
)
from tertulia.bridge.addresses import Addresses
from tertulia.bridge.engine_media import EngineMedia
from tertulia.xmpp import jingle_rtp as wire
from tertulia.xmpp.colibri2 import MediaOffer
from tertulia.xmpp.jingle_rtp import Media

EXTENSIONS = [
    (1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
    (5, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"),
]
PASSWORD = "p" * 24
PATIENCE_S = 30.0
OPUS, VP8 = 111, 100
Found = TypeVar("Found")


@pytest.fixture
def clients() -> Iterator[ClientEngine]:
    clients = ClientEngine()
    yield clients
    clients.close()


@pytest.fixture
def bridge() -> Iterator[Engine]:
    engine = Engine([("127.0.0.1", 0)])
    yield engine
    engine.close()


def payload_types() -> list[PayloadType]:
    return [PayloadType(OPUS, "opus", 48000, channels=2), PayloadType(VP8, "vp8", 90000, rtx=96)]


def add_peer(clients: ClientEngine, peer: int, bind: list[str]) -> list[tuple[str, int]]:
    return clients.add_peer(
        peer,
        ufrag=f"peer{peer}",
        pwd=PASSWORD,
        controlling=False,
        payload_types=payload_types(),
        extensions=EXTENSIONS,
        bind=bind,
    )


def until(clients: ClientEngine, wanted: Callable[[ClientEvent], Found | None]) -> Found:
    end = time.monotonic() + PATIENCE_S
    while (left := end - time.monotonic()) > 0:
        select.select([clients], [], [], left)
        for event in clients.take_events():
            if (found := wanted(event)) is not None:
                return found
    raise TimeoutError("the event did not come")


def until_ready(bridge: Engine, endpoint: int) -> None:
    """Wait until the bridge, too, knows path and keys: before that it passes nothing on."""
    end = time.monotonic() + PATIENCE_S
    missing = {IceConnected, DtlsConnected}
    while missing and (left := end - time.monotonic()) > 0:
        select.select([bridge], [], [], left)
        for event in bridge.take_events():
            if isinstance(event, (IceConnected, DtlsConnected)) and event.endpoint == endpoint:
                missing.discard(type(event))
    assert not missing


def meet(
    clients: ClientEngine, bridge: Engine, peer: int, offered: list[PayloadType] | None = None
) -> None:
    """Connect a peer with an endpoint of the same number."""
    bridge.add_endpoint(
        peer,
        ufrag=f"endpoint{peer}",
        pwd=PASSWORD,
        controlling=True,
        payload_types=offered or payload_types(),
        extensions=EXTENSIONS,
    )
    add_peer(clients, peer, ["127.0.0.1"])
    bridge.set_remote(
        peer,
        ufrag=f"peer{peer}",
        pwd=PASSWORD,
        fingerprints=[clients.fingerprint],
        setup="active",
    )
    clients.set_remote(
        peer,
        ufrag=f"endpoint{peer}",
        pwd=PASSWORD,
        fingerprints=[bridge.fingerprint],
        setup="actpass",
    )
    [(address, port)] = bridge.addresses
    clients.add_remote_candidate(
        peer, address, port, protocol="udp", kind="host", priority=2_130_706_431
    )
    paths: list[PeerPath] = []

    def connected(event: ClientEvent) -> bool | None:  # path and keys may come in one batch
        if isinstance(event, PeerPath):
            paths.append(event)
        return True if isinstance(event, PeerConnected) else None

    until(clients, connected)
    assert {(path.protocol, path.remote) for path in paths} == {("udp", f"{address}:{port}")}
    until_ready(bridge, peer)


def test_frames_travel_through_the_bridge(clients: ClientEngine, bridge: Engine) -> None:
    video, audio = Stream("video", 1000, 2000), Stream("audio", 3000)
    for peer in (1, 2):
        meet(clients, bridge, peer)
    bridge.set_sources(
        1,
        [
            Source(10, "video", [Encoding(1000, 2000)]),
            Source(11, "audio", [Encoding(3000)]),
        ],
    )
    bridge.forward(2, [(10, 0, 7, 7), (11, 0, 7, 7)])
    clients.publish(1, [video, audio])
    clients.subscribe(2, [video, audio])

    picture = bytes([0x10, 2, 0, 0x9D, 1, 0x2A, 0x40, 1, 0xB4, 0]) + b"x" * 5000
    sent = {1000: (VP8, picture), 3000: (OPUS, b"\xfcsound")}
    received: dict[int, FrameReceived] = {}
    began = time.monotonic()

    def both(event: ClientEvent) -> bool | None:
        if isinstance(event, FrameReceived) and event.peer == 2:
            received.setdefault(event.ssrc, event)
        return True if len(received) == 2 else None

    for ssrc, (payload_type, data) in sent.items():
        assert clients.send_frame(1, ssrc, payload_type, 9000, data, level=20)
    until(clients, both)

    assert {ssrc: frame.data for ssrc, frame in received.items()} == {
        1000: picture,
        3000: b"\xfcsound",
    }
    assert (received[1000].keyframe, received[3000].level) == (True, 20)
    assert began <= received[3000].arrived <= time.monotonic()


def test_video_is_added_to_a_session_of_voices(clients: ClientEngine, bridge: Engine) -> None:
    voices = payload_types()[:1]
    for peer in (1, 2):
        meet(clients, bridge, peer, voices)
    video = Stream("video", 1000, 2000)
    clients.publish(1, [video])
    clients.subscribe(2, [video])

    offers = (
        MediaOffer(
            type=Media.AUDIO,
            payload_types=(wire.PayloadType(id=OPUS, name="opus", clockrate=48000),),
        ),
        MediaOffer(
            type=Media.VIDEO,
            payload_types=(
                wire.PayloadType(id=VP8, name="VP8", clockrate=90000),
                wire.PayloadType(
                    id=96, name="rtx", clockrate=90000, parameters=(("apt", str(VP8)),)
                ),
            ),
            header_extensions=tuple(
                wire.HeaderExtension(id=number, uri=uri) for number, uri in EXTENSIONS
            ),
        ),
    )
    for peer in (1, 2):
        EngineMedia(bridge, Addresses(udp=())).extend_endpoint(peer, offers)
    bridge.set_sources(1, [Source(10, "video", [Encoding(1000, 2000)])])
    bridge.forward(2, [(10, 0, 7, 7)])
    picture = bytes([0x10, 2, 0, 0x9D, 1, 0x2A, 0x40, 1, 0xB4, 0]) + b"x" * 5000
    assert clients.send_frame(1, 1000, VP8, 9000, picture)

    frame = until(clients, lambda each: each if isinstance(each, FrameReceived) else None)
    assert (frame.peer, frame.data) == (2, picture)


def test_what_cannot_be_sent_is_counted(clients: ClientEngine) -> None:
    add_peer(clients, 1, ["127.0.0.1"])
    clients.send_frame(1, 1000, VP8, 0, b"x")
    clients.add_remote_candidate(1, "127.0.0.1", 1, protocol="tcp", kind="host", priority=1)

    failed = until(clients, lambda each: each if isinstance(each, CandidateFailed) else None)

    assert (failed.address, failed.port) == ("127.0.0.1", 1)
    assert clients.stats().not_sent == 1


def test_frames_that_pile_up_are_refused(clients: ClientEngine) -> None:
    taken = [clients.send_frame(1, 1000, VP8, 0, bytes(9 << 20)) for _ in range(50)]

    assert taken[0]
    assert clients.stats().not_sent <= taken.count(True)


def test_wrong_orders_are_refused(clients: ClientEngine) -> None:
    add_peer(clients, 1, [])
    with pytest.raises(EngineError, match="exists"):
        add_peer(clients, 1, [])
    with pytest.raises(ValueError, match="literal"):
        clients.add_remote_candidate(1, "host.test", 1, protocol="udp", kind="host", priority=1)
    with pytest.raises(OSError, match="assign"):
        add_peer(clients, 2, ["192.0.2.1"])
