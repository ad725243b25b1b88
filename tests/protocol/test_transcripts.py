"""Every transcript holds on the core, on our WebSocket handler, and on a whole running server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.conftest import RunningServer
from tests.protocol.backends import Core, OwnBosh, RemoteServer, client_session, own_server
from tests.protocol.transcript import Backend, Performance

HERE = Path(__file__).parent
TRANSCRIPTS = sorted(
    path for path in HERE.glob("*.txt") if not path.name.startswith(("focus-", "accounts-"))
)
# Those in which time passes are for the core, whose time is made up.
SLOW = {path for path in TRANSCRIPTS if path.name.startswith("ghost-")}
EVERY = pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
# Enough to see that stanzas come through BOSH as they should, resumption included.
BY_BOSH = ("disco", "muc-chat", "muc-iq-relay", "muc-join", "muc-kick", "sm-come-new", "sm-resume")
QUICK = pytest.mark.parametrize(
    "path", [path for path in TRANSCRIPTS if path not in SLOW], ids=lambda path: path.stem
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RemoteServer]:
    """`tertulia serve`, started once; or the one that TERTULIA_TEST_SERVER=host:port names."""
    async with client_session() as http:
        given = os.environ.get("TERTULIA_TEST_SERVER")
        if given:
            host = given.rpartition(":")[0]
            yield RemoteServer(http, f"wss://{given}/xmpp-websocket", host)
            return
        server = await RunningServer.start(tmp_path_factory.mktemp("server"))
        try:
            url = f"wss://127.0.0.1:{server.port}/xmpp-websocket"
            yield RemoteServer(http, url, server.host)
        finally:
            await server.stop()


@EVERY
async def test_the_core_follows(path: Path) -> None:
    await _perform(Core(), path)


@QUICK
async def test_the_websocket_handler_follows(path: Path, tmp_path: Path) -> None:
    async with own_server(tmp_path) as server:
        await _perform(server, path)


@pytest.mark.parametrize("name", BY_BOSH)
async def test_the_bosh_handler_follows(name: str, tmp_path: Path) -> None:
    async with own_server(tmp_path, kind=OwnBosh) as server:
        await _perform(server, HERE / f"{name}.txt")


@QUICK
@pytest.mark.asyncio(loop_scope="session")
async def test_the_running_server_follows(path: Path, running_server: RemoteServer) -> None:
    await _perform(running_server, path)


async def _perform(backend: Backend, path: Path) -> None:
    await Performance(backend).run(path)
