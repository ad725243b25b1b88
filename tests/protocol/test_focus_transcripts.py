"""Dialogues with the focus hold on the core with a bridge's mind, and on a whole running server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.conftest import RunningServer
from tests.protocol.backends import Core, MemoryWire, RemoteServer, client_session
from tests.protocol.pattern import match, parse_pattern
from tests.protocol.transcript import Performance, Person, Wire
from tests.unit.focus.bridge_session import BridgeSession

from tertulia.focus.service import Focus
from tertulia.focus.settings import FocusAddresses
from tertulia.rooms.av_moderation import AvModeration
from tertulia.rooms.metadata import RoomMetadata

HERE = Path(__file__).parent
EVERY = pytest.mark.parametrize("path", sorted(HERE.glob("focus-*.txt")), ids=lambda p: p.stem)
_TURNS = 50  # of the event loop, after which nothing is under way between focus and bridge


class FocusCore(Core):
    """The services with the real focus and a bridge that moves no packets."""

    def __init__(self) -> None:
        super().__init__()
        router = self._assembly.router
        moderation = self._assembly.parts.part(AvModeration.name)
        assert isinstance(moderation, AvModeration)
        metadata = self._assembly.parts.part(RoomMetadata.name)
        assert isinstance(metadata, RoomMetadata)
        self.focus = Focus(
            router=router,
            addresses=FocusAddresses.of(self.host),
            may_send=moderation.may_send,
            on_created=metadata.start_muted_from,
        )
        moderation.on_rights = self.focus.rights_changed
        self.focus.start()  # takes the place of the stand-in
        BridgeSession(router, "br1", self.host)

    async def connect(self, name: str, previd: str = "") -> Wire:
        return PatientWire(self._assembly, self._limits, previd)


class FocusPerformance(Performance):
    """Skips whatever is not asked for: what rooms tell is the matter of the `muc-` transcripts."""

    async def _expect(self, name: str, person: Person, source: str) -> None:
        pattern = parse_pattern(self._filled(source))
        skipped: list[str] = []
        while True:
            try:
                element = await person.next()
            except TimeoutError:
                came = "\n".join(skipped) or "nothing"
                raise AssertionError(f"{name} got\n{came}\ninstead of\n{source}") from None
            names = match(pattern, element)
            if names is not None:
                self._names |= names
                return
            skipped.append(str(element))


class PatientWire(MemoryWire):
    """Waits for what focus and bridge say to each other before it says that nothing comes."""

    async def receive(self) -> str:
        for _ in range(_TURNS):
            if self._frames or self._finished:
                break
            await asyncio.sleep(0)
        return await super().receive()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RemoteServer]:
    """`tertulia serve`, started once; or the one that TERTULIA_TEST_SERVER=host:port names."""
    async with client_session() as http:
        given = os.environ.get("TERTULIA_TEST_SERVER")
        if given:
            yield RemoteServer(http, f"wss://{given}/xmpp-websocket", given.rpartition(":")[0])
            return
        server = await RunningServer.start(tmp_path_factory.mktemp("server"))
        try:
            url = f"wss://127.0.0.1:{server.port}/xmpp-websocket"
            yield RemoteServer(http, url, server.host)
        finally:
            await server.stop()


@EVERY
async def test_the_core_follows(path: Path) -> None:
    core = FocusCore()
    try:
        await FocusPerformance(core).run(path)
    finally:
        core.focus.stop()


@EVERY
@pytest.mark.asyncio(loop_scope="module")
async def test_the_running_server_follows(path: Path, running_server: RemoteServer) -> None:
    await FocusPerformance(running_server).run(path)
