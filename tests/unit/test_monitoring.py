"""The pages for operators, on the running server and its bridge."""

import re

import aiohttp
import pytest
from tests.conftest import RunningServer

SAMPLE = re.compile(r"[a-z_0-9]+(\{[a-z_]+=\"[^\"]*\"(,[a-z_]+=\"[^\"]*\")*\})? [-+0-9.eInf]+")


async def monitoring_url(server: RunningServer, process: str) -> str:
    """Where the pages of `process` ("control" or "bridge-local") are."""
    line = 0
    while True:
        line = await server.logged("Monitoring at:", after=line)
        if f"process={process} " in server.log[line - 1]:
            found = re.search(r"http://127\.0\.0\.1:\d+/", server.log[line - 1])
            assert found is not None
            return found[0]


def samples(text: str) -> dict[str, float]:
    """The values by name and labels; each family must say HELP and TYPE before."""
    found, announced = {}, set()
    for line in text.splitlines():
        if line.startswith("# "):
            announced.add(line.split()[2])
            continue
        assert SAMPLE.fullmatch(line), line
        name, _, value = line.rpartition(" ")
        family = re.sub(r"_(bucket|sum|count)$", "", name.partition("{")[0])
        assert family in announced or name.partition("{")[0] in announced, line
        found[name] = float(value)
    return found


async def test_the_control_process_tells_what_it_holds(server: RunningServer) -> None:
    url = await monitoring_url(server, "control")
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{url}about/health") as answer:
            assert (answer.status, await answer.json()) == (
                200,
                {"status": "healthy", "reasons": []},
            )
        async with http.get(f"{url}metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            found = samples(await answer.text())
    assert found["jitsi_jicofo_bridge_selector_bridge_count_operational"] == 1
    assert found["jitsi_jicofo_conferences"] == found["tertulia_people"] == 0
    assert 'tertulia_bridge_stress{bridge="local"}' in found


async def test_the_bridge_tells_its_statistics(server: RunningServer) -> None:
    url = await monitoring_url(server, "bridge-local")
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{url}colibri/stats") as answer:
            stats = await answer.json()
        async with http.get(f"{url}metrics") as answer:
            found = samples(await answer.text())
        async with http.get(f"{url}about/version") as answer:
            assert (await answer.json())["name"] == "tertulia"
    # What the autoscaler reads (reference bridge 6.4), in the types it expects.
    assert isinstance(stats["stress_level"], float | int)
    assert type(stats["participants"]) is int
    assert stats["graceful_shutdown"] is False
    assert stats["conference_sizes"] == []
    assert found["jitsi_jvb_healthy"] == 1
    assert found["jitsi_jvb_conferences"] == 0


async def test_drain_is_seen_by_the_server_and_can_be_taken_back(server: RunningServer) -> None:
    bridge = await monitoring_url(server, "bridge-local")
    control = await monitoring_url(server, "control")
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{bridge}colibri/drain/enable") as answer:
            assert await answer.json() == {"drain": True}
        line = await server.logged("Bridge: name=local draining")
        async with http.get(f"{control}about/health") as answer:
            assert answer.status == 200  # it is the only one: better than none
        async with http.post(f"{bridge}colibri/drain/disable") as answer:
            assert await answer.json() == {"drain": False}
        await server.logged("Bridge: name=local running", after=line)


async def test_a_web_page_can_change_nothing(server: RunningServer) -> None:
    bridge = await monitoring_url(server, "bridge-local")
    page = {"Origin": "https://example.org"}
    async with aiohttp.ClientSession() as http:
        for path in ("drain/enable", "shutdown"):
            async with http.post(f"{bridge}colibri/{path}", headers=page) as answer:
                assert answer.status == 403
        async with http.post(f"{bridge}colibri/shutdown", data=b"\xff{") as answer:
            assert answer.status == 400
        async with http.get(f"{bridge}colibri/drain") as answer:
            assert await answer.json() == {"drain": False}


async def test_a_port_that_is_taken_costs_the_figures_only(
    server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = await monitoring_url(server, "control")
    port = url.rsplit(":", 1)[1].rstrip("/")
    second = await RunningServer.start(
        tmp_path_factory.mktemp("second"),
        ["--set", f"monitor.port={port}", "--set", "bridge.monitor_port=0"],
    )
    try:
        await second.logged(f"No monitoring: 127.0.0.1:{port} cannot be had")
    finally:
        await second.stop()
