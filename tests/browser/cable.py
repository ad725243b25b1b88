"""A cable to the server that can be pulled out: an HTTP proxy, for one person's browser alone.

Pages, signalling and the bridge channel go through it; media over UDP does not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

_CHUNK = 64 * 1024
_LINES_END = b"\r\n\r\n"


class Cable:
    """Serves `CONNECT host:port` (RFC 9110 §9.3.6) until it is cut, and again once it is mended."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._port = 0
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def mend(self) -> None:
        """Connections come through, at the same address as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Every connection breaks, without a word to either side; new ones are refused."""
        if self._server is not None:
            self._server.close()
        for each in self._connections:
            each.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            # Whoever is cut off meanwhile has nobody left to be told.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                request = await reader.readuntil(_LINES_END)
                host, _, port = request.split()[1].decode().rpartition(":")
                far_reader, far_writer = await asyncio.open_connection(host, int(port))
                self._connections.add(far_writer)
                try:
                    writer.write(b"HTTP/1.1 200 Connected" + _LINES_END)
                    await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))
                finally:
                    self._connections.discard(far_writer)
                    far_writer.close()
        finally:
            self._connections.discard(writer)
            writer.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


@contextlib.asynccontextmanager
async def cable() -> AsyncIterator[Cable]:
    one = Cable()
    await one.mend()
    try:
        yield one
    finally:
        one.cut()
