"""Spatial layers of a real encoder, chosen by the engine and decoded by a real decoder.

Chromium sends VP9 and AV1 with all layers in one stream; the engine passes on the ones ordered.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tertulia import machine
from tertulia._engine import Encoding, Engine, PayloadType, Source, SourceLayers

pytestmark = pytest.mark.browser

PASSWORD = "p" * 24
SENDER, RECEIVER, CAMERA = 1, 2, 10
DEADLINE_MS = 45_000
EXTENSIONS = [
    (3, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
    (5, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"),
    (
        11,
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    ),
]
CODECS = {"vp9": (101, 97, "VP9", "profile-id=0"), "av1": (41, 42, "AV1", "profile=0")}


@pytest.fixture
def engine() -> Iterator[Engine]:
    address = next(each for each in machine.own_addresses() if "." in each)
    engine = Engine([(address, 0)])
    yield engine
    engine.close()


def offer(engine: Engine, codec: str, ufrag: str, direction: str, stream: str = "") -> str:
    number, rtx, name, parameters = CODECS[codec]
    [(address, port)] = engine.addresses
    hash_name, digest = engine.fingerprint
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "a=extmap-allow-mixed",
        f"m=video {port} UDP/TLS/RTP/SAVPF {number} {rtx}",
        f"c=IN IP4 {address}",
        f"a={direction}",
        "a=mid:0",
        "a=rtcp-mux",
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{PASSWORD}",
        f"a=fingerprint:{hash_name} {digest}",
        "a=setup:actpass",
        f"a=candidate:1 1 udp 2130706431 {address} {port} typ host",
        f"a=rtpmap:{number} {name}/90000",
        f"a=fmtp:{number} {parameters}",
        *(f"a=rtcp-fb:{number} {kind}" for kind in ("nack", "nack pli", "transport-cc")),
        f"a=rtpmap:{rtx} rtx/90000",
        f"a=fmtp:{rtx} apt={number}",
        *(f"a=extmap:{number} {uri}" for number, uri in EXTENSIONS),
    ]
    return "\r\n".join(lines) + "\r\n" + stream


def connect(engine: Engine, endpoint: int, answer: str) -> None:
    def value(name: str) -> str:
        found = re.search(rf"a={name}:(.+)\r", answer)
        assert found is not None, answer
        return found[1]

    hash_name, digest = value("fingerprint").split()
    engine.set_remote(
        endpoint,
        ufrag=value("ice-ufrag"),
        pwd=value("ice-pwd"),
        fingerprints=[(hash_name, digest)],
        setup="active",
    )


async def call(browser: Browser, engine: Engine, codec: str, mode: str) -> Any:
    """A page that sends through the engine to itself. Returns: the page."""
    number, rtx, _, _ = CODECS[codec]
    for endpoint, ufrag in ((SENDER, "send"), (RECEIVER, "recv")):
        engine.add_endpoint(
            endpoint,
            ufrag=ufrag,
            pwd=PASSWORD,
            controlling=True,
            payload_types=[PayloadType(number, codec, 90000, rtx=rtx)],
            extensions=EXTENSIONS,
        )
    page = await browser.new_page()
    await page.goto("about:blank")
    await page.evaluate(Path(__file__).with_name("spatial_layers.js").read_text(encoding="utf-8"))
    sent = offer(engine, codec, "send", "recvonly")
    answer = await page.evaluate("([o, m]) => layers.send(o, m)", [sent, mode])
    [(ssrc, repair)] = set(re.findall(r"a=ssrc-group:FID (\d+) (\d+)", answer))
    connect(engine, SENDER, answer)
    engine.set_sources(SENDER, [Source(CAMERA, "video", [Encoding(int(ssrc), int(repair))])])
    stream = "\r\n".join(
        [
            f"a=ssrc-group:FID {ssrc} {repair}",
            f"a=ssrc:{ssrc} cname:c",
            f"a=ssrc:{ssrc} msid:camera video",
            f"a=ssrc:{repair} cname:c",
            f"a=ssrc:{repair} msid:camera video",
            "",
        ]
    )
    received = offer(engine, codec, "recv", "sendonly", stream)
    connect(engine, RECEIVER, await page.evaluate("o => layers.receive(o)", received))
    return page


@pytest.mark.parametrize(
    ("codec", "mode"), [("vp9", "L2T3_KEY"), ("vp9", "L2T3"), ("av1", "L2T3_KEY")]
)
async def test_a_receiver_gets_the_layer_ordered_and_climbs_without_a_freeze(
    browser: Browser, engine: Engine, codec: str, mode: str
) -> None:
    page = await call(browser, engine, codec, mode)
    engine.forward(RECEIVER, [(CAMERA, 0, 0, 7)])

    async def shows(height: int) -> dict[str, Any]:
        seen: dict[str, Any] = await page.evaluate(
            "([h, d]) => layers.until(h, d)", [height, DEADLINE_MS]
        )
        return seen

    await shows(180)
    # The encoder begins with what its first estimate allows; all layers are there a bit later.
    await until_layers(engine, [180, 360])
    before = await shows(180)
    for spatial, temporal, height in ((7, 7, 360), (0, 7, 180), (1, 7, 360), (0, 0, 180)):
        engine.forward(RECEIVER, [(CAMERA, 0, spatial, temporal)])
        await shows(height)
    engine.forward(RECEIVER, [(CAMERA, 0, 7, 7)])
    after = await shows(360)
    print(codec, mode, before, after)

    assert after["mode"] == mode
    assert after["lost"] <= before["lost"], "gaps where layers were left out"
    assert after["nacks"] <= before["nacks"]
    assert after["plis"] <= before["plis"], "the decoder was never at a loss"
    assert after["frozen"] - before["frozen"] < 2.0


async def until_layers(engine: Engine, heights: list[int]) -> None:
    """Wait for the report that the sender has spatial layers of all these heights."""
    found = asyncio.Event()
    told: list[Any] = []

    def take() -> None:
        for event in engine.take_events():
            if isinstance(event, SourceLayers):
                told[:] = event.layers
                if sorted({height for _, _, _, _, height, _ in event.layers}) == heights:
                    found.set()

    loop = asyncio.get_running_loop()
    loop.add_reader(engine.fileno(), take)
    try:
        async with asyncio.timeout(DEADLINE_MS / 1000):
            await found.wait()
    except TimeoutError:
        raise AssertionError(f"the layers stayed at {told}") from None
    finally:
        loop.remove_reader(engine.fileno())
