"""A server of our own for one benchmark: free ports, an empty data folder, its cost in view."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.process import command_line, cpu_ns, descendants, pss_kib, stop

COMMAND = (sys.executable, "-m", "tertulia")  # what the command `tertulia` of this venv does
READY_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0

# The limits per address assume people behind many addresses; here all come from one.
ONE_ADDRESS = {
    "TERTULIA_LIMITS_CONNECTIONS_PER_ADDRESS": "1000",
    "TERTULIA_LIMITS_CONNECTION_RATE_PER_ADDRESS": "1000",
    "TERTULIA_LIMITS_CONNECTION_BURST_PER_ADDRESS": "100000",
}


class ServerFailed(Exception):
    """The server did not become ready; the message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time in ns of the two processes at one moment."""

    control_ns: int
    bridge_ns: int

    def __sub__(self, earlier: Cost) -> Cost:
        return Cost(self.control_ns - earlier.control_ns, self.bridge_ns - earlier.bridge_ns)

    @property
    def total_ns(self) -> int:
        return self.control_ns + self.bridge_ns


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    url: str  # https://localhost:PORT/
    pid: int
    log: Path
    executed_at: float  # time.monotonic() just before exec
    ready_s: float  # from exec to the ready line

    @property
    def netloc(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def domain(self) -> str:
        """The XMPP domain: the one host name everything is derived from."""
        return urlsplit(self.url).hostname or ""

    @property
    def websocket_url(self) -> str:
        return f"wss://{self.netloc}/xmpp-websocket"

    @property
    def bridge_pid(self) -> int:
        """The supervised bridge. Raises: ProcessLookupError when it does not run."""
        for pid in self.pids()[1:]:
            if "bridge" in command_line(pid):
                return pid
        raise ProcessLookupError("no bridge process")

    def pids(self) -> list[int]:
        return descendants(self.pid)

    def cost(self, *, with_bridge: bool = True) -> Cost:
        return Cost(cpu_ns(self.pid), cpu_ns(self.bridge_pid) if with_bridge else 0)

    def pss_mib(self) -> dict[str, float]:
        """Resident memory by process, in MiB."""
        names = {self.pid: "control"}
        with contextlib.suppress(ProcessLookupError):
            names[self.bridge_pid] = "bridge"
        found: dict[str, float] = {}
        for pid in self.pids():
            name = names.get(pid, "other")
            found[name] = found.get(name, 0.0) + pss_kib(pid) / 1024
        return found


@contextlib.asynccontextmanager
async def running(settings: Mapping[str, str] | None = None) -> AsyncIterator[Server]:
    """Start a server, yield it when it says it is ready, and end it.

    Args:
        settings: environment variables over the defaults, such as TERTULIA_P2P_ENABLED.
    Raises: ServerFailed.
    """
    with tempfile.TemporaryDirectory(prefix="tertulia-bench-") as folder:
        log = Path(folder) / "log"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TERTULIA_")}
        environment |= {"TERTULIA_LOG_LEVEL": "warning", **(settings or {})}
        arguments = ["serve", "--data", f"{folder}/data", "--port", "0", "--media-port", "0"]
        executed_at = time.monotonic()
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *COMMAND,
                *arguments,
                "--host",
                "localhost",
                env=environment,
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        try:
            url = await _ready_url(process, log)
            yield Server(url, process.pid, log, executed_at, time.monotonic() - executed_at)
        except BaseException:
            print(f"the server's log ends with:{_tail(log)}", file=sys.stderr)
            raise
        finally:
            await _stop(process)


async def _ready_url(process: asyncio.subprocess.Process, log: Path) -> str:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while line := await process.stdout.readline():
                found = re.match(r"ready (https://\S+)", line.decode())
                if found:
                    return found[1]
    except TimeoutError:
        raise ServerFailed(f"not ready within {READY_WITHIN_S:g} s{_tail(log)}") from None
    raise ServerFailed(f"ended with status {await process.wait()}{_tail(log)}")


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-8:]
    return "".join(f"\n    {line}" for line in lines)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    left_behind = descendants(process.pid)[1:]
    await stop(process, STOP_WITHIN_S)
    for pid in left_behind:  # usually gone with it
        with contextlib.suppress(ProcessLookupError):
            if "bridge" in command_line(pid):
                os.kill(pid, signal.SIGKILL)
