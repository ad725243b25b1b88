"""One bridge process that serves two servers, one of which is killed and comes back."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import aiohttp
from tests.conftest import RunningServer
from tests.faults.conftest import within
from tests.faults.meeting import meeting
from tests.faults.site import MANY_FROM_ONE_ADDRESS, Bridge, fetched

ALONE = MANY_FROM_ONE_ADDRESS | {"TERTULIA_BRIDGE_ENABLED": "false"}


async def prepared(data: Path) -> RunningServer:
    """A server that has been there once: its port and its secret are known."""
    await asyncio.to_thread(data.mkdir)
    first = await RunningServer.start(data, environment=MANY_FROM_ONE_ADDRESS)
    await first.stop()
    return first


async def started(before: RunningServer) -> RunningServer:
    """It again, without a bridge of its own; it is ready when ours has come."""
    arguments = ("--port", str(before.port))
    return await RunningServer.start(before.data, arguments, environment=ALONE)


async def test_meetings_of_one_server_go_on_when_the_other_is_killed(tmp_path: Path) -> None:
    known = await asyncio.gather(*(prepared(tmp_path / name) for name in ("blue", "green")))
    bridge = await Bridge.of_several(known, "br1", "--brewery", "jvbbrewery", "--brewery", "second")
    servers: list[RunningServer] = []
    try:
        servers += await asyncio.gather(*map(started, known))
        blue, green = servers
        await bridge.logged("Joined MUC: second@internal.auth.localhost")
        # The same name of a room, at the same host even: only the servers differ.
        async with (
            meeting(f"{blue.url}standup") as kept,
            meeting(f"{green.url}standup", ("Dan", "Eva")) as other,
        ):
            await asyncio.gather(kept.until_all_hear_all(), other.until_all_hear_all())
            told = await until_told(bridge, conferences=2, participants=5)
            assert (told["muc_clients_configured"], told["mucs_joined"]) == (4, 4)
            killed = time.monotonic()
            line = len(bridge.log)

            green.process.send_signal(signal.SIGKILL)

            await bridge.logged("Not in the brewery: server=wss://127.0.0.1", after=line)
            await kept.until_all_hear_all(since=time.monotonic())
            told = await until_told(bridge, mucs_joined=2)
            assert told["healthy"] is True
            assert await lost_servers(bridge) == 2  # its two breweries
            reasons = await health_of(bridge)
            assert len(reasons) == 1
            assert str(green.port) in reasons[0]
            assert str(blue.port) not in reasons[0]

            await green.process.wait()
            servers[1] = await started(known[1])  # ready: the bridge has joined again

            await kept.until_all_hear_all(since=time.monotonic())
            kept.assert_nobody_left()
            silence = kept.gap(killed, time.monotonic())
            within(silence, 1.0, "another server killed, longest silence")
            told = await until_told(bridge, mucs_joined=4)
            assert told["conferences"] >= 1
    finally:
        await bridge.stop()
        for server in servers:
            await server.stop()


async def until_told(bridge: Bridge, **wanted: int) -> dict[str, object]:
    """The bridge's statistics once they hold all this; they are taken every five seconds."""
    async with asyncio.timeout(30):
        while True:
            told = await bridge.statistics()
            if wanted.items() <= told.items():
                return told
            await asyncio.sleep(0.2)


async def lost_servers(bridge: Bridge) -> int:
    url = f"{await bridge.pages()}metrics"
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        for line in (await answer.text()).splitlines():
            if line.startswith("jitsi_jvb_xmpp_disconnects_total "):
                return int(line.split()[1])
    raise AssertionError("no such metric")


async def health_of(bridge: Bridge) -> list[str]:
    """Why the bridge is not healthy, once it says so."""
    url = f"{await bridge.pages()}about/health"
    async with asyncio.timeout(30):
        while True:
            found = await fetched(url)
            if found["status"] == "degraded":
                return [str(each) for each in found["reasons"]]
            await asyncio.sleep(0.2)
