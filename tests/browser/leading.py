"""What people do in meetings that are led: the control panel, menus, hands and doors."""

from __future__ import annotations

import secrets

from playwright.async_api import Browser, Locator
from tests.browser.cable import Cable
from tests.browser.people import DEADLINE_MS, Person, person

PHONE = (360, 740)


def room() -> str:
    return f"aula-{secrets.token_hex(4)}"


def at(someone: Person, test_id: str) -> Locator:
    return someone.page.get_by_test_id(test_id)


async def come(
    browser: Browser,
    name: str,
    url: str,
    where: str,
    *,
    on_phone: bool = False,
    camera: bool = False,
    cable: Cable | None = None,
) -> Person:
    """Somebody opens the link with the microphone on, and is wherever the room lets them be."""
    width, height = PHONE if on_phone else (1280, 800)
    someone = await person(browser, name, width=width, height=height, cable=cable)
    await someone.page.goto(f"{url}{where}#name={name}&skipCheck=1&camera={int(camera)}")
    return someone


async def until_state(someone: Person, state: str) -> None:
    await someone.page.wait_for_selector(
        f'body[data-state="{state}"]', state="attached", timeout=DEADLINE_MS
    )


async def pick(someone: Person, about: str, item: str) -> None:
    """In the list of people, choose something from the menu of one of them."""
    row = someone.page.locator(f'[data-testid=person][data-name="{about}"]')
    await row.get_by_test_id("person-menu").click()
    await at(someone, item).click()


async def raise_hand(someone: Person, *, on_phone: bool) -> None:
    if on_phone:
        await at(someone, "more").click()
    await at(someone, "menu-hand" if on_phone else "hand").click()


async def end_for_all(leading: Person, *others: Person) -> None:
    await at(leading, "tab-control").click()
    await at(leading, "end-for-all").click()
    await at(leading, "end-now").click()
    for someone in (leading, *others):
        await until_state(someone, "error")
        await someone.page.get_by_role("heading", name="The meeting has ended").wait_for()


async def until_muted(seen_by: Person, name: str, muted: bool) -> None:
    await seen_by.until(
        "([name, muted]) => document.querySelector(`[data-testid=tile][data-name='${name}']`)"
        "?.dataset.mutedAudio === String(muted)",
        [name, muted],
    )
