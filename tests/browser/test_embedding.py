"""A page of another site drives a meeting in a frame, by the example that the manual gives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser
from tests.browser.people import DEADLINE_MS, person
from tests.browser.test_meeting import room
from tests.conftest import RunningServer

_EXAMPLE = Path(__file__).parents[2] / "examples" / "embed.html"


@contextlib.asynccontextmanager
async def another_site() -> AsyncIterator[str]:
    """Another site on this machine that serves the example; its address."""

    async def example(request: web.Request) -> web.Response:
        return web.Response(body=_EXAMPLE.read_bytes(), content_type="text/html")

    app = web.Application()
    app.router.add_get("/embed.html", example)
    async with TestServer(app, host="127.0.0.1") as site:
        yield str(site.make_url("/embed.html"))


async def test_a_page_of_another_site_drives_a_meeting(browser: Browser, tmp_path: Path) -> None:
    where = room()
    server = await RunningServer.start(tmp_path, environment={"TERTULIA_SITE_EMBED": "*"})
    try:
        async with another_site() as outside:
            bea = await person(browser, "Bea")
            await bea.open_directly(server.url, where)
            ana = await person(browser, "Ana")
            await ana.page.goto(f"{outside}?server=localhost:{server.port}&room={where}&name=Ana")
            events = ana.page.locator("#events")

            await bea.until_people(2)
            await events.get_by_text("participantJoined").first.wait_for(timeout=DEADLINE_MS)
            assert await ana.page.evaluate("api.getNumberOfParticipants()") == 2
            names = await ana.page.evaluate(
                "api.getParticipantsInfo().map(each => each.displayName)"
            )
            assert sorted(names) == ["Ana", "Bea"]

            await ana.page.locator("#hand").click()
            await bea.until("() => window.tertulia.state().participants[0].raisedHandAt !== null")
            await ana.page.locator("#hello").click()
            await bea.until_read("Hello from the page outside")
            was_muted = await ana.page.evaluate("api.isAudioMuted()")
            await ana.page.locator("#microphone").click()
            await events.get_by_text(f'"muted":{str(not was_muted).lower()}').first.wait_for()
            await bea.say("Hello to you")
            await events.get_by_text("Hello to you").wait_for()

            await ana.page.locator("#leave").click()
            await bea.until_people(1)
            await events.get_by_text("readyToClose").wait_for()
            assert await ana.page.locator("iframe").count() == 0
    finally:
        await server.stop()


async def test_a_site_that_is_not_listed_gets_no_meeting(
    browser: Browser, server: RunningServer
) -> None:
    ana = await person(browser, "Ana")
    blocked = asyncio.ensure_future(
        ana.page.wait_for_event(
            "console", lambda line: "frame-ancestors" in line.text, timeout=DEADLINE_MS
        )
    )
    async with another_site() as outside:
        await ana.page.goto(f"{outside}?server=localhost:{server.port}&room={room()}&name=Ana")

        assert "localhost" in (await blocked).text
        assert await ana.page.locator("#events li").count() == 0
