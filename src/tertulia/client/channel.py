"""The bridge channel of a participant: a WebSocket with JSON messages (reference bridge 1.5)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from tertulia.xmpp.trust import Trust

log = logging.getLogger("tertulia.client")

_MOST_BYTES = 1024 * 1024
_RETRY_S = (0.5, 1.0, 2.0, 5.0)


class BridgeChannel:
    """Keeps the channel of one session open until `close`; what is said early or again is kept.

    Standing messages (`stand`) are repeated whenever the channel opens anew.
    """

    def __init__(self, url: str, trust: Trust, heard: Callable[[Mapping[str, Any]], None]) -> None:
        self._url = url
        self._trust = trust
        self._heard = heard
        self._standing: dict[str, dict[str, Any]] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._wake = asyncio.Event()
        self._outgoing: list[str] = []
        self.is_open = False
        self._task = asyncio.create_task(self._run())

    def stand(self, key: str, message: dict[str, Any]) -> None:
        """Say this now and whenever the channel opens anew, instead of what `key` was before."""
        self._standing[key] = message
        if self.is_open:
            self.send(message)

    def send(self, message: Mapping[str, Any]) -> None:
        """Say this once; without effect while the channel is not open."""
        if self.is_open:
            self._outgoing.append(json.dumps(message, separators=(",", ":")))
            self._wake.set()

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        attempt = 0
        async with aiohttp.ClientSession() as http:
            while True:
                try:
                    async with http.ws_connect(
                        self._url, ssl=self._tls(), max_msg_size=_MOST_BYTES, heartbeat=15.0
                    ) as socket:
                        attempt = 0
                        await self._talk(socket)
                except (aiohttp.ClientError, OSError) as error:
                    log.info("Bridge channel: %s", error or type(error).__name__)
                finally:
                    self.is_open = False
                await asyncio.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                attempt += 1

    def _tls(self) -> ssl.SSLContext | aiohttp.Fingerprint:
        if self._trust.sha256 is not None:
            return aiohttp.Fingerprint(self._trust.sha256)
        host = self._url.partition("://")[2].partition("/")[0]
        return self._trust.context(host.rpartition(":")[0] or host)

    async def _talk(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.is_open = True
        self._outgoing = []
        self.send({"colibriClass": "ClientHello"})
        for standing in self._standing.values():
            self.send(standing)
        writer = asyncio.create_task(self._write(socket))
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._read(message.data)
        finally:
            writer.cancel()

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                self._wake.clear()
                while self._outgoing:
                    await socket.send_str(self._outgoing.pop(0))
                await self._wake.wait()

    def _read(self, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return
        if isinstance(message, dict):
            self._heard(message)
