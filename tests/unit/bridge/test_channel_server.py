"""The WebSocket listener for bridge channels, on a real socket of the loopback."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tests.unit.bridge.recorder import Recorder

from tertulia.bridge.channel_server import ChannelLimits, ChannelServer
from tertulia.bridge.videobridge import Videobridge
from tertulia.xmpp.colibri2 import (
    SOURCE_NAMES,
    ConferenceModify,
    EndpointOrder,
    TransportOrder,
)


class Noted(Counter[str]):
    """Counts, and tells when it has."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = asyncio.Event()

    def __setitem__(self, key: str, value: int) -> None:
        super().__setitem__(key, value)
        self.counted.set()


class House:
    def __init__(self, bridge: Videobridge, port: int, http: aiohttp.ClientSession) -> None:
        self.bridge = bridge
        self.port = port
        (self.conference,) = bridge.conferences
        self.endpoint = self.conference.endpoints["ana"]
        self._base = f"http://127.0.0.1:{port}/colibri-ws"
        self._http = http
        self.closed = bridge.totals.channels_closed = Noted()

    async def open(
        self, server: str = "br1", pwd: str | None = None, endpoint: str = "ana"
    ) -> aiohttp.ClientWebSocketResponse:
        pwd = self.endpoint.channel_pwd if pwd is None else pwd
        path = f"{server}/{self.conference.id}/{endpoint}?pwd={pwd}"
        return await self._http.ws_connect(f"{self._base}/{path}")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    bridge = Videobridge(Recorder(), server_id="br1", public_netloc="x")
    order = EndpointOrder(
        id="ana",
        create=True,
        capabilities=frozenset({SOURCE_NAMES}),
        transport=TransportOrder(),
    )
    request = ConferenceModify(meeting_id="m", create=True, endpoints=(order,))
    loop = asyncio.get_running_loop()
    bridge.modify(request, loop.time())
    server = ChannelServer(bridge, loop.time, ChannelLimits(messages_per_s=10))
    port = await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as http:
        yield House(bridge, port, http)
    await server.stop()


async def read(socket: aiohttp.ClientWebSocketResponse) -> Any:
    async with asyncio.timeout(30):
        return json.loads(await socket.receive_str())


async def closing_code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(30):
        while not socket.closed:
            await socket.receive()
    return socket.close_code


async def counted(house: House, how: str) -> None:
    """Wait until one channel has ended in this way, and none in another."""
    async with asyncio.timeout(30):  # the client knows before the server has ended its part
        await house.closed.counted.wait()
    assert house.closed == {how: 1}


async def test_the_first_word_is_the_bridges(house: House) -> None:
    socket = await house.open()

    assert await read(socket) == {"colibriClass": "ServerHello"}


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"server": "br2"}, 404),
        ({"pwd": "x"}, 403),
        ({"pwd": "%00%ff"}, 403),
        ({"endpoint": "bea"}, 403),
    ],
    ids=str,
)
async def test_who_may_not_come_in_is_told_no_more_than_that(
    house: House, wrong: dict[str, str], status: int
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await house.open(**wrong)

    assert refused.value.status == status


async def test_a_second_channel_closes_the_first(house: House) -> None:
    first = await house.open()
    await read(first)

    second = await house.open()

    assert await read(second) == {"colibriClass": "ServerHello"}
    assert await closing_code(first) == 1000
    await second.send_str('{"colibriClass":"ClientHello"}')
    while (await read(second))["colibriClass"] != "ServerHello":
        pass


async def test_an_expired_endpoint_is_told_that_it_is_over(house: House) -> None:
    socket = await house.open()
    await read(socket)

    house.conference.remove_endpoint("ana", 0.0)

    assert await closing_code(socket) == 1001
    await counted(house, "normal")


async def test_who_sends_too_much_is_closed(house: House) -> None:
    socket = await house.open()
    for _ in range(20):
        await socket.send_str('{"colibriClass":"EndpointStats"}')

    assert await closing_code(socket) == 1008
    await counted(house, "abnormal")


async def test_a_message_that_is_too_long_closes(house: House) -> None:
    socket = await house.open()
    await socket.send_str("x" * (64 * 1024 + 1))

    assert await closing_code(socket) == 1009


async def test_nonsense_is_ignored(house: House) -> None:
    socket = await house.open()
    await read(socket)
    await read(socket)
    await socket.send_str("{{{")
    await socket.send_bytes(b"\x00\xff")
    await socket.send_str('{"colibriClass":"ClientHello"}')

    assert await read(socket) == {"colibriClass": "ServerHello"}
    assert house.conference.messages_malformed == 1


async def test_who_does_not_read_is_cut_off_and_harms_nobody(house: House) -> None:
    """A client that opens the channel and then reads nothing: at most 1 MiB waits for it."""
    path = f"/colibri-ws/br1/{house.conference.id}/ana?pwd={house.endpoint.channel_pwd}"
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port, limit=1024)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert b"101" in await reader.readline()
    async with asyncio.timeout(30):
        while house.endpoint.channel is None:  # noqa: ASYNC110  # with a deadline
            await asyncio.sleep(0)
    told = 0

    async with asyncio.timeout(30):
        while house.endpoint.channel is not None:
            house.endpoint.tell("x" * 16_384)
            told += 16_384
            await asyncio.sleep(0)

    # What the kernel's buffers took is not ours to limit.
    assert told < 32 * 1024 * 1024
    other = await house.open()
    assert await read(other) == {"colibriClass": "ServerHello"}
    writer.close()
