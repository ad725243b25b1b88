"""XMPP over TCP (RFC 6120 §3): for bridges and other servers' programs, TLS required."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
from functools import partial
from typing import cast

from tertulia.xmpp import ns as NS
from tertulia.xmpp import refusals
from tertulia.xmpp.credentials import Credentials
from tertulia.xmpp.framing import TcpFraming
from tertulia.xmpp.gate import ConnectionGate
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.patience import Deadline, Patience
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.sessions import Sessions
from tertulia.xmpp.stanza import iq
from tertulia.xmpp.stream import ServerStream
from tertulia.xmpp.transports.connection import Connection
from tertulia.xmpp.turns import Turns
from tertulia.xmpp.xml import Element, serialise

_FLUSH_S = 5.0  # how long a closing connection may take to send its last bytes


class TcpListener:
    """All TCP clients of this process."""

    def __init__(
        self,
        router: Router,
        credentials: Credentials,
        *,
        domain: str,
        tls: ssl.SSLContext,
        sessions: Sessions | None = None,
        limits: XmppLimits | None = None,
        turns: Turns | None = None,
    ) -> None:
        """Sessions cannot be resumed over TCP: bridges come anew, which costs them nothing."""
        self.router = router
        self.credentials = credentials
        self.domain = domain
        self.tls = tls
        self.limits = limits or XmppLimits()
        self.sessions = sessions or Sessions(router, self.limits)
        self.turns = turns or Turns(self.limits.turn_s)
        self.gate = ConnectionGate(self.limits)
        self.patience = Patience()
        self.clients: set[_TcpClient] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str | None, port: int) -> int:
        """Accept clients; the port, which matters when 0 was asked for. Raises: OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _TcpClient(self), host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def serve(self, listener: socket.socket) -> None:
        """Accept clients of a socket that is bound already; it is closed with us."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _TcpClient(self), sock=listener)

    async def close(self) -> None:
        """End all streams because the server stops (RFC 6120 §4.9.3.21)."""
        if self._server is not None:
            self._server.close()
        gone = [client.shut_down() for client in list(self.clients)]
        if gone:
            await asyncio.wait(gone, timeout=_FLUSH_S)


class _TcpClient(asyncio.Protocol):
    """One TCP connection: asyncio's protocol on one side, the Wire of a Connection on the other."""

    _counter = itertools.count(1)

    def __init__(self, listener: TcpListener) -> None:
        self._listener = listener
        self._limits = listener.limits
        self._loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._ip = ""
        self._transport: asyncio.Transport | None = None
        self._connection: Connection | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._login: Deadline | None = None
        self._upgrade: asyncio.Task[None] | None = None
        self._untaken = 0  # pieces of what has come that wait for their turn
        self._early = bytearray()  # what came inside TLS before its handshake was reported
        self._heard = self._loop.time()
        self._asked = self._heard  # when a silent client was last pinged

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._ip = str(peer[0]) if peer else ""
        gate = self._listener.gate
        if not gate.arrive(self._ip, self._loop.time()) or not gate.admit(self._ip):
            refusals.count("connections_per_ip", "closed")
            self._transport.abort()
            return
        limits = self._limits
        stream = ServerStream(
            TcpFraming(limits.before_login()),
            self._listener.credentials,
            default_domain=self._listener.domain,
            limits=limits,
            secure=False,
            starttls=True,
        )
        self._connection = Connection(
            stream,
            self._listener.sessions,
            self._listener.router,
            self,
            limits=limits,
            origin=Origin(remote_ip=self._ip),
            now=self._loop.time(),
            on_login=lambda: gate.release(self._ip),
        )
        self._listener.clients.add(self)
        patience = self._listener.patience
        self._login = patience.call_later(limits.authenticate_s, self._connection.expire)
        self._after("idle", limits.idle_ping_s, self._ask_if_idle)

    def data_received(self, data: bytes) -> None:
        if self._connection is None or self._transport is None:
            return
        if self._upgrade is not None:
            self._early += data
            return
        self._heard = self._loop.time()
        size = self._limits.piece_bytes
        for start in range(0, len(data), size):
            self._untaken += 1
            self._listener.turns.call(self, partial(self._take, data[start : start + size]))
        if self._untaken and not self._transport.is_closing():
            self._transport.pause_reading()

    def _take(self, piece: bytes) -> None:
        assert self._connection is not None
        assert self._transport is not None
        self._untaken -= 1
        pause_s = self._connection.receive(piece, self._loop.time())
        if pause_s and not self._transport.is_closing():
            self._transport.pause_reading()
            self._after("pause", pause_s, self._resume)
        elif not self._untaken and "pause" not in self._timers:
            self._resume()

    def eof_received(self) -> bool | None:
        return None  # let asyncio close

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in self._timers.values():
            timer.cancel()
        if self._login is not None:
            self._login.cancel()
        if self._upgrade is not None:
            self._upgrade.cancel()
        if self._connection is not None:
            self._connection.lost()
        self._listener.clients.discard(self)
        if not self._gone.done():
            self._gone.set_result(None)

    # Wire

    def send(self, text: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(text.encode())

    def queued_bytes(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def start_tls(self) -> None:
        assert self._transport is not None
        self._transport.pause_reading()  # what follows is the handshake's
        self._upgrade = self._loop.create_task(self._shake_hands(self._transport))

    def finish(self, reason: str = "") -> None:
        if self._transport is not None:
            self._transport.close()
            self._after("flush", _FLUSH_S, self.abort)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def shut_down(self) -> asyncio.Future[None]:
        """End the stream; done when the connection is gone."""
        if self._connection is not None:
            self._connection.fail("system-shutdown")
        return self._gone

    # The rest

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        try:
            upgraded = await self._loop.start_tls(
                transport,
                self,
                self._listener.tls,
                server_side=True,
                ssl_handshake_timeout=self._limits.authenticate_s,
            )
        except (OSError, ssl.SSLError):
            transport.abort()
            return
        if upgraded is None or self._connection is None:  # closed meanwhile
            transport.abort()
            return
        self._transport = upgraded
        self._upgrade = None
        self._connection.secured()
        early, self._early = bytes(self._early), bytearray()
        if early:
            self.data_received(early)

    def _resume(self) -> None:
        self._timers.pop("pause", None)
        if self._untaken or self._upgrade is not None:
            return
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _ask_if_idle(self) -> None:
        """XEP-0199 towards a silent client: a dead one is noticed, and leaves its rooms."""
        connection = self._connection
        if connection is None:
            return
        limits = self._limits
        now = self._loop.time()
        was_asked = self._asked > self._heard
        silent_s = now - (self._asked if was_asked else self._heard)
        patience_s = limits.idle_ping_s / 2 if was_asked else limits.idle_ping_s
        if silent_s >= patience_s and (was_asked or not connection.is_bound):
            connection.fail("connection-timeout", "no answer to a ping (idle_ping_s)")
            self.abort()
            return
        if silent_s >= patience_s:
            self._asked = now
            ping = iq("get", connection.jid, Element("ping", ns=NS.PING))
            ping.attrs |= {"from": connection.jid.domain, "id": f"ping-{next(self._counter)}"}
            connection.carry(serialise(ping))
        self._after("idle", limits.idle_ping_s / 2, self._ask_if_idle)

    def _after(self, name: str, delay_s: float, call: object) -> None:
        assert callable(call)
        if (former := self._timers.get(name)) is not None:
            former.cancel()
        self._timers[name] = self._loop.call_later(delay_s, call)
