"""One Chromium for all tests of this folder; each person has a profile of their own.

Starting Chromium takes longer than many a test, so it is kept, on one event loop that all of these
tests and their fixtures share. Every profile is closed after the test that opened it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright
from tests.browser.people import launch
from tests.conftest import RunningServer

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(loop, append=False)


class Kept:
    """A Chromium that is started when it is first wanted, and again if it has ended."""

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright
        self._browser: Browser | None = None

    async def browser(self) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            self._browser = await launch(self._playwright)
        return self._browser

    async def close(self) -> None:
        if self._browser is not None:
            await self._browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kept() -> AsyncIterator[Kept]:
    async with async_playwright() as playwright:
        kept = Kept(playwright)
        try:
            yield kept
        finally:
            await kept.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(kept: Kept) -> AsyncIterator[Browser]:
    one = await kept.browser()
    try:
        yield one
    finally:
        await asyncio.gather(*(context.close() for context in one.contexts))


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    """A server of this test alone."""
    running = await RunningServer.start(tmp_path)
    try:
        yield running
    finally:
        await running.stop()
