"""The edge of the bridge channels: wss://HOST/colibri-ws/<server>/<conference>/<endpoint>?pwd=...

Bridges listen where only we reach them; this relays each channel to the bridge that `<server>`
names, by the address it announced in the brewery. Whether the conference, the endpoint and the
password are right is the bridge's to say: its refusals are passed on unchanged. One message is read
only when the one before it was written, in each direction, so a slow reader fills TCP windows and
not our memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus

import aiohttp
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from yarl import URL

logger = logging.getLogger("tertulia.web")

MAX_FROM_CLIENT_BYTES = 64 * 1024  # reference: security A5, "bridge channel"
MAX_FROM_BRIDGE_BYTES = 1024 * 1024  # source maps of a large conference
CONNECT_WITHIN_S = 5.0
HEARTBEAT_S = 15.0
FAREWELL_WITHIN_S = 1.0
_TARGET_CLOSED = -1  # no code of a WebSocket
_REFUSALS = {
    HTTPStatus.FORBIDDEN: "The bridge expects no such endpoint with that password: it has left,"
    " or its conference was moved or has ended. The next offer has a new address.\n",
    HTTPStatus.NOT_FOUND: "That bridge has another name now: it was started anew. The next offer"
    " has a new address.\n",
}
_SCHEMES = frozenset({"http", "https", "ws", "wss"})

# Bridge name -> the base address of its channel listener, or None when no such bridge is known.
ChannelUrl = Callable[[str], str | None]


class ColibriEdge:
    """Relays bridge channels. `close` ends them all with 1001, "going away"."""

    def __init__(self, channel_url: ChannelUrl) -> None:
        self._channel_url = channel_url
        self._client: aiohttp.ClientSession | None = None
        self._open: set[web.WebSocketResponse] = set()

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/colibri-ws/{server}/{conference}/{endpoint}", self.handle)
        app.on_shutdown.append(self.close)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise web.HTTPUpgradeRequired(text="This address speaks WebSocket.\n")
        target = self._target(request)
        if self._client is None:
            # trust_env off: what we relay inside the site takes no proxy.
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), trust_env=False
            )
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                bridge = await self._client.ws_connect(
                    target, max_msg_size=MAX_FROM_BRIDGE_BYTES, compress=0
                )
        except aiohttp.WSServerHandshakeError as error:
            logger.info(
                "Bridge channel refused: server=%s endpoint=%r status=%d",
                request.match_info["server"],
                request.match_info["endpoint"][:64],
                error.status,
            )
            return _refusal(error.status)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            logger.warning(
                "Bridge channel unreachable: server=%s error=%s",
                request.match_info["server"],
                type(error).__name__,
            )
            raise web.HTTPBadGateway(text="The bridge does not answer.\n") from None
        async with bridge:
            client = web.WebSocketResponse(
                max_msg_size=MAX_FROM_CLIENT_BYTES, heartbeat=HEARTBEAT_S, timeout=2.0
            )
            await client.prepare(request)
            self._open.add(client)
            try:
                await _relay(client, bridge)
            finally:
                self._open.discard(client)
        return client

    def _target(self, request: web.Request) -> URL:
        parts = request.match_info
        base = self._channel_url(parts["server"])
        if base is None:
            raise web.HTTPNotFound(text="No such bridge.\n")
        url = URL(base)
        if url.scheme not in _SCHEMES or url.host is None:
            raise web.HTTPBadGateway(text="The bridge announces no usable address.\n")
        path = url / "colibri-ws" / parts["server"] / parts["conference"] / parts["endpoint"]
        return path.with_query([("pwd", each) for each in request.query.getall("pwd", [])[:1]])

    async def close(self, _: object = None) -> None:
        await asyncio.gather(
            *(each.close(code=WSCloseCode.GOING_AWAY) for each in list(self._open)),
            return_exceptions=True,
        )
        if self._client is not None:
            await self._client.close()


def _refusal(status: int) -> web.Response:
    """The bridge's refusal, as its client may see it: 403 and 404 mean something to clients."""
    if status not in _REFUSALS:
        return web.Response(
            status=HTTPStatus.BAD_GATEWAY, text=f"The bridge refused the channel ({status}).\n"
        )
    return web.Response(status=status, text=_REFUSALS[HTTPStatus(status)])


async def _relay(client: web.WebSocketResponse, bridge: aiohttp.ClientWebSocketResponse) -> None:
    """Copy messages both ways until one side ends; the other then gets the same close code."""
    upwards = asyncio.create_task(_copy(client, bridge))
    downwards = asyncio.create_task(_copy(bridge, client))
    try:
        await asyncio.wait((upwards, downwards), return_when=asyncio.FIRST_COMPLETED)
        if _is_refused(upwards):  # its code is on its way
            await asyncio.wait((downwards,), timeout=FAREWELL_WITHIN_S)
    finally:  # also when aiohttp cancels us because the client's connection is gone
        by_bridge = downwards.done() and (not upwards.done() or _is_refused(upwards))
        upwards.cancel()
        downwards.cancel()
        codes = await asyncio.gather(upwards, downwards, return_exceptions=True)
        code = codes[1] if by_bridge else codes[0]
        await (client if by_bridge else bridge).close(
            code=_sendable(code if isinstance(code, int) else None)
        )


def _is_refused(copying: asyncio.Task[int | None]) -> bool:
    """Whether the side that was written to has closed."""
    if not copying.done() or copying.cancelled() or copying.exception() is not None:
        return False
    return copying.result() == _TARGET_CLOSED


async def _copy(
    source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    target: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
) -> int | None:
    """Copy until `source` closes or breaks, and return the code it closed with; or until `target`
    takes no more."""
    while True:
        message: WSMessage = await source.receive()
        try:
            if message.type is WSMsgType.TEXT:
                await target.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await target.send_bytes(message.data)
            elif message.type is WSMsgType.CLOSE:
                return int(message.data)
            else:
                return source.close_code
            # What has come already is read without waiting: let the others have their turn.
            await asyncio.sleep(0)
        except (ConnectionError, RuntimeError):  # RuntimeError: aiohttp's "already closed"
            return _TARGET_CLOSED


def _sendable(code: int | None) -> int:
    """The code to pass on; 1005, 1006 and 1015 never travel (RFC 6455 §7.4.1)."""
    if code is None or code in (1004, 1005, 1006, 1015) or not 1000 <= code <= 4999:
        return WSCloseCode.GOING_AWAY
    return code
