"""A site that looks like its own house: colour, logos, words and links from the configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page
from tests.browser.axe import Examined
from tests.browser.people import person
from tests.conftest import RunningServer

pytestmark = pytest.mark.browser

ACCENT = "#a51c30"
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30">'
    '<rect width="90" height="30" fill="{}"/></svg>'
)
SITE = """
[site]
name = "Universidad de la Plaza"
accent = "{accent}"
logo = "{folder}/logo.svg"
logo_dark = "{folder}/logo-dark.svg"

[site.en]
welcome = "Meetings of the university."
help = "https://example.org/help"
imprint = "https://example.org/imprint"

[site.es]
welcome = "Reuniones de la universidad."
help = "https://example.org/ayuda"
"""


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    (tmp_path / "logo.svg").write_text(LOGO.format(ACCENT))
    (tmp_path / "logo-dark.svg").write_text(LOGO.format("#ffffff"))
    (tmp_path / "tertulia.toml").write_text(SITE.format(folder=tmp_path, accent=ACCENT))
    running = await RunningServer.start(tmp_path)
    try:
        yield running
    finally:
        await running.stop()


async def logo_of(page: Page) -> str:
    """Which logo is shown; waits until it is."""
    shown = await page.evaluate(
        "async () => { const logo = document.querySelector('.brand img');"
        " await logo.decode(); return logo.currentSrc; }"
    )
    return str(shown).rsplit("/", 1)[1]


async def test_a_site_has_its_own_colour_logo_words_and_links(
    browser: Browser, server: RunningServer
) -> None:
    ana = await person(browser, "Ana", locale="es-ES")
    page, examined = ana.page, Examined(ana.page)
    await page.goto(server.url)
    await page.get_by_text("Reuniones de la universidad.").wait_for()
    assert await page.title() == "Universidad de la Plaza"

    schemes: tuple[tuple[Literal["light", "dark"], str, str], ...] = (
        ("light", "rgb(165, 28, 48)", "logo"),
        ("dark", "rgb(201, 119, 131)", "logo-dark"),
    )
    for scheme, colour, logo in schemes:
        await examined.wear(scheme)
        enter = page.get_by_test_id("enter")
        assert await enter.evaluate("each => getComputedStyle(each).backgroundColor") == colour
        assert await logo_of(page) == logo
        await examined.look(f"start, {scheme}")

    # What there is in no Spanish version is shown in English rather than not at all.
    links = page.get_by_test_id("site-links").get_by_role("link")
    assert [await each.get_attribute("href") for each in await links.all()] == [
        "https://example.org/ayuda",
        "https://example.org/imprint",
    ]
    await ana.open_directly(server.url, "plaza", camera="0", mic="0")
    await page.get_by_test_id("more").click()
    link = page.get_by_test_id("menu-help")
    assert await link.get_attribute("href") == "https://example.org/ayuda"
    await examined.look("meeting with its menu open")
    assert examined.findings == {}
