"""The load generator against the engine: what it sends arrives, and what it counts is true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tertulia._engine import Encoding, Engine, Load, LoadPeer, PayloadType, Source

EXTENSIONS = [
    (1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
    (5, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"),
]
PASSWORD = "p" * 24
WITHIN_S = 30.0


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine([("127.0.0.1", 0)])
    yield engine
    engine.close()


@pytest.fixture
def load() -> Iterator[Load]:
    load = Load("127.0.0.1")
    yield load
    load.close()


def join(engine: Engine, load: Load, *, room: int) -> LoadPeer:
    """A peer and the endpoint of the same number that serves it."""
    peer = load.add_peer(room)
    ufrag = f"engine{peer.id}"
    engine.add_endpoint(
        peer.id,
        ufrag=ufrag,
        pwd=PASSWORD,
        controlling=True,
        payload_types=[
            PayloadType(111, "opus", 48000, channels=2),
            PayloadType(100, "vp8", 90000, rtx=96),
        ],
        extensions=EXTENSIONS,
    )
    [(ip, port)] = engine.addresses
    load.connect(
        peer,
        ufrag=ufrag,
        pwd=PASSWORD,
        fingerprint=engine.fingerprint,
        candidates=[f"{ip}:{port}"],
        controlling=False,
        payload_types=[(111, "opus", 48000, 2, None), (100, "vp8", 90000, 1, 96)],
        extensions=EXTENSIONS,
    )
    engine.set_remote(
        peer.id,
        ufrag=peer.ufrag,
        pwd=peer.pwd,
        fingerprints=[("sha-256", peer.fingerprint)],
        setup="active",
    )
    return peer


def publish(engine: Engine, load: Load, peer: LoadPeer) -> None:
    """A camera and a microphone with SSRCs 1 to 3."""
    load.publish(
        peer,
        mid="audio",
        is_video=False,
        payload_type=111,
        ssrc=1,
        rtx=None,
        frames_per_s=50,
        frame_bytes=90,
    )
    load.publish(
        peer,
        mid="video",
        is_video=True,
        payload_type=100,
        ssrc=2,
        rtx=3,
        frames_per_s=30,
        frame_bytes=4_000,
        variation=0.3,
        key_factor=5.0,
    )
    camera = Source(11, "video", [Encoding(2, 3)])
    engine.set_sources(peer.id, [Source(10, "audio", [Encoding(1)]), camera])


async def until(load: Load, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = load.report()
            if reached(found):
                return found
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("poll_us", [0, 2_000])
async def test_everything_sent_arrives_once_in_order_and_in_its_room(
    engine: Engine, load: Load, poll_us: int
) -> None:
    sender, receiver = join(engine, load, room=7), join(engine, load, room=7)
    publish(engine, load, sender)
    load.expect(receiver, [(1, None, False), (2, 3, True)])
    engine.forward(receiver.id, [(10, 0, 7, 7), (11, 0, 7, 7)])
    load.poll_every(poll_us)
    await until(load, lambda found: all(one["dtls_s"] for one in found["peers"].values()))

    load.start([sender])
    found = await until(load, lambda found: found["received"] >= 300)

    assert found["peers"][receiver.id]["streams_heard"] == 2
    assert found["peers"][receiver.id]["client_hellos"] >= 1
    assert found["received"] <= found["sent"]
    assert (found["missing"], found["misnumbered"]) == (0, 0)
    assert (found["strangers"], found["unstamped"]) == (0, 0)
    assert 0 < found["delay_p50_ns"] <= found["delay_p99_ns"] <= found["delay_max_ns"]


async def test_what_belongs_to_another_room_is_a_stranger(engine: Engine, load: Load) -> None:
    sender, receiver = join(engine, load, room=7), join(engine, load, room=8)
    publish(engine, load, sender)
    load.expect(receiver, [(1, None, False)])
    engine.forward(receiver.id, [(10, 0, 7, 7)])
    await until(load, lambda found: all(one["dtls_s"] for one in found["peers"].values()))

    load.start([sender])
    found = await until(load, lambda found: found["received"] >= 10)

    assert found["strangers"] == found["received"]


def test_what_is_no_fingerprint_is_refused(engine: Engine, load: Load) -> None:
    peer = load.add_peer(1)
    [(ip, port)] = engine.addresses
    with pytest.raises(ValueError, match="fingerprint"):
        load.connect(
            peer,
            ufrag="u" * 4,
            pwd=PASSWORD,
            fingerprint=("sha-256", "AB:CD"),
            candidates=[f"{ip}:{port}"],
            controlling=False,
            payload_types=[],
            extensions=[],
        )
