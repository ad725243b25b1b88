"""People of the browser tests with a clock inside their pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright
from tests.browser.people import Person, chromium, person

_CLOCK = Path(__file__).with_name("browser_clock.js")
FRAME_WITHIN_S = 45.0


@asynccontextmanager
async def browsers() -> AsyncIterator[Browser]:
    """One headless Chromium for one benchmark."""
    async with async_playwright() as playwright, chromium(playwright) as browser:
        yield browser


async def clocked(browser: Browser, name: str) -> Person:
    """A person whose page notes when what happened, see `browser_clock.js`."""
    one = await person(browser, name)
    await one.context.add_init_script(path=_CLOCK)
    return one


async def first_frame(one: Person) -> dict[str, float]:
    """Wait for the first remote frame on the screen; the stamps in ms since the navigation."""
    async with asyncio.timeout(FRAME_WITHIN_S):
        stamps: dict[str, float] = await one.page.evaluate("window.__bench.sawFirstFrame")
    return stamps


async def traffic(people: Sequence[Person]) -> dict[str, int]:
    """What all of them together have received so far (RTP packets, from getStats)."""
    total: dict[str, int] = {}
    for each in await asyncio.gather(
        *(one.page.evaluate("window.__bench.traffic()") for one in people)
    ):
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total


async def loopback(browser: Browser, url: str) -> dict[str, float]:
    """The floor under a join: two peer connections in one page, in ms from the offer on."""
    one = await clocked(browser, "floor")
    try:
        await one.page.goto(url)
        found: dict[str, float] = await one.page.evaluate("window.__bench.loopback()")
        return found
    finally:
        await one.context.close()


async def leave(people: Sequence[Person]) -> None:
    """Close their pages, as people close a tab."""
    for one in people:
        await one.context.close()
