"""Every page and dialog without serious findings by axe-core, and a meeting without a mouse."""

from __future__ import annotations

import urllib.parse

from playwright.async_api import Browser
from tests.browser.axe import Examined
from tests.browser.people import DEADLINE_MS, Person, person
from tests.browser.test_meeting import room
from tests.conftest import RunningServer

PANELS = ("people", "chat")
DIALOGS = ("settings", "encryption", "log", "shortcuts")


async def test_no_page_or_dialog_has_a_serious_finding(
    browser: Browser, server: RunningServer
) -> None:
    ana = await person(browser, "Ana")
    page, examined = ana.page, Examined(ana.page)
    hosts: set[str | None] = set()
    page.on("request", lambda each: hosts.add(urllib.parse.urlsplit(each.url).hostname))
    await page.goto(server.url)
    await page.get_by_test_id("room-name").wait_for()
    await examined.look_in_both_schemes("start")
    await page.get_by_test_id("room-name").fill(room())
    await page.get_by_test_id("enter").click()
    await page.get_by_test_id("display-name").fill("Ana")
    await examined.look_in_both_schemes("device check")
    await page.get_by_test_id("join").click()
    await ana.until_joined()
    await examined.look("meeting")
    for panel in PANELS:
        await page.get_by_test_id(panel).click()
        await page.locator("aside.panel").wait_for()
        await examined.look(f"panel {panel}")
        await page.get_by_test_id("panel-close").click()
    for dialog in DIALOGS:
        await page.get_by_test_id("more").click()
        if dialog == DIALOGS[0]:
            await examined.look("more menu")
        await page.get_by_test_id(f"menu-{dialog}").click()
        await page.locator("dialog[open] h2").wait_for()
        await examined.look(f"dialog {dialog}")
        await page.keyboard.press("Escape")
    await page.set_viewport_size({"width": 360, "height": 740})
    await examined.look("meeting on a phone")
    await page.get_by_test_id("leave").click()
    await page.get_by_test_id("rejoin").wait_for()
    await examined.look("after the meeting")

    assert examined.findings == {}
    # Nor does any of them ask anybody else, or try what the page's own policy forbids.
    assert hosts - {None} == {"localhost"}
    assert [line for line in ana.console if "Content Security Policy" in line] == []


async def has_focus(someone: Person, test_id: str) -> bool:
    focused = await someone.page.evaluate("document.activeElement?.dataset.testid")
    return bool(focused == test_id)


async def tab_to(someone: Person, test_id: str) -> None:
    """Walk with the Tab key until the control has the focus; at most once around the page."""
    for _ in range(60):
        if await has_focus(someone, test_id):
            return
        await someone.page.keyboard.press("Tab")
    raise AssertionError(f"{test_id} cannot be reached with the Tab key")


async def test_a_meeting_without_a_mouse(browser: Browser, server: RunningServer) -> None:
    ana = await person(browser, "Ana")
    page, keys = ana.page, ana.page.keyboard
    await page.goto(server.url)
    # The one field has the focus.
    await page.locator("[data-testid=room-name]:focus").wait_for()
    await keys.type(room())
    await keys.press("Enter")
    await page.get_by_test_id("display-name").wait_for()
    await tab_to(ana, "display-name")
    await keys.type("Ana")
    await keys.press("Enter")
    await ana.until_joined()
    await page.locator("[data-testid=tile][data-muted-audio=false]").wait_for()

    await tab_to(ana, "mic")
    await keys.press("Space")
    await page.locator("[data-testid=tile][data-muted-audio=true]").wait_for()
    await tab_to(ana, "hand")
    await keys.press("Enter")
    await ana.until("() => window.tertulia.state().raisedHandAt !== null")

    await tab_to(ana, "chat")
    await keys.press("Enter")
    await page.locator("[data-testid=chat-input]:focus").wait_for(timeout=DEADLINE_MS)
    await keys.type("Without a mouse")
    await keys.press("Enter")
    await ana.until_read("Without a mouse")
    await keys.press("Escape")
    await page.get_by_test_id("chat-input").wait_for(state="detached")

    await tab_to(ana, "people")
    await keys.press("Enter")
    await page.locator("[data-testid=panel-people]:focus").wait_for()
    await keys.press("Escape")
    await page.get_by_test_id("person").wait_for(state="detached")
    assert await has_focus(ana, "people")

    # A menu: arrows walk, Enter chooses, Escape gives the focus back to where it was; at once,
    # however fast the keys are pressed.
    await tab_to(ana, "more")
    for _ in range(5):
        await keys.press("Enter")
        await keys.press("Escape")
        assert await page.get_by_role("menu").count() == 0
        assert await has_focus(ana, "more")
    await keys.press("Enter")
    await page.locator("[role=menuitem]:focus").wait_for()
    for _ in range(40):
        if await page.evaluate("document.activeElement.dataset.testid") == "menu-encryption":
            break
        await keys.press("ArrowDown")
    await keys.press("Enter")
    await page.get_by_test_id("encryption-dialog").wait_for()
    await keys.press("Escape")
    await page.get_by_test_id("encryption-dialog").wait_for(state="detached")
    assert await has_focus(ana, "more")

    await tab_to(ana, "tile-menu")
    await keys.press("Enter")
    while not await has_focus(ana, "tile-connection"):
        await keys.press("ArrowDown")
    await keys.press("Enter")
    await page.locator("[data-testid=connection-card]:focus").wait_for()
    await keys.press("Escape")
    await page.get_by_test_id("connection-card").wait_for(state="detached")
    assert await has_focus(ana, "tile-menu")

    await tab_to(ana, "leave")
    await keys.press("Enter")
    await page.get_by_test_id("rejoin").wait_for()
