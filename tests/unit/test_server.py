"""The whole program as people start it: `tertulia serve` as a process, watched from outside."""

import asyncio
import os
import signal
import ssl
import stat
import sys
from pathlib import Path

import aiohttp
import pytest
from tests.conftest import RunningServer, spawn
from tests.process_log import ProcessLog

from tertulia import certificates
from tertulia.storage.place import FILE_NAME


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_ready_is_said_when_a_bridge_has_joined(server: RunningServer) -> None:
    await server.logged("Joined MUC: jvbbrewery@internal.auth.localhost")
    line = await server.logged("Added new videobridge: Bridge[jid=jvbbrewery@")
    for fact in ("relayId=", "region=", "stress="):
        assert fact in server.log[line - 1]
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{server.url}about/health", ssl=False) as answer:
            assert answer.status == 200
        async with http.get(f"{server.url}config.js", ssl=False) as answer:
            assert f"wss://localhost:{server.port}/xmpp-websocket" in await answer.text()


async def test_the_certificate_is_the_one_kept_in_the_data_folder(server: RunningServer) -> None:
    kept = certificates.kept(server.data, ["localhost"])
    context = ssl.create_default_context(cafile=str(kept.chain))

    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{server.url}healthz", ssl=context) as answer,  # verified, host name and all
    ):
        assert answer.status == 200
    for secret in ("certificate.key", "bridge.secret"):
        assert stat.S_IMODE((server.data / secret).stat().st_mode) == 0o600


async def test_standard_output_holds_the_ready_line_only(server: RunningServer) -> None:
    await server.stop()

    assert server.process.stdout is not None
    assert await server.process.stdout.read() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_everything_cleanly(
    server: RunningServer, number: signal.Signals
) -> None:
    (bridge,) = server.bridge_pids()

    server.process.send_signal(number)

    assert await server.stop() == 0
    assert not is_running(bridge)
    assert not [line for line in server.log if "traceback=" in line]


async def test_a_killed_bridge_is_back_within_seconds(server: RunningServer) -> None:
    (before,) = server.bridge_pids()
    line = await server.logged("Added new videobridge")

    os.kill(before, signal.SIGKILL)

    gone = await server.logged("A bridge left the MUC", after=line, within_s=5)
    await server.logged("Added new videobridge", after=gone, within_s=5)
    (after,) = server.bridge_pids()
    assert after != before


async def test_host_bridge_name_and_log_format_reach_the_bridge(
    tmp_path: Path,
) -> None:
    arguments = ["--host", "meet.example", "--set", "bridge.name=br1", "--set", "log.format=json"]
    server = await RunningServer.start(tmp_path, arguments)
    try:
        await server.logged("jvbbrewery@internal.auth.meet.example/br1")
        assert server.url == f"https://meet.example:{server.port}/"
        assert all(line.startswith("{") for line in server.log)
    finally:
        await server.stop()


async def test_a_bridge_that_was_there_first_finds_the_server(tmp_path: Path) -> None:
    first = await RunningServer.start(tmp_path)
    await first.stop()  # its secret and its port remain
    bridge = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tertulia", "bridge"),
        *("--server", f"https://127.0.0.1:{first.port}", "--host", "localhost"),
        *("--name", "early", "--secret-file", str(tmp_path / "bridge.secret")),
        *("--media-port", "0", "--media-address", "127.0.0.1"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert bridge.stderr is not None
    try:
        async with asyncio.timeout(30):
            while b"Not in the brewery" not in (line := await bridge.stderr.readline()):
                assert line, "the bridge has ended"
        alone = ["--set", "bridge.enabled=false", "--port", str(first.port)]
        second = await RunningServer.start(tmp_path, alone)
        try:
            await second.logged("internal.auth.localhost/early")
        finally:
            await second.stop()
    finally:
        bridge.terminate()
        await bridge.communicate()


async def test_a_second_bridge_of_the_same_name_is_told_so(server: RunningServer) -> None:
    bridge = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tertulia", "bridge"),
        *("--server", f"https://127.0.0.1:{server.port}", "--host", "localhost"),
        *("--name", "local", "--secret-file", str(server.data / "bridge.secret")),
        *("--media-port", "0", "--media-address", "127.0.0.1"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert bridge.stderr is not None
    try:
        async with asyncio.timeout(30):
            while b"another bridge is named local" not in (line := await bridge.stderr.readline()):
                assert line, "the bridge has ended"
    finally:
        bridge.terminate()
        await bridge.communicate()


async def test_it_can_be_stopped_before_it_is_ready(tmp_path: Path) -> None:
    process = await spawn(tmp_path, ["--set", "bridge.enabled=false"])
    server = RunningServer(tmp_path, process)
    await server.logged("")  # anything

    assert await server.stop() == 0


async def test_a_second_server_on_the_same_folder_says_so(server: RunningServer) -> None:
    second = await spawn(server.data)

    out, err = await second.communicate()

    assert (second.returncode, out) == (2, b"")
    assert err.decode() == (
        f"tertulia: {server.data}: another tertulia serve works with it; stop that one, "
        "or name another folder with --data\n"
    )


async def test_a_second_server_on_the_same_port_says_so(
    server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    second = await spawn(tmp_path_factory.mktemp("second"), ["--port", str(server.port)])

    out, err = await second.communicate()

    assert (second.returncode, out) == (2, b"")
    assert err.decode() == (
        f"tertulia: 127.0.0.1:{server.port}/tcp is taken by another program; "
        "stop it or choose with --port\n"
    )


async def test_what_is_kept_does_not_wait_for_a_bridge(tmp_path: Path) -> None:
    process = await spawn(tmp_path, ["--set", "bridge.enabled=false"])
    log = ProcessLog(process)
    try:
        await log.until("No bridge has come yet", after=0, within_s=20)
        async with asyncio.timeout(30):
            while not (tmp_path / FILE_NAME).exists():  # noqa: ASYNC110  # nothing tells us
                await asyncio.sleep(0.05)
    finally:
        process.terminate()
        await process.wait()
        await log.complete()
