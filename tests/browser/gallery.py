"""The pictures of the documents, made anew: `scripts/pictures [NAME ...]`.

Real meetings of illustrated people on a server of their own. Nobody moves and one person speaks, so
that a picture looks the same the next time; the clock in the corner is set by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from playwright.async_api import Browser, async_playwright
from tests.browser.people import Person, chromium, person
from tests.browser.test_pictures import PORTRAITS
from tests.conftest import RunningServer

from tertulia.accounts.passwords import Account, keys_of
from tertulia.accounts.tables import Tables
from tertulia.storage.opening import open_storage

FOLDER = Path(__file__).parents[2] / "docs" / "images"
LAPTOP = (1280, 720)
PHONE = (390, 844)
# What looks best of the movements of the illustrated people.
_STILL_MS = 2_600
_SETTLE = """
async () => {
  for (const time of document.querySelectorAll('.duration')) time.textContent = '24:07';
  await Promise.allSettled(document.getAnimations()
    .filter(each => Number.isFinite(each.effect.getComputedTiming().endTime))
    .map(each => each.finished));
}
"""
_NO_TOASTS = "() => !document.querySelector('.toast:not(.action)')"


class Scene:
    """One server, one browser, and whoever is called into a meeting."""

    def __init__(self, browser: Browser, server: RunningServer) -> None:
        self.browser = browser
        self.url = server.url
        self.data = server.data
        self.everybody: list[Person] = []

    async def somebody(
        self, name: str, size: tuple[int, int] = LAPTOP, *, speaks: bool = False
    ) -> Person:
        """A person with a face of their own, who is not in a meeting yet."""
        someone = await person(self.browser, name, width=size[0], height=size[1])
        look = len(self.everybody)
        await someone.page.add_init_script(
            f"window.__portrait = {look}; window.__still = {_STILL_MS + look * 370};"
            f" window.__speaks = {json.dumps(speaks)};\n{PORTRAITS}"
        )
        self.everybody.append(someone)
        return someone

    async def meeting(
        self, room: str, *names: str, first: tuple[int, int] = LAPTOP
    ) -> list[Person]:
        """People who meet; the second one speaks."""
        people = []
        for index, name in enumerate(names):
            someone = await self.somebody(name, first if index == 0 else LAPTOP, speaks=index == 1)
            await someone.open_directly(self.url, room)
            people.append(someone)
        await people[0].until_people(len(names))
        if len(names) > 1:
            await people[0].until_seeing(len(names) - 1 if first == LAPTOP else 1)
        return people


# This machine is busy with everybody's cameras; what it says about that is no part of the picture.
_NO_SIGNS = "() => document.querySelectorAll('.tile-sign.limit').forEach(each => each.remove())"


async def picture(someone: Person, name: str) -> None:
    page = someone.page
    await page.evaluate(_NO_SIGNS)
    await someone.until(_NO_TOASTS)
    # The controls are in sight, and nothing is pointed at.
    await page.mouse.move(4, page.viewport_size["height"] / 2 if page.viewport_size else 300)
    await page.mouse.move(6, 300)
    await page.evaluate("() => document.activeElement?.blur()")
    await page.evaluate(_SETTLE)
    await page.screenshot(path=FOLDER / f"{name}.png")
    print(f"{name}.png", (FOLDER / f"{name}.png").stat().st_size // 1000, "kB")


async def click(someone: Person, *test_ids: str) -> None:
    for test_id in test_ids:
        await someone.page.get_by_test_id(test_id).first.click()


async def front(scene: Scene) -> None:
    ana = await scene.somebody("Ana Belén Rodríguez")
    await ana.page.goto(scene.url)
    await ana.page.get_by_test_id("room-name").fill("plaza-mayor")
    await picture(ana, "start")
    await click(ana, "enter")
    await ana.page.get_by_test_id("display-name").fill(ana.name)
    await ana.until("() => document.querySelector('video')?.videoWidth > 0")
    await ana.page.locator("[data-testid=check-mic][data-off=false]").wait_for()
    await picture(ana, "device-check")


COUNCIL = (
    "Ana Belén Rodríguez",
    "Bruno Keller",
    "Montserrat Fernández",
    "Dora Lindqvist",
    "Éric Moreau",
)


async def meeting(scene: Scene) -> None:
    ana, _, montserrat, dora, _ = await scene.meeting("faculty-council", *COUNCIL)
    await click(montserrat, "mic")
    await click(dora, "hand")
    await ana.until("() => document.querySelector('[data-testid=tile][data-speaking=true]')")
    await picture(ana, "meeting")


async def sharing(scene: Scene) -> None:
    ana, bruno, *_ = await scene.meeting("faculty-council", *COUNCIL[:4])
    await click(bruno, "share")
    await ana.until("() => document.querySelector('[data-stage=true] video')?.videoWidth > 0")
    await bruno.say("The figures are on the second page.")
    await ana.until_read("second page")
    await ana.say("Thank you. Shall we vote on it?")
    await picture(ana, "sharing")


async def leading(scene: Scene) -> None:
    ana, _, montserrat, dora = await scene.meeting("faculty-council", *COUNCIL[:4])
    await click(ana, "people", "tab-control", "lobby-switch", "ask-audio", "tab-people")
    for someone in (dora, montserrat):
        await click(someone, "hand")
        await ana.page.locator(f"[data-name='{someone.name}'] .person-hand").wait_for()
    eric = await scene.somebody("Éric Moreau")
    await eric.page.goto(f"{scene.url}faculty-council#name={eric.name}&skipCheck=1")
    await eric.page.get_by_test_id("lobby-input").fill("Good morning, I am from the school board.")
    await click(eric, "lobby-send")
    await eric.page.get_by_test_id("lobby-line").wait_for()
    await ana.page.get_by_test_id("lobby-line").wait_for()
    await picture(ana, "leading")
    await picture(eric, "lobby")
    await click(ana, "tab-control")
    await picture(ana, "control")


async def polls(scene: Scene) -> None:
    ana, *others = await scene.meeting("faculty-council", *COUNCIL[:4])
    await click(ana, "people", "tab-polls", "poll-new")
    await ana.page.get_by_test_id("poll-question").fill("Shall the library open on Saturdays?")
    await click(ana, "poll-add-option")
    for index, answer in enumerate(("Yes, all day", "Only in term", "No")):
        await ana.page.get_by_test_id("poll-option").nth(index).fill(answer)
    await click(ana, "poll-ask")
    for someone, choice in zip((ana, *others), (0, 0, 1, 0), strict=True):
        if someone is not ana:
            await click(someone, "people", "tab-polls")
        await someone.page.get_by_test_id("poll-choice").nth(choice).check()
        await click(someone, "poll-vote")
    await ana.page.get_by_text("4 people have answered").wait_for()
    await picture(ana, "polls")


async def groups(scene: Scene) -> None:
    ana, *_ = await scene.meeting("seminar", *COUNCIL)
    await click(ana, "people", "tab-control", "group-make")
    await ana.page.get_by_test_id("group-name").nth(1).wait_for()
    for index, name in enumerate(("Sources", "Methods")):
        field = ana.page.get_by_test_id("group-name").nth(index)
        await field.fill(name)
        await field.press("Enter")
        await ana.until(
            "n => [...document.querySelectorAll('option')].some(o => o.text === n)", name
        )
    await click(ana, "group-shuffle")
    await ana.page.locator("[data-testid=group-person]").nth(3).wait_for()
    await ana.page.locator("[data-testid=groups]").scroll_into_view_if_needed()
    await ana.page.get_by_test_id("groups").evaluate("each => each.parentElement.scrollIntoView()")
    await picture(ana, "groups")


async def phone(scene: Scene) -> None:
    ana, _, _, dora = await scene.meeting("plaza-mayor", *COUNCIL[:4], first=PHONE)
    await click(dora, "hand")
    await ana.until("() => document.querySelector('[data-stage=true][data-speaking=true]')")
    await picture(ana, "phone")


async def codes(scene: Scene) -> None:
    ana, bruno = await scene.meeting("confidential", *COUNCIL[:2])
    for someone in (ana, bruno):
        await click(someone, "more", "menu-encryption", "encryption-switch")
    await click(ana, "encryption-compare")
    await ana.page.get_by_test_id("comparison-numbers").wait_for()
    await picture(ana, "codes")


async def administration(scene: Scene) -> None:
    keys = keys_of("correct horse")
    opened = await open_storage("", scene.data)
    accounts = Tables(opened.database, "localhost").accounts
    await accounts.add(Account(name="ana", display_name="Ana", keys=keys, is_admin=True))
    await opened.database.close()
    await scene.meeting("faculty-council", *COUNCIL[:5])
    ana = await scene.somebody("Ana")
    await ana.page.goto(f"{scene.url}admin")
    await ana.page.get_by_test_id("admin-name").fill("ana")
    await ana.page.get_by_test_id("admin-password").fill("correct horse")
    await click(ana, "sign-in")
    await ana.page.get_by_role("link", name="faculty-council").click()
    await ana.page.get_by_text("Receives").nth(4).wait_for()
    await picture(ana, "administration")


SCENES: dict[str, Callable[[Scene], Awaitable[None]]] = {
    each.__name__: each
    for each in (front, meeting, sharing, leading, polls, groups, phone, codes, administration)
}


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Scene]:
    with tempfile.TemporaryDirectory() as data:
        server = await RunningServer.start(Path(data))
        try:
            async with async_playwright() as playwright, chromium(playwright) as browser:
                yield Scene(browser, server)
        finally:
            await server.stop()


async def main(names: list[str]) -> None:
    unknown = set(names) - set(SCENES)
    if unknown:
        sys.exit(f"no such scene: {', '.join(sorted(unknown))}; there are {', '.join(SCENES)}")
    for name in names or SCENES:
        async with stage() as scene:
            await SCENES[name](scene)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
