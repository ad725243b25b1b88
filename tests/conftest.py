"""What several kinds of tests share: a real server, and how long the fuzz tests try."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests import postgresql as programs
from tests.process_log import ProcessLog

from tertulia.storage.place import FILE_NAME

# `scripts/test` runs the fuzz tests apart, with --hypothesis-profile=short on a machine that does
# other things too; `scripts/fuzz` runs them ten times as long.
settings.register_profile("quick", max_examples=100, deadline=None)
settings.register_profile(
    "short", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "fuzz", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")

START_WITHIN_S = 30.0
STOP_WITHIN_S = 30.0
_READY = re.compile(r"ready (https://(\S+):(\d+)/)\n")


@dataclass
class RunningServer:
    """One `tertulia serve` as a process of its own, with its data in a folder of its own."""

    data: Path
    process: asyncio.subprocess.Process
    url: str = ""  # "https://localhost:PORT/"
    host: str = ""
    port: int = 0
    _log: ProcessLog = field(init=False)

    def __post_init__(self) -> None:
        self._log = ProcessLog(self.process)

    @property
    def log(self) -> list[str]:
        return self._log.lines

    @classmethod
    async def start(
        cls, data: Path, arguments: Sequence[str] = (), environment: dict[str, str] | None = None
    ) -> RunningServer:
        """Start a server on free ports of the loopback and wait until it is ready."""
        server = cls(data, await spawn(data, arguments, environment))
        assert server.process.stdout is not None
        try:
            async with asyncio.timeout(START_WITHIN_S):
                line = (await server.process.stdout.readline()).decode()
        except TimeoutError:
            await server.stop()
            raise AssertionError(f"not ready in time:\n{server.tail()}") from None
        found = _READY.fullmatch(line)
        if found is None:
            await server.stop()
            raise AssertionError(f"said {line!r} instead of ready:\n{server.tail()}")
        server.url, server.host, server.port = found[1], found[2], int(found[3])
        return server

    async def stop(self) -> int:
        """Ask it to end; return its exit status."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                status = await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(f"did not stop in time:\n{self.tail()}") from None
        await self._log.complete()
        return status

    async def logged(self, text: str, *, after: int = 0, within_s: float = 30.0) -> int:
        """Wait for a log line that contains `text`; return the index of the line after it."""
        return await self._log.until(text, after=after, within_s=within_s)

    def tail(self) -> str:
        return "\n".join(self.log[-40:])

    def bridge_pids(self) -> list[int]:
        """The process ids of its bridges that run now (they are its only children)."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(each) for each in children.split() if _is_running(int(each))]


def free_port() -> int:
    """A TCP port of the loopback, for what cannot be told to find one by itself.

    None of those that the kernel gives to connections, which would take it meanwhile.
    """
    for port in random.sample(range(20_000, 32_000), 1000):
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def _is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def spawn(
    data: Path, arguments: Sequence[str] = (), environment: dict[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start `tertulia serve` on free ports of the loopback; say nothing about how it goes."""
    settings_of_tests = {
        "TERTULIA_HTTP_LISTEN": "127.0.0.1",
        "TERTULIA_HTTP_PORT": "0",
        "TERTULIA_MEDIA_PORT": "0",
        "TERTULIA_MONITOR_PORT": "0",
        "TERTULIA_BRIDGE_MONITOR_PORT": "0",
        "TERTULIA_MEDIA_ADDRESSES": "127.0.0.1",
        "TERTULIA_DATA": str(data),
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tertulia", "serve", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1024 * 1024,
        env={**os.environ, **settings_of_tests, **(environment or {})},
        cwd=data,  # a tertulia.toml in the checkout is nobody's business here
    )


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    """A server of this test alone."""
    running = await RunningServer.start(tmp_path)
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[programs.Cluster]:
    """A PostgreSQL of this run of pytest, begun when the first test wants it."""
    with programs.running() as cluster:
        yield cluster


@pytest.fixture(params=("sqlite", "postgresql"))
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that is not made yet, or empty: once of each kind there is."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / FILE_NAME}"
    cluster: programs.Cluster = request.getfixturevalue("postgresql")
    return cluster.create()
