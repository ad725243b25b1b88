"""The WebSocket listener for bridge channels (reference bridge 1.4).

Clients reach it through the server's edge, which relays `/colibri-ws/...` of its own port here;
by default it listens on loopback only.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

from tertulia.bridge.conference import Conference
from tertulia.bridge.endpoint import Endpoint
from tertulia.bridge.errors import MalformedChannelMessage, TooMuchRelayed
from tertulia.bridge.videobridge import Totals, Videobridge
from tertulia.xmpp import refusals

log = logging.getLogger("tertulia.bridge")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLimits:
    """What one bridge channel may cost; source: the table of abuse limits (security A5)."""

    messages_per_s: int = 100
    message_bytes: int = 64 * 1024
    outgoing_bytes: int = 1024 * 1024  # waiting for a client that does not read
    ping_interval_s: float = 15.0


class _WebSocketChannel:
    """One open channel: messages queue up, one task writes them."""

    def __init__(self, limits: ChannelLimits, abort: Callable[[], None], totals: Totals) -> None:
        """`abort` cuts the connection: a client that does not read gets no farewell either."""
        self._limits = limits
        self._abort = abort
        self._totals = totals
        self._waiting: deque[str] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._close: tuple[int, str] | None = None

    def send(self, text: str) -> None:
        self._waiting_bytes += len(text)
        if self._waiting_bytes > self._limits.outgoing_bytes:
            refusals.count("channel_outgoing_bytes", "closed")
            self._waiting.clear()
            self._abort()
            return
        self._waiting.append(text)
        self._wake.set()

    def close(self, code: int, reason: str) -> None:
        if self._close is None:
            self._close = (code, reason)
            self._wake.set()

    @property
    def our_code(self) -> int | None:
        """With what we close, if we do."""
        return self._close[0] if self._close is not None else None

    @property
    def waiting_bytes(self) -> int:
        """What its client has not taken yet."""
        return self._waiting_bytes

    @property
    def is_closing(self) -> bool:
        return self._close is not None

    async def write_to(self, socket: web.WebSocketResponse) -> None:
        """Write until the channel is closed by either side."""
        while not socket.closed:
            while self._waiting:
                text = self._waiting.popleft()
                await socket.send_str(text)
                self._totals.channel_messages_sent += 1
                self._waiting_bytes -= len(text)
            if self._close is not None:
                code, reason = self._close
                await socket.close(code=code, message=reason.encode())
                return
            self._wake.clear()
            await self._wake.wait()


class ChannelServer:
    """Serves channels for one bridge: `start`, then `stop`."""

    def __init__(
        self, bridge: Videobridge, clock: Callable[[], float], limits: ChannelLimits | None = None
    ) -> None:
        self._bridge = bridge
        self._clock = clock
        self._limits = limits or ChannelLimits()
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen. Returns: the port, which the system chose if it was 0. Raises: OSError."""
        app = web.Application()
        app.router.add_get("/colibri-ws/{server}/{conference}/{endpoint}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info
        if not hmac.compare_digest(path["server"].encode(), self._bridge.server_id.encode()):
            raise web.HTTPNotFound(text="no such server")
        admitted = self._bridge.admit(
            path["conference"], path["endpoint"], request.query.get("pwd", "")
        )
        if admitted is None:
            raise web.HTTPForbidden(text="not admitted")
        socket = web.WebSocketResponse(
            heartbeat=self._limits.ping_interval_s, max_msg_size=self._limits.message_bytes
        )
        await socket.prepare(request)
        transport = request.transport
        if transport is not None:
            channel = _WebSocketChannel(self._limits, transport.abort, self._bridge.totals)
            await self._serve(socket, channel, *admitted)
        return socket

    async def _serve(
        self,
        socket: web.WebSocketResponse,
        channel: _WebSocketChannel,
        conference: Conference,
        endpoint: Endpoint,
    ) -> None:
        if conference.endpoints.get(endpoint.id) is not endpoint:  # it left meanwhile
            await socket.close(code=WSCloseCode.GOING_AWAY)
            return
        conference.channel_opened(endpoint, channel, self._clock())
        writer = asyncio.get_running_loop().create_task(channel.write_to(socket))
        try:
            await self._read(socket, channel, conference, endpoint)
        finally:
            conference.channel_closed(endpoint, channel)
            # A channel that we close still has to write why.
            await asyncio.wait((writer,), timeout=1.0 if channel.is_closing else 0.0)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writer
            code = channel.our_code or socket.close_code
            how = "normal" if code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY) else "abnormal"
            self._bridge.totals.channels_closed[how] += 1

    async def _read(
        self,
        socket: web.WebSocketResponse,
        channel: _WebSocketChannel,
        conference: Conference,
        endpoint: Endpoint,
    ) -> None:
        recent: deque[float] = deque(maxlen=self._limits.messages_per_s)
        async for message in socket:
            now = self._clock()
            if len(recent) == recent.maxlen and now - recent[0] < 1.0:
                log.warning("Bridge channel closed: endpoint=%s reason=too fast", endpoint.id)
                refusals.count("channel_messages_per_s", "closed")
                channel.close(WSCloseCode.POLICY_VIOLATION, "too many messages")
                return
            recent.append(now)
            if endpoint.channel is not channel:
                return  # replaced, or the endpoint is gone
            if message.type is WSMsgType.TEXT:
                try:
                    conference.received(endpoint, message.data, now)
                except TooMuchRelayed as error:
                    log.warning("Bridge channel closed: endpoint=%s reason=%s", endpoint.id, error)
                    refusals.count("relayed_bytes_per_s", "closed")
                    channel.close(WSCloseCode.POLICY_VIOLATION, str(error))
                    return
                except MalformedChannelMessage as error:
                    conference.messages_malformed += 1
                    log.debug("Bridge channel: endpoint=%s reason=%s", endpoint.id, error)
