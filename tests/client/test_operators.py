"""What the bridge's pages for operators tell of a meeting that is under way."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from tests.client.media import feeding, some_frames, until_source
from tests.conftest import RunningServer
from tests.unit.test_monitoring import monitoring_url

from tertulia.client import RemoteSource, join

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_meeting_is_seen_with_its_paths_and_streams(house: RunningServer) -> None:
    async with (
        join(f"{house.url}watched", name="Ana", verify=False) as ana,
        join(f"{house.url}watched", name="Bea", verify=False) as bea,
        aiohttp.ClientSession(await monitoring_url(house, "bridge-local")) as http,
    ):
        microphone, camera = ana.publish_audio(), ana.publish_video()
        async with feeding(microphone, camera):
            voice = await until_source(bea, "audio")
            await some_frames(voice)
            await some_frames(await until_source(bea, "video"))
            sender = microphone.name.partition("-")[0]
            conference, endpoints = await conference_of(http, sender, voice)
            one = await page(http, f"debug/{conference}/{sender}?show=names,addresses")
            await until_counted(http, "total_keyframes_received", voice)
            await until_counted(http, "total_video_stream_milliseconds_received", voice)
        for path, status in (
            ("debug/0", 404),
            (f"debug/{conference}/nobody", 404),
            ("debug?show=everything", 400),
        ):
            async with http.get(f"/{path}") as answer:
                assert answer.status == status

    assert {e["transport"]["state"] for e in endpoints.values()} == {"connected"}
    assert {e["transport"]["protocol"] for e in endpoints.values()} == {"udp"}
    assert all(each["channel"]["is_open"] for each in endpoints.values())
    assert one["transport"]["pair"]["remote"].startswith("127.0.0.1:")
    assert one["sends"]["video"][camera.name]["encodings"] == 1
    text = str(endpoints)
    assert "127.0.0.1" not in text
    assert "watched" not in text


async def page(http: aiohttp.ClientSession, path: str) -> Any:
    async with http.get(f"/{path}") as answer:
        assert answer.status == 200
        return await answer.json()


async def conference_of(
    http: aiohttp.ClientSession, sender: str, voice: RemoteSource
) -> tuple[str, dict[str, Any]]:
    """The conference with this endpoint and another one: its id and endpoints.

    The engine's snapshot comes some times a second, so the first look may be too early; the next
    ones come with what is heard.
    """
    async with asyncio.timeout(30):
        while True:
            for each in (await page(http, "debug"))["conferences"]:
                endpoints = each["endpoints"]
                if sender in endpoints and len(endpoints) == 2:
                    states = {e["transport"]["state"] for e in endpoints.values()}
                    if states == {"connected"}:
                        return each["id"], endpoints
            await some_frames(voice)


async def until_counted(http: aiohttp.ClientSession, name: str, voice: RemoteSource) -> None:
    """Statistics are taken every five seconds; we look again as we hear more."""
    async with asyncio.timeout(30):
        while not (await page(http, "colibri/stats"))[name]:
            await some_frames(voice)
