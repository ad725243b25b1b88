"""A seminar that works in groups, while one's cable is pulled and another's page is loaded anew.

Four people, one of them on a phone; two have cameras.
"""

from __future__ import annotations

import pytest
from playwright.async_api import Browser
from tests.browser.cable import Cable, cable
from tests.browser.leading import at, come, end_for_all, pick, room, until_muted, until_state
from tests.browser.people import Person
from tests.conftest import RunningServer

pytestmark = pytest.mark.browser


async def until_in(someone: Person, group: str) -> None:
    """Wait until somebody is in this group; "" is the main room."""
    await someone.until(
        "name => (document.querySelector('.group-bar-name')?.textContent ?? '') === name"
        " && document.body.dataset.state === 'joined'",
        group,
    )


async def assign(leading: Person, whom: str, group: str) -> None:
    row = leading.page.locator(f"[data-testid=group-person][data-name={whom}]")
    await row.get_by_test_id("group-assign").select_option(label=group)


async def test_a_seminar_in_groups_that_lost_connections_do_not_take_apart(
    browser: Browser, server: RunningServer
) -> None:
    async with cable() as line:
        where = room()
        ana = await come(browser, "Ana", server.url, where)
        await until_state(ana, "joined")
        bea = await come(browser, "Bea", server.url, where, camera=True, cable=line)
        carla = await come(browser, "Carla", server.url, where, camera=True)
        dora = await come(browser, "Dora", server.url, where, on_phone=True)
        people = (ana, bea, carla, dora)
        for someone in people:
            await someone.until_people(4)

        # Bea leads, too. Two groups; who is assigned goes when they are opened.
        await at(ana, "people").click()
        await pick(ana, "Bea", "moderate-role")
        await bea.until("() => tertulia.state().isModerator")
        await at(ana, "tab-control").click()
        await at(ana, "group-make").click()
        for name, group in (("Bea", "Group 1"), ("Dora", "Group 1"), ("Carla", "Group 2")):
            await assign(ana, name, group)
        await at(ana, "groups-open").click()
        await until_in(bea, "Group 1")
        await until_in(dora, "Group 1")
        await until_in(carla, "Group 2")
        await ana.until_people(1)

        # One is sent over to the others, and there all see and hear each other.
        await assign(ana, "Carla", "Group 1")
        await until_in(carla, "Group 1")
        for someone, seen in ((bea, 1), (carla, 1), (dora, 2)):
            await someone.until_people(3)
            await someone.until_transport("bridge")
            await someone.until_seeing(seen)
            await someone.until_hearing(2)
        await at(bea, "mic").click()
        await until_muted(dora, "Bea", True)

        await bea_is_cut_off_and_comes_back(bea, carla, line)
        await dora_loads_the_page_anew(dora, bea)

        await at(ana, "group-broadcast").fill("Five more minutes")
        await at(ana, "group-broadcast-send").click()
        for someone in (bea, carla, dora):
            await someone.until(
                "() => tertulia.state().notices.some(n => n.kind === 'breakout-announced'"
                " && n.name === 'Ana: Five more minutes')"
            )

        await at(ana, "groups-close").click()
        for someone in people:
            await until_in(someone, "")
            await someone.until_people(4)
            await someone.until_transport("bridge")
        # A phone has room for two tiles beside one's own.
        for someone, seen in ((ana, 2), (bea, 1), (carla, 1), (dora, 1)):
            await someone.until_seeing(seen)
        await until_muted(ana, "Bea", True)
        await until_muted(ana, "Dora", True)
        await bea.until_hearing(2)
        await end_for_all(ana, bea, carla, dora)


async def bea_is_cut_off_and_comes_back(bea: Person, carla: Person, line: Cable) -> None:
    """She has the seat that she had, and nobody has seen her go."""
    endpoint = await bea.endpoint
    await carla.page.evaluate(
        """() => {
          window.__left = 0;
          new MutationObserver(() => {
            if (!document.querySelector('[data-testid=tile][data-name=Bea]')) window.__left += 1;
          }).observe(document.body, { childList: true, subtree: true });
        }"""
    )
    line.cut()
    await until_state(bea, "reconnecting")
    await line.mend()
    await until_in(bea, "Group 1")
    assert await bea.endpoint == endpoint
    state = await bea.page.evaluate("tertulia.state()")
    assert (state["isModerator"], state["displayName"]) == (True, "Bea")
    assert (state["local"]["microphone"], state["local"]["camera"]) == ("off", "on")
    await until_muted(carla, "Bea", True)
    for someone in (bea, carla):
        await someone.until_people(3)
        await someone.until_seeing(1)
    await bea.until_hearing(2)
    assert await carla.page.evaluate("window.__left") == 0


async def dora_loads_the_page_anew(dora: Person, bea: Person) -> None:
    """A page that begins again is the same person: in the same group, muted as before."""
    await at(dora, "mic").click()
    await until_muted(bea, "Dora", True)
    await dora.page.reload()
    await until_in(dora, "Group 1")
    for someone, seen in ((dora, 2), (bea, 1)):
        await someone.until_people(3)
        await someone.until_seeing(seen)
    assert await dora.page.evaluate("tertulia.state().local.microphone") == "off"
    await until_muted(bea, "Dora", True)
