"""Prosody as a peer: only its connections and rooms, started by hand on loopback.

It is measured where the package `prosody` is installed; its own service need not run.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bench.process import cpu_ns, pss_kib, stop

READY_WITHIN_S = 20.0
STOP_WITHIN_S = 5.0

# Without rate limits, with the modules a client of ours needs and nothing else.
_CONFIG = """
run_as_root = true
data_path = "{folder}"
log = {{ info = "*console" }}
network_backend = "epoll"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ }}
s2s_ports = {{ }}
http_ports = {{ }}
https_ports = {{ {port} }}
https_interfaces = {{ "127.0.0.1" }}
http_paths = {{ websocket = "/xmpp-websocket" }}
ssl = {{ key = "{folder}/key.pem", certificate = "{folder}/certificate.pem" }}
modules_enabled = {{ "saslauth", "disco", "ping", "websocket" }}
modules_disabled = {{ "s2s" }}

VirtualHost "localhost"
    authentication = "anonymous"

Component "conference.localhost" "muc"
    muc_room_locking = false
    muc_room_default_public_jids = true
"""


@dataclass(frozen=True, slots=True)
class Prosody:
    """A running Prosody."""

    pid: int
    port: int
    version: str

    @property
    def websocket_url(self) -> str:
        return f"wss://localhost:{self.port}/xmpp-websocket"

    def cpu_ns(self) -> int:
        return cpu_ns(self.pid)

    def pss_mib(self) -> float:
        return pss_kib(self.pid) / 1024


def command() -> str | None:
    return shutil.which("prosody")


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Prosody]:
    """Start one on a free port, yield it when it listens, and end it.

    Raises: FileNotFoundError when it is not installed, TimeoutError when it does not start.
    """
    program = command()
    if program is None:
        raise FileNotFoundError("prosody")
    with tempfile.TemporaryDirectory(prefix="tertulia-bench-") as folder:
        port = _free_port()
        _prepare(Path(folder), port)
        process = await asyncio.create_subprocess_exec(
            program,
            "-F",
            "--config",
            f"{folder}/prosody.cfg.lua",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        draining: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await _until_listening(process)
            draining = asyncio.create_task(_drain(process))
            yield Prosody(process.pid, port, _version())
        finally:
            await stop(process, STOP_WITHIN_S)
            if draining is not None:
                await draining


def _prepare(folder: Path, port: int) -> None:
    (folder / "prosody.cfg.lua").write_text(_CONFIG.format(folder=folder, port=port))
    # The same kind of key as our own certificate has: ECDSA P-256.
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")),
        ],
        check=True,
        capture_output=True,
    )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def _until_listening(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    said = b""
    while line := await process.stdout.readline():
        said += line
        if b"Activated service 'https' on" in line:
            if b"no ports" in line:
                break
            return
    raise TimeoutError(f"prosody does not listen: {said.decode(errors='replace')[-800:]}")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    while await process.stdout.read(65536):
        pass


def _version() -> str:
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "prosody"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout or "unknown"
