"""XMPP over WebSocket (RFC 7395): the handler of GET /xmpp-websocket."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import struct
import sys
import termios
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from socket import SO_SNDBUF, SOL_SOCKET

from aiohttp import WSCloseCode, WSMsgType, web

from tertulia.errors import MalformedInput
from tertulia.xmpp import refusals
from tertulia.xmpp.credentials import Credentials
from tertulia.xmpp.framing import Broken, WebSocketFraming
from tertulia.xmpp.gate import ConnectionGate
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.patience import Patience
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.sessions import Sessions
from tertulia.xmpp.stream import ServerStream
from tertulia.xmpp.transports.connection import Connection
from tertulia.xmpp.transports.pulse import Pulse
from tertulia.xmpp.transports.reading import document
from tertulia.xmpp.turns import Turns
from tertulia.xmpp.xml import Element, XmlLimits

log = logging.getLogger("tertulia.xmpp")

SUBPROTOCOL = "xmpp"
_RETRY_AFTER_S = "2"
_REASON_BYTES = 123  # RFC 6455 §5.5
_CLOSE_S = 2.0  # how long the client may take to answer our close frame
_FLUSH_S = 5.0  # how long a closing socket may take to send its last frames
_PING = b"\x89\x00"  # opcode 9 without data
_FINAL_TEXT = 0x81  # the only fragment, opcode 1
_FRAME_16, _FRAME_64 = struct.Struct("!BBH"), struct.Struct("!BBQ")
_MAX_PARAMETER = 8192  # characters of a query parameter that we keep


async def at_once(token: str) -> None:
    """There is nothing to wait for."""


class WebSocketEndpoint:
    """All WebSocket clients of this process. `handle` is an aiohttp request handler."""

    def __init__(
        self,
        router: Router,
        credentials: Credentials,
        *,
        domain: str,
        sessions: Sessions | None = None,
        pulse: Pulse | None = None,
        limits: XmppLimits | None = None,
        turns: Turns | None = None,
        prepare: Callable[[str], Awaitable[None]] = at_once,
    ) -> None:
        """
        Args:
            sessions, pulse, turns: those that this transport has in common with others.
            prepare: waited for with the token of a client before it can log in.
        """
        self._prepare = prepare
        self._router = router
        self._credentials = credentials
        self._domain = domain
        self._limits = limits or XmppLimits()
        self._sessions = sessions or Sessions(router, self._limits)
        self._pulse = pulse or Pulse(self._sessions, self._limits)
        self._turns = turns or Turns(self._limits.turn_s)
        self._gate = ConnectionGate(self._limits)
        self._patience = Patience()
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
            return web.Response(
                status=400, text="The sub-protocol xmpp (RFC 7395) is required here.\n"
            )
        ip = request.remote or ""
        if refused_by := await self._why_not(ip):
            log.info("Connection refused: ip=%s limit=%s", ip, refused_by)
            refusals.count(refused_by, "429")
            return web.Response(
                status=429,
                text=f"Too many connections come from this address ({refused_by}); try later.\n",
                headers={"Retry-After": _RETRY_AFTER_S},
            )
        admission = _Admission(self, ip)
        try:
            return await self._serve(request, admission)
        finally:
            admission.end()

    async def close(self) -> None:
        """End all streams because the server stops (RFC 6120 §4.9.3.21)."""
        for connection in list(self._open):
            connection.shut_down()
        waiting = [frames.gone.wait() for frames in list(self._open.values())]
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_S):
                await asyncio.gather(*waiting)

    async def _why_not(self, ip: str) -> str:
        """Wait until one more from there may log in; the limit that does not let it."""
        now = asyncio.get_running_loop().time()
        if not self._gate.arrive(ip, now):
            return "connections_per_ip"
        if self._gate.admit(ip):
            return ""
        # Many people behind one address arrive together: let them queue, each for a short time.
        queue = self._waiting.setdefault(ip, deque())
        if len(queue) >= self._limits.waiting_per_ip:
            return "waiting_per_ip"
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with self._patience.timeout(self._limits.authenticate_s):
                await turn  # whoever leaves hands its place over
        except TimeoutError:
            is_late = not turn.done() or turn.cancelled()  # else both at the same moment
            return "unauthenticated_per_ip" if is_late else ""
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release(ip)
            raise
        finally:
            if turn in queue:
                queue.remove(turn)
            if not queue:
                self._waiting.pop(ip, None)
        return ""

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
            autoping=False,  # pongs are signs of life, which we want to see
            timeout=_CLOSE_S,
        )
        origin = origin_of(request)
        await self._prepare(origin.token)
        await socket.prepare(request)
        frames = _Frames(socket, request.transport, limits.kernel_bytes)
        framing = WebSocketFraming(limits.before_login())
        stream = ServerStream(
            framing,
            self._credentials,
            default_domain=self._domain,
            limits=limits,
            secure=request.secure,
            origin=origin,
            resumptions=self._sessions,
        )
        connection = Connection(
            stream,
            self._sessions,
            self._router,
            frames,
            limits=limits,
            origin=origin,
            now=loop.time(),
            on_login=admission.end,
        )
        self._open[connection] = frames
        self._pulse.watch(connection, frames)
        deadline = self._patience.call_later(limits.authenticate_s, connection.expire)
        closing = asyncio.create_task(frames.close_when_finished())
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    pause_s = await self._take(connection, message.data, framing.limits)
                    if pause_s:
                        await asyncio.sleep(pause_s)
                elif message.type is WSMsgType.PONG:
                    connection.heard = loop.time()
                elif message.type is WSMsgType.PING:
                    connection.heard = loop.time()
                    await socket.pong(message.data)
                elif message.type is WSMsgType.BINARY:
                    connection.fail("bad-format", "frames are text (RFC 7395 §3.3)")
                else:
                    break
        finally:
            deadline.cancel()
            self._pulse.forget(connection)
            connection.lost()
            frames.finish()
            with suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(closing, _FLUSH_S)
            del self._open[connection]
            frames.gone.set()
        return socket

    async def _take(self, connection: Connection, text: str, xml: XmlLimits) -> float:
        """What one frame says, when it is its turn; as `Connection.receive`."""
        most, now = self._limits.piece_bytes, asyncio.get_running_loop().time()
        if len(text) <= most or len(text) > xml.max_bytes:  # the latter is not parsed at all
            return await self._turns.take(connection, partial(connection.receive, text, now))
        read: Element | Broken
        try:
            read = await document(
                text.encode(), xml, turns=self._turns, reader=connection, piece_bytes=most
            )
        except MalformedInput as error:
            read = Broken(error)
        receive = partial(connection.receive, read, now, len(text))
        return await self._turns.take(connection, receive)


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
    """The Wire of one WebSocket: what is sent in one turn of the event loop leaves together.

    A frame of its own costs 15 us to make, encrypt and write; in a crowd each client gets several
    in a turn. Nobody waits for a slow reader here: `queued_bytes` counts what it has not taken.
    """

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport | None, kernel_bytes: int
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._queue: list[str] = []
        self._bytes = 0
        self._sent = 0
        self._reason = ""  # why it is closed
        self._finished = asyncio.Event()
        self._aborted = False
        self.gone = asyncio.Event()
        self._kernel = None if transport is None else transport.get_extra_info("socket")
        if self._kernel is not None:
            with suppress(OSError):  # closed
                self._kernel.setsockopt(SOL_SOCKET, SO_SNDBUF, kernel_bytes)

    def send(self, text: str) -> None:
        if self._finished.is_set():
            return
        if not self._queue:
            self._loop.call_soon(self._flush)
        self._queue.append(text)
        self._bytes += len(text)

    def queued_bytes(self) -> int:
        waiting = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return self._bytes + waiting

    def ping(self) -> None:
        """Ask the client for a sign of life."""
        is_over = self._socket.closed or self._transport is None or self._transport.is_closing()
        if self._transport is not None and not is_over:
            self._transport.write(_PING)

    def unread_bytes(self) -> int:
        """What the client has not taken, in our buffers and in those of the kernel."""
        kernel = 0
        if self._kernel is not None:
            with suppress(OSError, ValueError):  # closed, or no TCP
                found = fcntl.ioctl(self._kernel.fileno(), termios.TIOCOUTQ, bytes(4))
                kernel = int.from_bytes(found, sys.byteorder)
        return self.queued_bytes() + kernel

    def sent_bytes(self) -> int:
        return self._sent + self._bytes

    def start_tls(self) -> None:
        """Never asked for: a WebSocket is inside TLS or it is not."""

    def finish(self, reason: str = "") -> None:
        self._reason = self._reason or reason
        self._finished.set()

    def abort(self) -> None:
        self._queue.clear()
        self._bytes = 0
        self._aborted = True
        self.finish()
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        if not self._queue:
            return
        frames = b"".join(map(text_frame, self._queue))
        self._queue.clear()
        self._bytes = 0
        is_over = self._socket.closed or self._transport is None or self._transport.is_closing()
        if self._transport is not None and not is_over:
            self._sent += len(frames)
            self._transport.write(frames)

    async def close_when_finished(self) -> None:
        """Wait until `finish`, send what is queued and close the socket."""
        await self._finished.wait()
        self._flush()
        if not self._aborted:
            with suppress(ConnectionError, RuntimeError):  # the socket is gone already
                reason = self._reason.encode()[:_REASON_BYTES].decode(errors="ignore")
                await self._socket.close(code=_close_code(reason), message=reason.encode())


def _close_code(reason: str) -> WSCloseCode:
    """The close code (RFC 6455 §7.4.1) beside the stream error that was sent before."""
    if not reason:
        return WSCloseCode.OK
    is_ours = reason.startswith("system-shutdown")
    return WSCloseCode.GOING_AWAY if is_ours else WSCloseCode.POLICY_VIOLATION


def text_frame(text: str) -> bytes:
    """A whole message in one frame of a server, not masked, not compressed (RFC 6455 §5.2)."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes((_FINAL_TEXT, size)) + payload
    if size < 65536:
        return _FRAME_16.pack(_FINAL_TEXT, 126, size) + payload
    return _FRAME_64.pack(_FINAL_TEXT, 127, size) + payload


def origin_of(request: web.Request) -> Origin:
    """What the request for a connection says of its client."""
    query = request.query
    return Origin(
        remote_ip=request.remote or "",
        host=request.headers.get("Host", "")[:_MAX_PARAMETER],
        room=query.get("room", "")[:_MAX_PARAMETER],
        token=query.get("token", "")[:_MAX_PARAMETER],
        previd=query.get("previd", "")[:_MAX_PARAMETER],
    )
