"""Accepts the connections of the one public TCP port and hands each to who can serve it.

Why not `aiohttp.web.TCPSite`: pages, signalling and bridge channels share this port with media over
TCP, for networks that let nothing else through. Who calls shows in the first bytes only, so we
accept ourselves, look without consuming (MSG_PEEK), and then let the owner read from the start:

    0x16      a TLS handshake (RFC 8446 §5.1)                    -> HTTPS
    A-Z       plain HTTP, somebody typed the address by hand     -> told the right address
    0x00-0x08 RFC 4571 framed STUN (RFC 6544)                    -> the bridge process
    else                                                         -> closed
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import re
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tertulia.errors import ConfigError
from tertulia.machine import why_not_bound
from tertulia.web.handover import PREFIX_BYTES, Handover, is_media, may_be_media
from tertulia.xmpp import refusals
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.patience import Deadline, Patience
from tertulia.xmpp.turns import Turns

logger = logging.getLogger("tertulia.web")

_TLS_HANDSHAKE = 0x16
_LATEST = 6  # times the limit of a handshake, whatever it waits for
_HTTP_HOST = re.compile(rb"\r\nhost: *([A-Za-z0-9.:\[\]-]{1,255})\r\n", re.IGNORECASE)
_HTTP_TARGET = re.compile(rb"[A-Z]{3,10} (/[!-~]{0,1000}) HTTP/1\.[01]\r\n")


@dataclass(frozen=True, slots=True)
class AcceptorLimits:
    """What connections may cost before they have said who they are."""

    first_byte_within_s: float = 10.0
    handshake_within_s: float = 10.0
    first_request_within_s: float = 10.0
    # A whole class behind one NAT opens its pages at once; a browser opens up to six each.
    unfinished_per_address: int = 256
    unfinished: int = 2048
    backlog: int = 1024
    handshake_s: float = 0.001  # what a TLS handshake is charged of the time of `xmpp.turns`


def bind(addresses: Sequence[str], port: int, *, option: str) -> list[socket.socket]:
    """Bind one listening socket per address, all on one port (0: any that is free on all).

    Raises: ConfigError naming the address and port, and `option`, which chooses another.
    """
    attempts = 1 if port else 16
    while True:
        attempts -= 1
        bound: list[socket.socket] = []
        try:
            for address in addresses:
                chosen = port or (bound[0].getsockname()[1] if bound else 0)
                listener = _bind_one(address, chosen, required=len(addresses) == 1)
                if listener is not None:
                    bound.append(listener)
        except OSError as error:
            for listener in bound:
                listener.close()
            if port == 0 and error.errno == errno.EADDRINUSE and attempts:
                continue
            raise ConfigError(why_not_bound(error, address, port, "tcp", option)) from None
        if not bound:
            raise ConfigError(f"{', '.join(addresses)}: no address to listen on; set http.listen")
        return bound


def _bind_one(address: str, port: int, *, required: bool) -> socket.socket | None:
    """A bound socket; None where the machine has no IPv6 and others are asked for as well."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        if required:
            raise
        return None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setblocking(False)
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        if family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL and not required:
            return None
        raise
    return listener


class Acceptor:
    """Serves the listening sockets; `start`, then `close`."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        tls: ssl.SSLContext,
        limits: AcceptorLimits | None = None,
        handover: Handover | None = None,
        turns: Turns | None = None,
    ) -> None:
        """
        Args:
            handover: takes media over TCP; without one such connections are closed.
            turns: where handshakes wait for theirs, so that many do not hold up the others.
        """
        self._turns = turns or Turns(XmppLimits().turn_s)
        self._listeners = list(listeners)
        self._tls = tls
        self._handover = handover
        self._serve: Callable[[], asyncio.Protocol] = asyncio.Protocol
        self._limits = limits or AcceptorLimits()
        self._unfinished: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        # HTTPS connections without a complete request so far, and when to give them up.
        self._silent: dict[asyncio.BaseProtocol, Deadline | None] = {}
        self._patience = Patience()

    def start(self, serve: Callable[[], asyncio.Protocol]) -> None:
        """Listen. `serve` makes the protocol of one HTTPS connection (an aiohttp `web.Server`)."""
        self._serve = serve
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            listener.listen(self._limits.backlog)
            loop.add_reader(listener.fileno(), self._accept, listener)

    async def close(self) -> None:
        """Stop listening and drop connections that are not handed over yet."""
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener.fileno())
            listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for timer in self._silent.values():
            if timer is not None:
                timer.cancel()

    def heard(self, connection: asyncio.BaseProtocol) -> None:
        """A complete request came: from here on the HTTP server minds the connection."""
        timer = self._silent.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def _give_up(self, connection: asyncio.BaseProtocol, transport: asyncio.Transport) -> None:
        self._silent.pop(connection, None)
        transport.abort()

    def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(self._limits.backlog):
            try:
                connection, peer = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # out of descriptors: rest, or this loop spins
                logger.error("Cannot accept: %s", error.strerror)
                loop.remove_reader(listener.fileno())
                loop.call_later(1.0, self._resume, listener)
                return
            address = peer_address(str(peer[0]))
            too_many = (
                self._unfinished[address] >= self._limits.unfinished_per_address
                or len(self._tasks) >= self._limits.unfinished
            )
            if too_many:
                refusals.count("unfinished_per_address", "closed")
                connection.close()
                continue
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._unfinished[address] += 1
            task = loop.create_task(self._hand_over(connection, address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _resume(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            asyncio.get_running_loop().add_reader(listener.fileno(), self._accept, listener)

    async def _hand_over(self, connection: socket.socket, address: str) -> None:
        handed_over = False
        try:
            async with self._patience.timeout(self._limits.first_byte_within_s):
                first = await _peek(connection, 1)
            if first and first[0] == _TLS_HANDSHAKE:
                await self._turns.take(self, lambda: None, self._limits.handshake_s)
                # From here the socket is the loop's; it closes it on a failed handshake too.
                handed_over = True
                await self._serve_https(connection)
            elif self._handover is not None and may_be_media(first):
                async with self._patience.timeout(self._limits.first_byte_within_s):
                    prefix = await _peek_all(connection, PREFIX_BYTES)
                if is_media(prefix):
                    self._handover.give(connection)
            elif first.isalpha() and first.isupper():
                connection.send(redirection(await _peek(connection, 2048)))
        except (OSError, TimeoutError):  # ssl.SSLError and ConnectionError are OSErrors
            pass  # the caller's trouble, and it has seen it
        finally:
            self._unfinished[address] -= 1
            if self._unfinished[address] <= 0:
                del self._unfinished[address]
            if not handed_over:
                connection.close()

    async def _serve_https(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        protocol = self._serve()
        self._silent[protocol] = None
        try:
            async with self._patience.timeout(self._limits.handshake_within_s):
                transport, _ = await loop.connect_accepted_socket(
                    lambda: protocol,
                    connection,
                    ssl=self._tls,
                    ssl_handshake_timeout=self._limits.handshake_within_s * _LATEST,
                )
        except BaseException:
            del self._silent[protocol]
            raise
        if protocol in self._silent:  # its first request may have come with the handshake
            # aiohttp waits for a first request for ever, and so does who sends it slowly.
            self._silent[protocol] = self._patience.call_later(
                self._limits.first_request_within_s,
                lambda: self._give_up(protocol, transport),
            )


async def _peek(connection: socket.socket, size: int) -> bytes:
    """The first bytes, left in the socket; b"" when the peer has closed."""
    while True:
        with contextlib.suppress(BlockingIOError, InterruptedError):
            return connection.recv(size, socket.MSG_PEEK)
        await _readable(connection)


async def _peek_all(connection: socket.socket, size: int) -> bytes:
    """The first `size` bytes, left in the socket; fewer when the peer has closed."""
    # Else the socket would count as readable for the bytes that have been seen already.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
    await _readable(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
    return connection.recv(size, socket.MSG_PEEK)


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(connection.fileno(), _wake, readable)
    try:
        await readable
    finally:
        loop.remove_reader(connection.fileno())


def _wake(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)


def redirection(request: bytes) -> bytes:
    """The answer to plain HTTP on the HTTPS port: the same address with https."""
    host, target = _HTTP_HOST.search(request), _HTTP_TARGET.match(request)
    if host is None or target is None:
        head = b"HTTP/1.1 400 Bad Request\r\n"
    else:
        head = b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://" + host[1] + target[1]
        head += b"\r\n"
    return head + b"Content-Length: 0\r\nConnection: close\r\n\r\n"


def peer_address(text: str) -> str:
    """The address limits are counted for: an IPv4 address, or the /64 of an IPv6 one.

    One household or one attacker owns a whole /64 (RFC 6177), so single addresses say nothing.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False).network_address)
