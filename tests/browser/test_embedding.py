"""A page of another site drives a meeting in a frame, by the example that the manual gives."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, Page, Route
from tests.browser.people import DEADLINE_MS, person
from tests.browser.test_meeting import room
from tests.conftest import RunningServer

_EXAMPLE = Path(__file__).parents[2] / "examples" / "embed.html"


async def show_example(page: Page, server: RunningServer, where: str) -> None:
    """Open the example as a page of another origin: the same machine by another name."""
    outside = f"https://127.0.0.1:{server.port}/embed.html"

    async def answer(route: Route) -> None:
        await route.fulfill(body=_EXAMPLE.read_bytes(), content_type="text/html")

    await page.route(f"{outside}**", answer)
    await page.goto(f"{outside}?server=localhost:{server.port}&room={where}&name=Ana")


async def test_a_page_of_another_site_drives_a_meeting(browser: Browser, tmp_path: Path) -> None:
    where = room()
    server = await RunningServer.start(tmp_path, environment={"TERTULIA_SITE_EMBED": "*"})
    try:
        bea = await person(browser, "Bea")
        await bea.open_directly(server.url, where)
        ana = await person(browser, "Ana")
        await show_example(ana.page, server, where)
        events = ana.page.locator("#events")

        await bea.until_people(2)
        await events.get_by_text("participantJoined").first.wait_for(timeout=DEADLINE_MS)
        assert await ana.page.evaluate("api.getNumberOfParticipants()") == 2
        names = await ana.page.evaluate("api.getParticipantsInfo().map(each => each.displayName)")
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
    blocked = ana.page.wait_for_event(
        "console", lambda line: "frame-ancestors" in line.text, timeout=DEADLINE_MS
    )
    await show_example(ana.page, server, room())

    assert "localhost" in (await blocked).text
    assert await ana.page.locator("#events li").count() == 0
