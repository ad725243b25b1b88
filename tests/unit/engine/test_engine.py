"""The engine seen from Python: its contract, and two independent WebRTC peers through it."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import re
import select
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import tertulia
from tertulia import _engine
from tertulia._engine import Encoding, Engine, EngineError, PayloadType, Source

AUDIO_LEVEL = (1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level")
ABS_SEND_TIME = (3, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time")
TRANSPORT_CC = (
    5,
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
)
MID = (10, "urn:ietf:params:rtp-hdrext:sdes:mid")
PASSWORD = "p" * 24
DIGEST = ":".join(["AB"] * 32)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine([("127.0.0.1", 0)])
    yield engine
    engine.close()


def payload_types() -> list[PayloadType]:
    return [
        PayloadType(111, "opus", 48000, channels=2, parameters={"useinbandfec": "1"}),
        PayloadType(100, "vp8", 90000, rtx=96),
    ]


def add_endpoint(engine: Engine, endpoint: int, ufrag: str) -> None:
    engine.add_endpoint(
        endpoint,
        ufrag=ufrag,
        pwd=PASSWORD,
        controlling=True,
        payload_types=payload_types(),
        extensions=[AUDIO_LEVEL, ABS_SEND_TIME, TRANSPORT_CC, MID],
    )


def test_module_has_everything_its_stub_promises() -> None:
    stub = Path(tertulia.__file__).with_name("_engine.pyi").read_text(encoding="utf-8")
    for node in ast.parse(stub).body:
        if isinstance(node, ast.ClassDef):
            found = getattr(_engine, node.name)
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    assert hasattr(found, member.name), (node.name, member.name)
                elif isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
                    assert hasattr(found, member.target.id), (node.name, member.target.id)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assert hasattr(_engine, node.targets[0].id)


def test_only_an_endpoint_that_was_connected_can_be_restarted(engine: Engine) -> None:
    add_endpoint(engine, 1, "aaaa")

    with pytest.raises(EngineError, match="never connected"):
        engine.restart_ice(1, ufrag="bbbb", pwd=PASSWORD)
    with pytest.raises(EngineError, match="no endpoint 2"):
        engine.restart_ice(2, ufrag="bbbb", pwd=PASSWORD)
    with pytest.raises(EngineError, match="in use"):
        engine.restart_ice(1, ufrag="aaaa", pwd=PASSWORD)
    with pytest.raises(EngineError, match="no restart"):
        engine.set_remote_credentials(1, ufrag="cccc", pwd=PASSWORD)


def test_a_port_in_use_is_told_with_its_address(engine: Engine) -> None:
    [(address, port)] = engine.addresses

    with pytest.raises(OSError, match=f"{address}:{port}") as raised:
        Engine([(address, port)])

    assert raised.value.errno is not None


def test_a_name_is_no_address() -> None:
    with pytest.raises(ValueError, match="literal"):
        Engine([("localhost", 0)])


def test_the_other_addresses_follow_the_first_port() -> None:
    engine = Engine([("127.0.0.1", 0), ("127.0.0.2", 0)])
    (_, first), (_, second) = engine.addresses
    engine.close()

    assert first == second


def test_the_fingerprint_is_that_of_the_process(engine: Engine) -> None:
    other = Engine([("127.0.0.1", 0)])

    assert engine.fingerprint == other.fingerprint
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", engine.fingerprint[1])
    other.close()


def test_ids_and_fragments_in_use_are_refused_until_removed(engine: Engine) -> None:
    add_endpoint(engine, 1, "aaaa")
    with pytest.raises(EngineError, match="exists"):
        add_endpoint(engine, 1, "bbbb")
    with pytest.raises(EngineError, match="in use"):
        add_endpoint(engine, 2, "aaaa")

    engine.remove_endpoint(1)
    add_endpoint(engine, 2, "aaaa")


@pytest.mark.parametrize(
    "fingerprint", [("sha-256", "AB:CD"), ("sha-256", "zz" + DIGEST[2:]), ("md5", DIGEST)]
)
def test_a_fingerprint_that_is_none_is_refused(
    engine: Engine, fingerprint: tuple[str, str]
) -> None:
    add_endpoint(engine, 1, "aaaa")

    with pytest.raises(EngineError):
        engine.set_remote(1, ufrag="bbbb", pwd=PASSWORD, fingerprints=[fingerprint], setup="active")


def test_orders_for_nobody_are_ignored(engine: Engine) -> None:
    engine.set_remote(
        9, ufrag="bbbb", pwd=PASSWORD, fingerprints=[("sha-256", DIGEST)], setup="active"
    )
    engine.add_remote_candidate(9, "x.local", 5000, kind="host", priority=1)
    engine.set_sources(9, [Source(1, "audio", [Encoding(5)])])
    engine.set_muted(9, audio=True, video=True)
    engine.forward(9, [(1, 0, 7, 7)])
    engine.set_needed(9, 1_000_000)
    engine.request_keyframe(1)
    engine.remove_endpoint(9)

    assert engine.take_events() == []


def test_an_endpoint_nobody_calls_is_given_up_and_its_id_is_told() -> None:
    engine = Engine([("127.0.0.1", 0)], limits=_engine.Limits(ice_timeout_ms=50))
    add_endpoint(engine, 7, "aaaa")

    readable, _, _ = select.select([engine.fileno()], [], [], 5)
    events = engine.take_events()

    assert readable
    assert [repr(event) for event in events] == ["EndpointFailed(endpoint=7, reason='ice-failed')"]
    assert select.select([engine.fileno()], [], [], 0)[0] == []
    engine.close()
    engine.close()


def test_datagrams_of_strangers_are_counted(engine: Engine) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for datagram in [b"\x80" * 40, b"\x16" * 40, b"\xff"]:
            stranger.sendto(datagram, engine.addresses[0])
        add_endpoint(engine, 1, "aaaa")
        # Orders and datagrams reach the thread by different ways, and the snapshot is its own.
        wait_until(
            lambda: (
                engine.stats().packets_received == 3
                and [each.endpoint for each in engine.stats().endpoints] == [1]
            )
        )

    assert engine.stats().dropped == {"not-stun-first": 2, "unknown-protocol": 1}


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll a snapshot the thread publishes a few times a second."""
    for _ in range(600):
        if condition():
            return
        select.select([], [], [], 0.05)
    raise AssertionError("waited in vain")


# ---- two aiortc peers ---------------------------------------------------------------------------


@dataclass
class Peer:
    """One RTCPeerConnection that answers the engine's offer."""

    endpoint: int
    connection: Any
    frames: dict[str, list[Any]] = field(default_factory=lambda: {"audio": [], "video": []})
    has_seen_enough: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


def offer(engine: Engine, ufrag: str) -> str:
    """What a client makes of a Jingle session-initiate: actpass, full ICE, one candidate."""
    [(address, port)] = engine.addresses
    hash_name, digest = engine.fingerprint
    common = [
        f"c=IN IP4 {address}",
        "a=sendrecv",
        "a=rtcp-mux",
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{PASSWORD}",
        f"a=fingerprint:{hash_name} {digest}",
        "a=setup:actpass",
        f"a=candidate:1 1 udp 2130706431 {address} {port} typ host",
    ]
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        f"m=audio {port} UDP/TLS/RTP/SAVPF 111",
        *common,
        "a=mid:0",
        "a=rtpmap:111 opus/48000/2",
        f"a=extmap:{MID[0]} {MID[1]}",
        f"a=extmap:{ABS_SEND_TIME[0]} {ABS_SEND_TIME[1]}",
        f"m=video {port} UDP/TLS/RTP/SAVPF 100 96",
        *common,
        "a=mid:1",
        "a=rtpmap:100 VP8/90000",
        "a=rtcp-fb:100 nack",
        "a=rtcp-fb:100 nack pli",
        "a=rtcp-fb:100 goog-remb",
        "a=rtpmap:96 rtx/90000",
        "a=fmtp:96 apt=100",
        f"a=extmap:{MID[0]} {MID[1]}",
        f"a=extmap:{ABS_SEND_TIME[0]} {ABS_SEND_TIME[1]}",
    ]
    return "\r\n".join(lines) + "\r\n"


def sources_of(answer: str, endpoint: int) -> list[Source]:
    audio, video = answer.split("m=video")
    [audio_ssrc] = set(re.findall(r"a=ssrc:(\d+) ", audio))
    [pair] = re.findall(r"a=ssrc-group:FID (\d+) (\d+)", video)
    return [
        Source(endpoint * 10, "audio", [Encoding(int(audio_ssrc))]),
        Source(endpoint * 10 + 1, "video", [Encoding(int(pair[0]), int(pair[1]))]),
    ]


@contextlib.asynccontextmanager
async def peer(engine: Engine, endpoint: int) -> AsyncIterator[Peer]:
    aiortc = pytest.importorskip("aiortc")
    joined = Peer(endpoint, aiortc.RTCPeerConnection())

    async def collect(track: Any) -> None:
        with contextlib.suppress(aiortc.mediastreams.MediaStreamError):
            while True:
                joined.frames[track.kind].append(await track.recv())
                if all(len(frames) >= 20 for frames in joined.frames.values()):
                    joined.has_seen_enough.set()

    joined.connection.on(
        "track", lambda track: joined.tasks.append(asyncio.create_task(collect(track)))
    )
    joined.connection.addTrack(aiortc.mediastreams.AudioStreamTrack())
    joined.connection.addTrack(aiortc.mediastreams.VideoStreamTrack())
    ufrag = f"peer{endpoint}"
    add_endpoint(engine, endpoint, ufrag)
    description = aiortc.RTCSessionDescription(offer(engine, ufrag), "offer")
    await joined.connection.setRemoteDescription(description)
    await joined.connection.setLocalDescription(await joined.connection.createAnswer())
    answer = joined.connection.localDescription.sdp

    def value(name: str) -> str:
        found = re.search(rf"a={name}:(.+)\r", answer)
        assert found is not None, name
        return found[1]

    fingerprints = set(re.findall(r"a=fingerprint:(\S+) (\S+)", answer))
    engine.set_remote(
        endpoint,
        ufrag=value("ice-ufrag"),
        pwd=value("ice-pwd"),
        fingerprints=sorted(fingerprints),
        setup="active" if value("setup") == "active" else "passive",
    )
    engine.set_sources(endpoint, sources_of(answer, endpoint))
    try:
        yield joined
    finally:
        await joined.connection.close()
        for task in joined.tasks:
            task.cancel()


async def test_two_peers_hear_and_see_each_other(engine: Engine) -> None:
    events: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.add_reader(engine.fileno(), lambda: events.extend(engine.take_events()))
    async with peer(engine, 1) as ana, peer(engine, 2) as bea:
        engine.forward(1, [(20, 0, 7, 7), (21, 0, 7, 7)])
        engine.forward(2, [(10, 0, 7, 7), (11, 0, 7, 7)])
        async with asyncio.timeout(30):
            await ana.has_seen_enough.wait()
            await bea.has_seen_enough.wait()
        await asyncio.to_thread(wait_until, lambda: engine.stats().packets_forwarded > 80)
        assert not any(isinstance(each, _engine.EndpointFailed) for each in events)
        stats = engine.stats()
    loop.remove_reader(engine.fileno())

    for each in (ana, bea):
        assert (each.frames["video"][-1].width, each.frames["video"][-1].height) == (640, 480)
        assert each.frames["audio"][-1].sample_rate == 48000
    kinds = [type(event).__name__ for event in events]
    assert kinds.count("IceConnected") == 2
    profiles = {each.srtp_profile for each in events if isinstance(each, _engine.DtlsConnected)}
    assert profiles == {"AEAD_AES_256_GCM"}
    assert any(isinstance(each, _engine.SourceLayers) and each.layers for each in events)
    assert not stats.dropped.get("srtp-auth", 0), stats.dropped
