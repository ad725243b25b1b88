"""The control process is killed under a meeting that listens, and started again.

Figures: security reference A4, row F2.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.faults.conftest import within
from tests.faults.meeting import meeting
from tests.faults.site import bridge_statistics, killed, site, started_again


async def test_f2_a_control_process_that_was_killed_finds_its_bridge_again(tmp_path: Path) -> None:
    async with site(tmp_path) as (server, _), meeting(f"{server.url}f2") as held:
        (bridge,) = server.bridge_pids()

        await killed(server)

        again = await started_again(server)
        try:
            await again.logged(f"Adopted process: bridge local pid={bridge}")
            started = time.monotonic()
            await held.until_all_hear_all(since=started)
            within(time.monotonic() - started, 10.0, "F2, all hear all after the start")
        finally:
            assert await again.stop() == 0
        assert not (server.data / "bridge.sock").exists()  # it has ended too


async def test_a_bridge_whose_server_does_not_come_back_ends(tmp_path: Path) -> None:
    async with site(tmp_path, settings={"TERTULIA_BRIDGE_ALONE_S": "1"}) as (server, _):
        place = server.data / "bridge.sock"
        assert place.exists()

        await killed(server)

        deadline = time.monotonic() + 30.0
        while place.exists():  # it is no child of ours
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_a_bridge_of_other_settings_is_replaced_when_nobody_is_on_it(tmp_path: Path) -> None:
    async with site(tmp_path) as (server, _):
        (bridge,) = server.bridge_pids()
        await killed(server)
        again = await started_again(server, None, "--set", "bridge.region=elsewhere")
        try:
            line = await again.logged(f"Adopted process: bridge local pid={bridge}")
            line = await again.logged("Started process: bridge local", after=line)
            await again.logged("region=elsewhere", after=line)
            assert (await bridge_statistics(again, after=line))["region"] == "elsewhere"
        finally:
            assert await again.stop() == 0
