"""What may be done to a bridge by its channels."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp

WITHIN_S = 30.0
NONSENSE = (
    "",
    "[]",
    "null",
    "{",
    "[" * 20_000,
    '{"colibriClass":"ReceiverVideoConstraints","lastN":1e999}',
    '{"colibriClass":"ReceiverVideoConstraints","lastN":"many"}',
    '{"colibriClass":"EndpointMessage","to":"","to":"x"}',
    '{"colibriClass":"EndpointMessage","to":' + "[" * 500 + "]" * 500 + "}",
    '{"colibriClass":"SourceVideoTypeMessage","sourceName":7,"videoType":"camera"}',
    '{"colibriClass":"ServerHello"}',
    '{"colibriClass":"DominantSpeakerEndpointChangeEvent","dominantSpeakerEndpoint":"me"}',
    json.dumps({"colibriClass": "ReceiverVideoConstraints", "selectedSources": ["x"] * 5000}),
    json.dumps({"colibriClass": "EndpointStats", "from": "somebody", "x": "y" * 1000}),
)


class Channel:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def say(self, *messages: str) -> None:
        with suppress(ConnectionError):  # it may be closed before all is said
            for each in messages:
                await self._socket.send_str(each)

    async def until(self, colibri_class: str) -> dict[str, object]:
        """The next message of that class."""
        async with asyncio.timeout(WITHIN_S):
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    found: dict[str, object] = json.loads(message.data)
                    if found["colibriClass"] == colibri_class:
                        return found
        raise AssertionError(f"closed with {self._socket.close_code} before {colibri_class}")

    async def end(self) -> str:
        """How the bridge closes it."""
        async with asyncio.timeout(WITHIN_S):
            async for _ in self._socket:
                pass
        return f"closed with {self._socket.close_code}"


@asynccontextmanager
async def channel(http: aiohttp.ClientSession, url: str) -> AsyncIterator[Channel]:
    async with http.ws_connect(url, max_msg_size=0) as socket:
        opened = Channel(socket)
        await opened.say('{"colibriClass":"ClientHello"}')
        await opened.until("ServerHello")
        yield opened


async def refused(http: aiohttp.ClientSession, url: str) -> str:
    """The status with which a channel is refused."""
    try:
        async with http.ws_connect(url):
            return "opened"
    except aiohttp.WSServerHandshakeError as error:
        return str(error.status)


def to_all(text: str) -> str:
    return json.dumps({"colibriClass": "EndpointMessage", "to": "", "from": "focus", "msg": text})
