"""Outgoing connections for the XMPP client: a WebSocket, or TCP that is upgraded to TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, cast

import aiohttp

from tertulia.xmpp.errors import LoginFailed
from tertulia.xmpp.transports.websocket import SUBPROTOCOL
from tertulia.xmpp.trust import Trust

Received = Callable[[str | bytes], None]
Lost = Callable[[BaseException | None], None]  # with what went wrong, if anything did


_CLOSE_S = 2.0  # how long the server may take to answer a close frame


class Dialled(Protocol):
    """One outgoing connection. No method raises or waits."""

    gone: asyncio.Future[None]  # done when nothing of it is left

    def send(self, text: str) -> None:
        """Queue text (one frame)."""

    def start_tls(self, done: Callable[[], None]) -> None:
        """Upgrade; `done` is called when the certificate was accepted."""

    def finish(self) -> None:
        """Close once everything queued has left."""

    def abort(self) -> None:
        """Close at once."""


async def dial_websocket(
    url: str, host: str, trust: Trust, received: Received, lost: Lost
) -> Dialled:
    """Open a WebSocket. Raises: OSError, LoginFailed when the certificate is not accepted."""
    tls: ssl.SSLContext | aiohttp.Fingerprint = trust.context(host)
    if trust.sha256 is not None:
        tls = aiohttp.Fingerprint(trust.sha256)
    http = aiohttp.ClientSession()
    try:
        socket = await http.ws_connect(
            url,
            protocols=(SUBPROTOCOL,),
            ssl=tls,
            max_msg_size=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
        )
    except aiohttp.ServerFingerprintMismatch:
        await http.close()
        raise LoginFailed("the server's certificate is not the one that was pinned") from None
    except aiohttp.ClientConnectorCertificateError as error:
        await http.close()
        raise LoginFailed(f"the server's certificate is not trusted: {error}") from None
    except aiohttp.ClientError as error:
        await http.close()
        raise ConnectionError(f"{url}: {error}") from None
    except BaseException:
        await http.close()
        raise
    return _WebSocket(http, socket, received, lost)


class _WebSocket:
    def __init__(
        self,
        http: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse,
        received: Received,
        lost: Lost,
    ) -> None:
        self._http = http
        self._socket = socket
        self.gone = asyncio.get_running_loop().create_future()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())
        self._reader = asyncio.create_task(self._read(received, lost))

    def send(self, text: str) -> None:
        self._queue.put_nowait(text)

    def start_tls(self, done: Callable[[], None]) -> None:
        raise AssertionError("a WebSocket is not upgraded")

    def finish(self) -> None:
        self._queue.put_nowait(None)

    def abort(self) -> None:
        self._reader.cancel()

    async def _write(self) -> None:
        with suppress(ConnectionError, RuntimeError):
            while (text := await self._queue.get()) is not None:
                await self._socket.send_str(text)
            await self._socket.close()

    async def _read(self, received: Received, lost: Lost) -> None:
        try:
            async for message in self._socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                received(message.data)
        except asyncio.CancelledError:
            await self._http.close()  # `abort`: without waiting for the server's close frame
        finally:
            lost(self._socket.exception())
            self._writer.cancel()
            await self._socket.close()
            await self._http.close()
            self.gone.set_result(None)


async def dial_tcp(host: str, port: int, trust: Trust, received: Received, lost: Lost) -> Dialled:
    """Open a TCP connection, still without TLS. Raises: OSError."""
    loop = asyncio.get_running_loop()
    tls = trust.context(host)
    _, wire = await loop.create_connection(
        lambda: _Tcp(host, tls, trust, received, lost), host, port
    )
    return wire


class _Tcp(asyncio.Protocol):
    def __init__(
        self, host: str, tls: ssl.SSLContext, trust: Trust, received: Received, lost: Lost
    ) -> None:
        self._host = host
        self._tls = tls
        self._trust = trust
        self._received = received
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._upgrade: asyncio.Task[None] | None = None
        self._early = bytearray()
        self._error: Exception | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._upgrade is not None:
            self._early += data
        else:
            self._received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._upgrade is not None:
            self._upgrade.cancel()
        if not self.gone.done():
            self.gone.set_result(None)
            self._lost(self._error or exc)

    def send(self, text: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(text.encode())

    def start_tls(self, done: Callable[[], None]) -> None:
        assert self._transport is not None
        self._transport.pause_reading()
        self._upgrade = asyncio.create_task(self._shake_hands(self._transport, done))

    def finish(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        # Once gone it must not be touched: asyncio's TLS transports raise then (Python 3.11.2).
        if self._transport is not None and not self.gone.done():
            self._transport.abort()
            if self._upgrade is not None:  # a handshake is told, and nobody else is
                self.connection_lost(None)

    async def _shake_hands(self, transport: asyncio.Transport, done: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        try:
            upgraded = await loop.start_tls(transport, self, self._tls, server_hostname=self._host)
            if upgraded is None:
                raise ConnectionError("closed during the TLS handshake")
            self._transport = upgraded
            self._trust.check(upgraded.get_extra_info("ssl_object").getpeercert(binary_form=True))
        except (OSError, LoginFailed) as error:  # ssl.SSLError is an OSError
            self._error = error
            self._upgrade = None
            transport.abort()
            self.connection_lost(error)
            return
        self._upgrade = None
        early, self._early = bytes(self._early), bytearray()
        done()
        if early:
            self._received(early)
