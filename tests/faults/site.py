"""A site to break: one control process, bridges as the test wants them, and what they tell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from tests.conftest import RunningServer
from tests.process_log import ProcessLog

from tertulia import program
from tertulia.survival import state_file

# All clients come from one address here.
MANY_FROM_ONE_ADDRESS = {
    "TERTULIA_LIMITS_CONNECTIONS_PER_ADDRESS": "1000",
    "TERTULIA_LIMITS_CONNECTION_RATE_PER_ADDRESS": "1000",
    "TERTULIA_LIMITS_CONNECTION_BURST_PER_ADDRESS": "100000",
    "TERTULIA_LIMITS_OCCUPANTS_PER_ROOM": "300",
}
STOP_WITHIN_S = 40.0
_MONITOR = re.compile(r"Monitoring at: (http://\S+/)")


@dataclass
class Bridge:
    """`tertulia bridge` on its own, as on another machine."""

    name: str
    process: asyncio.subprocess.Process
    _log: ProcessLog = field(init=False)

    def __post_init__(self) -> None:
        self._log = ProcessLog(self.process)

    @property
    def log(self) -> list[str]:
        return self._log.lines

    @classmethod
    async def start(cls, server: RunningServer, name: str, port: int = 0) -> Bridge:
        """`port` is where it finds the server, if not at its own."""
        return await cls.of_several((server,), name, ports=(port or server.port,))

    @classmethod
    async def of_several(
        cls,
        servers: Sequence[RunningServer],
        name: str,
        *more: str,
        ports: Sequence[int] = (),
    ) -> Bridge:
        """One process that serves all of these; `more` are further options."""
        each_has: list[str] = []
        for server, port in zip(servers, ports or [each.port for each in servers], strict=True):
            each_has += ("--server", f"https://127.0.0.1:{port}", "--host", "localhost")
            each_has += ("--public-netloc", f"localhost:{server.port}")
            each_has += ("--secret-file", str(server.data / "bridge.secret"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tertulia", "bridge", "--name", name, *each_has, *more),
            *("--media-port", "0", "--media-address", "127.0.0.1", "--monitor-port", "0"),
            stderr=asyncio.subprocess.PIPE,
            limit=1024 * 1024,
        )
        return cls(name, process)

    async def logged(self, text: str, *, after: int = 0, within_s: float = 30.0) -> int:
        """Wait for a log line that contains `text`; return the index of the line after it."""
        return await self._log.until(text, after=after, within_s=within_s)

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def ended(self) -> int:
        async with asyncio.timeout(STOP_WITHIN_S):
            return await self.process.wait()

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGKILL)
            await self.process.wait()
        await self._log.complete()

    async def statistics(self) -> dict[str, Any]:
        return await fetched(f"{await self.pages()}colibri/stats")

    async def posted(self, path: str, order: dict[str, Any]) -> None:
        url = f"{await self.pages()}{path}"
        async with aiohttp.ClientSession() as http, http.post(url, json=order) as answer:
            assert answer.status == 200, await answer.text()

    async def pages(self) -> str:
        line = await self.logged("Monitoring at:")
        found = _MONITOR.search(self.log[line - 1])
        assert found is not None
        return found[1]


async def fetched(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def bridge_statistics(server: RunningServer, after: int = 0) -> dict[str, Any]:
    """What the supervised bridge tells of itself; `after` skips the pages of one that is gone."""
    line = after
    while True:
        line = await server.logged("Monitoring at:", after=line)
        if "process=bridge" in server.log[line - 1]:
            found = _MONITOR.search(server.log[line - 1])
            assert found is not None
            return await fetched(f"{found[1]}colibri/stats")


@contextlib.asynccontextmanager
async def site(
    data: Path, *, bridges: Sequence[str] = (), settings: dict[str, str] | None = None
) -> AsyncIterator[tuple[RunningServer, dict[str, Bridge]]]:
    """A server with a bridge of its own, or with `bridges` beside it instead."""
    environment = MANY_FROM_ONE_ADDRESS | (settings or {})
    if not bridges:
        server = await RunningServer.start(data, environment=environment)
        try:
            yield server, {}
        finally:
            await server.stop()
        return
    # Bridges need the port and the secret; a first start makes both.
    first = await RunningServer.start(data, environment=environment)
    await first.stop()
    started: dict[str, Bridge] = {}
    try:
        for name in bridges:
            started[name] = await Bridge.start(first, name)
        server = await RunningServer.start(
            data,
            ["--set", "bridge.enabled=false", "--port", str(first.port)],
            environment,
        )
        try:
            for name in bridges:
                await server.logged(f"internal.auth.localhost/{name},")
            yield server, started
        finally:
            await server.stop()
    finally:
        for bridge in started.values():
            await bridge.stop()


class Cut:
    """A TCP line to the server that can be cut: bytes wait, connections stay, as in a network."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._whole = asyncio.Event()
        self._whole.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._bytes_per_s: int | None = None
        self.port = 0

    async def __aenter__(self) -> Cut:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def slow(self, bytes_per_s: int) -> None:
        """Take only so much from the server from now on; 0: nothing, its window closes."""
        self._bytes_per_s = bytes_per_s

    def drop(self) -> None:
        """End what runs through it, like a middle box that forgot its connections."""
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        # Little fits into it, so that what is not taken waits at the server at once.
        outward = socket.socket()
        outward.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        outward.setblocking(False)
        await asyncio.get_running_loop().sock_connect(outward, ("127.0.0.1", self._target))
        there, back = await asyncio.open_connection(sock=outward)
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._copy(source, sink, is_slow=source is there))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _copy(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_slow: bool
    ) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    await self._whole.wait()
                    if is_slow:
                        await self._trickle(sink, data)
                        continue
                    sink.write(data)
                    await sink.drain()
            await self._whole.wait()  # not even the end of a connection passes
        finally:
            sink.close()

    async def _trickle(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        """Pass on what came at the pace that was asked for, and read no more meanwhile."""
        while data and self._bytes_per_s is not None:
            await asyncio.sleep(1.0)
            sink.write(data[: self._bytes_per_s])
            data = data[self._bytes_per_s :]
        sink.write(data)
        await sink.drain()


def stopped(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def goes_on(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


async def written_down(server: RunningServer) -> None:
    """Wait until a next process would find all that has happened up to now.

    A state file that is written from now on holds all of it, for its writer does one thing at a
    time; and it is written every few seconds at least.
    """
    since = state_file.now()
    path, version = server.data / "meetings.state", program.fingerprint()
    async with asyncio.timeout(STOP_WITHIN_S):
        while True:
            try:
                state_file.read(path, version, oldest_s=state_file.now() - since)
            except state_file.StateUnusable as why:
                if not why.args[0].startswith("written"):
                    raise
                await asyncio.sleep(0.05)
            else:
                return


async def killed(server: RunningServer) -> None:
    """End the control process as nobody can prevent; whatever it started goes on."""
    server.process.kill()
    await server.process.wait()


async def started_again(
    server: RunningServer, settings: dict[str, str] | None = None, *arguments: str
) -> RunningServer:
    """The same server, with the same data at the same port, as a new process."""
    return await RunningServer.start(
        server.data,
        ["--port", str(server.port), *arguments],
        MANY_FROM_ONE_ADDRESS | (settings or {}),
    )
