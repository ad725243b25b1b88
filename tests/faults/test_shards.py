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
        await logged_twice(bridge, "Joined MUC: second@internal.auth.localhost")
        await bridge.logged("Health: status=healthy")
        # The same name of a room, at the same host even: only the servers differ.
        async with (
            meeting(f"{blue.url}standup") as kept,
            meeting(f"{green.url}standup", ("Dan", "Eva")) as other,
        ):
            await asyncio.gather(kept.until_all_hear_all(), other.until_all_hear_all())
            shown = await fetched(f"{await bridge.pages()}debug")
            assert sorted(len(each["endpoints"]) for each in shown["conferences"]) == [2, 3]
            told = await bridge.statistics()
            assert (told["muc_clients_configured"], told["mucs_joined"]) == (4, 4)
            killed = time.monotonic()
            line = len(bridge.log)

            green.process.send_signal(signal.SIGKILL)

            gone = f"Not in the brewery: server=wss://127.0.0.1:{green.port}"
            await logged_twice(bridge, gone, after=line)
            await kept.until_all_hear_all(since=time.monotonic())
            told = await bridge.statistics()
            assert (told["mucs_joined"], told["healthy"]) == (2, True)
            assert await lost_servers(bridge) == 2  # its two breweries
            await bridge.logged("Health: status=degraded", after=line)
            reasons = (await fetched(f"{await bridge.pages()}about/health"))["reasons"]
            assert len(reasons) == 1
            assert str(green.port) in reasons[0]
            assert str(blue.port) not in reasons[0]

            await green.process.wait()
            line = len(bridge.log)
            servers[1] = await started(known[1])  # ready: the bridge has joined again

            await kept.until_all_hear_all(since=time.monotonic())
            kept.assert_nobody_left()
            silence = kept.gap(killed, time.monotonic())
            within(silence, 1.0, "another server killed, longest silence")
            await logged_twice(bridge, "Joined MUC:", after=line)
            told = await bridge.statistics()
            assert told["mucs_joined"] == 4
            assert told["conferences"] >= 1
    finally:
        await bridge.stop()
        for server in servers:
            await server.stop()


async def logged_twice(bridge: Bridge, text: str, *, after: int = 0) -> None:
    """Once for each of two servers, or of a server's two breweries."""
    await bridge.logged(text, after=await bridge.logged(text, after=after))


async def lost_servers(bridge: Bridge) -> int:
    url = f"{await bridge.pages()}metrics"
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        for line in (await answer.text()).splitlines():
            if line.startswith("jitsi_jvb_xmpp_disconnects_total "):
                return int(line.split()[1])
    raise AssertionError("no such metric")
