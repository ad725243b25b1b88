"""Bridges that die, hang, are cut off or are restarted, under a meeting that listens.

Figures: security reference A4, rows F1, F14, F15, F18; bridge reference 9, points 14 and 16.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from tests.client.media import feeding
from tests.conftest import RunningServer
from tests.faults.conftest import within
from tests.faults.meeting import meeting
from tests.faults.site import Bridge, Cut, bridge_statistics, goes_on, site, stopped
from tests.heavy import heavy

from tertulia.client import join


def p95(values: list[float]) -> float:
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


async def test_f1_a_killed_bridge_costs_seconds(tmp_path: Path) -> None:
    async with site(tmp_path) as (server, _), meeting(f"{server.url}f1") as held:
        line = len(server.log)
        (pid,) = server.bridge_pids()
        killed = time.monotonic()

        os.kill(pid, signal.SIGKILL)

        await server.logged("Lost a bridge: name=local", after=line)
        await held.until_all_hear_all(since=killed + 0.1)
        await asyncio.sleep(0.2)
        back = held.returned(killed)
        within(p95(back), 5.0, "F1, one bridge, media back p95")
        within(max(back), 10.0, "F1, one bridge, media back at the latest")
        held.assert_nobody_left()
        statistics = await bridge_statistics(server, after=line)
        assert statistics["healthy"] is True


@heavy
async def test_f1_with_a_second_bridge_it_is_quicker(tmp_path: Path) -> None:
    async with (
        site(tmp_path, bridges=("br1", "br2")) as (server, bridges),
        meeting(f"{server.url}f1warm") as held,
    ):
        busy = await the_busy(bridges)
        killed = time.monotonic()

        busy.send(signal.SIGKILL)

        await held.until_all_hear_all(since=killed + 0.1)
        await asyncio.sleep(0.2)
        within(max(held.returned(killed)), 3.0, "F1, a second bridge, media back")
        held.assert_nobody_left()


async def the_busy(bridges: dict[str, Bridge]) -> Bridge:
    """The bridge the conference is on, by what they log of their endpoints."""
    for _ in range(500):
        for bridge in bridges.values():
            if bridge.process.returncode is None and any(
                "Endpoint connected" in line for line in bridge.log
            ):
                return bridge
        await asyncio.sleep(0.02)
    raise AssertionError("no bridge has an endpoint")


async def test_f18_a_bridge_that_is_told_to_stop_hands_its_meeting_over(tmp_path: Path) -> None:
    async with (
        site(tmp_path, bridges=("br1", "br2")) as (server, bridges),
        meeting(f"{server.url}f18") as held,
    ):
        busy = await the_busy(bridges)
        other = next(bridge for bridge in bridges.values() if bridge is not busy)
        mark, told = held.mark(), time.monotonic()

        busy.send(signal.SIGTERM)

        assert await busy.ended() == 0
        within(time.monotonic() - told, 5.0, "F18, the bridge has ended")
        back = await held.until_all_hear_all(since=told + 0.5)
        await asyncio.sleep(1.0)
        assert max(held.moves(mark).values()) == 1
        within(held.gap(told - 0.5, back + 1.0), 2.0, "F18, longest silence")
        held.assert_nobody_left()
        assert not any("Stopped with people on it" in line for line in busy.log)
        assert not any("Lost a bridge" in line for line in server.log)
        await other.logged("Endpoint connected")

        # The restarted one takes nothing back by itself: nobody is moved twice.
        again = await Bridge.start(server, busy.name)
        bridges[busy.name] = again
        await again.logged("Joined MUC")
        await asyncio.sleep(1.0)
        assert max(held.moves(mark).values()) == 1


async def test_a_graceful_shutdown_waits_for_the_last_conference(tmp_path: Path) -> None:
    async with site(tmp_path, bridges=("br1",)) as (server, bridges):
        bridge = bridges["br1"]
        async with meeting(f"{server.url}last", ("Ana", "Bea")) as held:
            mark = held.mark()

            await bridge.posted("colibri/shutdown", {"graceful-shutdown": True})

            await server.logged("Bridge: name=br1 in graceful shutdown")
            await held.until_all_hear_all(since=time.monotonic())
            assert held.moves(mark) == {"Ana": 0, "Bea": 0}
            line = len(server.log)
            url = f"{server.url}new"
            async with join(url, name="Eva", verify=False), join(url, name="Fay", verify=False):
                await server.logged("Bridge refused: room=new@", after=line)
                assert any("reason=GRACEFUL_SHUTDOWN" in each for each in server.log[line:])
            assert bridge.process.returncode is None
        assert await bridge.ended() == 0
        assert not any("Lost a bridge" in line for line in server.log)


async def test_a_bridge_cut_off_for_a_moment_keeps_its_meeting(tmp_path: Path) -> None:
    async with site(tmp_path, bridges=("first",)) as (server, bridges), Cut(server.port) as line:
        await bridges.pop("first").stop()
        bridges["far"] = await Bridge.start(server, "far", line.port)
        await server.logged("internal.auth.localhost/far,")
        async with meeting(f"{server.url}f15") as held:
            mark, began = held.mark(), time.monotonic()
            before = len(server.log)
            line.drop()
            await server.logged("Lost a bridge: name=far", after=before)
            await server.logged("Bridge is back: room=f15@", after=before)
            await held.until_all_hear_all(since=time.monotonic())

            assert held.moves(mark) == {"Ana": 0, "Bea": 0, "Cyd": 0}
            within(held.gap(began, time.monotonic()), 1.0, "F15, short cut, longest silence")
            held.assert_nobody_left()


@heavy
async def test_f15_a_partition_of_30_seconds(tmp_path: Path) -> None:
    async with site(tmp_path, bridges=("first",)) as (server, bridges), Cut(server.port) as line:
        await bridges.pop("first").stop()
        bridges["far"] = bridge = await Bridge.start(server, "far", line.port)
        await server.logged("internal.auth.localhost/far,")
        async with meeting(f"{server.url}f15", ("Ana", "Bea", "Cyd", "Dan")) as held:
            log = len(server.log)
            line.cut()
            await server.logged("Lost a bridge: name=far", after=log)
            await held.leaves("Dan")  # while nobody can tell the bridge
            mark, began = held.mark(), time.monotonic()
            await asyncio.sleep(max(0.0, began + 30.0 - time.monotonic()))
            line.mend()
            await server.logged("Bridge is back: room=f15@", after=log, within_s=30)
            await held.until_all_hear_all(since=time.monotonic())

            assert held.moves(mark) == {"Ana": 0, "Bea": 0, "Cyd": 0}
            within(held.gap(began, time.monotonic()), 1.0, "F15, longest silence")
            began = time.monotonic()
            while (await bridge.statistics())["endpoints"] != 3:  # no orphan on the bridge
                assert time.monotonic() - began < 60.0
                await asyncio.sleep(0.5)


@heavy
async def test_f14_a_bridge_that_stands_still_for_3_seconds(tmp_path: Path) -> None:
    async with site(tmp_path) as (server, _), meeting(f"{server.url}f14") as held:
        (pid,) = server.bridge_pids()
        mark, began = held.mark(), time.monotonic()

        stopped(pid)
        await asyncio.sleep(3.0)
        goes_on(pid)

        woken = time.monotonic()
        await held.until_all_hear_all(since=woken)
        await asyncio.sleep(2.0)
        within(max(held.returned(began)) - 3.0, 5.0, "F14, bridge, media back after it goes on")
        held.assert_nobody_left()
        assert max(held.moves(mark).values()) <= 1
        assert server.bridge_pids() == [pid]
        await held_once(server, 3)


@heavy
async def test_f14_a_control_process_that_stands_still_for_10_seconds(tmp_path: Path) -> None:
    async with site(tmp_path) as (server, _), meeting(f"{server.url}f14c") as held:
        pid = server.process.pid
        mark, began = held.mark(), time.monotonic()

        stopped(pid)
        await asyncio.sleep(10.0)
        goes_on(pid)
        await asyncio.sleep(15.0)  # whatever timers were due have rung

        await held.until_all_hear_all(since=time.monotonic())
        assert held.moves(mark) == {"Ana": 0, "Bea": 0, "Cyd": 0}
        within(held.gap(began, time.monotonic()), 1.0, "F14, control, longest silence")
        held.assert_nobody_left()
        await held_once(server, 3)
        async with meeting(f"{server.url}after", ("Eva", "Fay")):
            pass  # and new meetings can be held


async def held_once(server: RunningServer, people: int) -> None:
    """One conference on the bridge with nobody in it twice, led by one focus."""
    told = await bridge_statistics(server)
    assert (told["conferences"], told["endpoints"]) == (1, people)
    assert not any("Lost a bridge" in line for line in server.log)


async def test_an_endpoint_that_ends_by_itself_is_invited_again(tmp_path: Path) -> None:
    async with site(tmp_path) as (server, _), meeting(f"{server.url}closed") as held:
        line = len(server.log)
        connection = held.people["Ana"].connection
        assert connection is not None
        closed = time.monotonic()

        connection.close()  # DTLS ends; nobody is told by signalling

        await server.logged("Endpoint lost by its bridge: room=closed@", after=line)
        await held.until_all_hear_all(since=closed + 0.2)
        held.assert_nobody_left()


@heavy
async def test_point_14_a_killed_client_leaves_nothing_behind(tmp_path: Path) -> None:
    async with site(tmp_path) as (server, _):
        url = f"{server.url}p14"
        caller = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.caller", url), stdout=asyncio.subprocess.PIPE
        )
        assert caller.stdout is not None
        async with join(url, name="Ana", verify=False) as ana, feeding(ana.publish_audio()):
            assert await caller.stdout.readline() == b"connected\n"
            await until_endpoints(server, 2, 10.0)

            killed = time.monotonic()
            caller.kill()
            await caller.wait()

            await until_endpoints(server, 1, 120.0)
            within(time.monotonic() - killed, 120.0, "point 14, the endpoint is gone")
            await until_endpoints(server, 0, 40.0)
            within(time.monotonic() - killed, 30.0, "point 14, so is the session of who stayed")
            assert (await bridge_statistics(server))["conferences"] == 0


async def until_endpoints(server: RunningServer, count: int, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while (found := (await bridge_statistics(server))["endpoints"]) != count:
        assert time.monotonic() < deadline, f"{found} endpoints instead of {count}"
        await asyncio.sleep(0.25)
