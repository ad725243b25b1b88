"""Two foreign participants and one of ours in a meeting: everybody sees and hears everybody."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.conftest import RunningServer
from tests.foreign.participant import Foreigner


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[tuple[RunningServer, int]]:
    """A server, and the port on which it speaks XMPP over TCP."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    running = await RunningServer.start(tmp_path, environment={"TERTULIA_XMPP_PORT": str(port)})
    try:
        yield running, port
    finally:
        await running.stop()


async def test_foreign_clients_see_and_hear_each_other(house: tuple[RunningServer, int]) -> None:
    server, port = house
    room = f"plaza-{secrets.token_hex(4)}"
    people = [
        Foreigner(domain=server.host, room=room, name=name) for name in ("Ada", "Bruno", "Chiara")
    ]
    try:
        for one in people:
            await one.enter("127.0.0.1", port)
        async with asyncio.TaskGroup() as waiting:
            for one in people:
                waiting.create_task(one.until_seeing_and_hearing(2))
        people[0].say("hello from elsewhere")
        for one in people:
            await one.until(
                lambda one=one: (people[0].endpoint, "hello from elsewhere") in one.lines
            )
        await people[1].leave()
        await people[0].until(lambda: people[1].endpoint not in people[0].occupants)
    finally:
        for one in people:
            await one.close()
