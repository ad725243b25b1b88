"""XMPP over WebSocket (RFC 7395): the handler of GET /xmpp-websocket."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress

from aiohttp import WSCloseCode, WSMsgType, web

from tertulia.xmpp import refusals
from tertulia.xmpp.credentials import Credentials
from tertulia.xmpp.framing import WebSocketFraming
from tertulia.xmpp.gate import ConnectionGate
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.stream import ServerStream
from tertulia.xmpp.transports.connection import Connection

log = logging.getLogger("tertulia.xmpp")

SUBPROTOCOL = "xmpp"
_CLOSE_S = 2.0  # how long the client may take to answer our close frame
_FLUSH_S = 5.0  # how long a closing socket may take to send its last frames
_MAX_PARAMETER = 8192  # characters of a query parameter that we keep


class WebSocketEndpoint:
    """All WebSocket clients of this process. `handle` is an aiohttp request handler."""

    def __init__(
        self,
        router: Router,
        credentials: Credentials,
        *,
        domain: str,
        limits: XmppLimits | None = None,
    ) -> None:
        self._router = router
        self._credentials = credentials
        self._domain = domain
        self._limits = limits or XmppLimits()
        self._gate = ConnectionGate(self._limits)
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._open: dict[Connection, _Frames] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one client until it is gone; a plain GET is a keep-alive (reference 1.3)."""
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(
                text="XMPP over WebSocket (RFC 7395) is spoken here.\n",
                headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"},
            )
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        if SUBPROTOCOL not in (part.strip() for part in offered.split(",")):
            return web.Response(status=400, text="the sub-protocol xmpp is required\n")
        ip = request.remote or ""
        if not await self._admitted(ip):
            log.info("Connection refused: ip=%s", ip)
            refusals.count("connections_per_ip", "429")
            return web.Response(status=429, text="too many connections\n")
        admission = _Admission(self, ip)
        try:
            return await self._serve(request, admission)
        finally:
            admission.end()

    async def close(self) -> None:
        """End all streams because the server stops (RFC 6120 §4.9.3.21)."""
        for connection in list(self._open):
            connection.fail("system-shutdown")
        waiting = [frames.gone.wait() for frames in list(self._open.values())]
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_S):
                await asyncio.gather(*waiting)

    async def _admitted(self, ip: str) -> bool:
        now = asyncio.get_running_loop().time()
        if not self._gate.arrive(ip, now):
            return False
        if self._gate.admit(ip):
            return True
        # Many people behind one address arrive together: let them queue, each for a short time.
        queue = self._waiting.setdefault(ip, deque())
        if len(queue) >= self._limits.waiting_per_ip:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with asyncio.timeout(self._limits.authenticate_s):
                await turn  # whoever leaves hands its place over
        except TimeoutError:
            return turn.done() and not turn.cancelled()  # both at the same moment
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release(ip)
            raise
        finally:
            if turn in queue:
                queue.remove(turn)
            if not queue:
                self._waiting.pop(ip, None)
        return True

    def _release(self, ip: str) -> None:
        queue = self._waiting.get(ip)
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._gate.release(ip)

    async def _serve(self, request: web.Request, admission: _Admission) -> web.StreamResponse:
        limits = self._limits
        loop = asyncio.get_running_loop()
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            compress=False,  # no bombs, no CRIME (security reference A2.2)
            # Frames over our limit get a stream error; those over twice that are not even read.
            max_msg_size=2 * limits.stanza_bytes,
            heartbeat=limits.idle_ping_s,
            timeout=_CLOSE_S,
        )
        await socket.prepare(request)
        frames = _Frames(socket, request.transport)
        stream = ServerStream(
            WebSocketFraming(limits.before_login()),
            self._credentials,
            default_domain=self._domain,
            limits=limits,
            secure=request.secure,
        )
        connection = Connection(
            stream,
            self._router,
            frames,
            limits=limits,
            origin=_origin(request),
            now=loop.time(),
            on_login=admission.end,
        )
        self._open[connection] = frames
        deadline = loop.call_later(limits.authenticate_s, connection.expire)
        writing = asyncio.create_task(frames.write())
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    pause_s = connection.receive(message.data, loop.time())
                    if pause_s:
                        await asyncio.sleep(pause_s)
                elif message.type is WSMsgType.BINARY:
                    connection.fail("bad-format", "frames are text (RFC 7395 §3.3)")
                else:
                    break
        finally:
            deadline.cancel()
            connection.lost()
            frames.finish()
            with suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(writing, _FLUSH_S)
            del self._open[connection]
            frames.gone.set()
        return socket


class _Admission:
    """One place among those who are not logged in yet; given back once."""

    def __init__(self, endpoint: WebSocketEndpoint, ip: str) -> None:
        self._endpoint: WebSocketEndpoint | None = endpoint
        self._ip = ip

    def end(self) -> None:
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint._release(self._ip)


class _Frames:
    """The Wire of one WebSocket: frames wait here until its writer has sent them."""

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.BaseTransport | None
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._queue: deque[str] = deque()
        self._bytes = 0
        self._more = asyncio.Event()
        self._finished = False
        self._aborted = False
        self.gone = asyncio.Event()

    def send(self, text: str) -> None:
        if self._finished:
            return
        self._queue.append(text)
        self._bytes += len(text)
        self._more.set()

    def queued_bytes(self) -> int:
        return self._bytes

    def start_tls(self) -> None:
        """Never asked for: a WebSocket is inside TLS or it is not."""

    def finish(self) -> None:
        self._finished = True
        self._more.set()

    def abort(self) -> None:
        self._queue.clear()
        self._bytes = 0
        self._aborted = True
        self.finish()
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()

    async def write(self) -> None:
        """Send what is queued until `finish`, then close the socket."""
        socket, queue = self._socket, self._queue
        try:
            while True:
                while queue:
                    text = queue.popleft()
                    await socket.send_str(text)
                    self._bytes -= len(text)
                if self._finished:
                    break
                self._more.clear()
                await self._more.wait()
            if not self._aborted:
                await socket.close(code=WSCloseCode.OK)
        except (ConnectionError, RuntimeError):
            self._finished = True  # the socket is gone; its reader will notice
            queue.clear()
            self._bytes = 0


def _origin(request: web.Request) -> Origin:
    query = request.query
    return Origin(
        remote_ip=request.remote or "",
        host=request.headers.get("Host", "")[:_MAX_PARAMETER],
        room=query.get("room", "")[:_MAX_PARAMETER],
        token=query.get("token", "")[:_MAX_PARAMETER],
    )
