"""The control process is killed under a meeting in browsers, and started again.

Three people, one of them on a phone: pictures and voices go on meanwhile, and everybody is where
they were, who they were, and as silent as they were.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests.browser.leading import at, come, pick, room, until_muted, until_state
from tests.browser.people import Person
from tests.conftest import RunningServer
from tests.faults.site import killed, site, started_again, written_down
from tests.heavy import heavy

pytestmark = pytest.mark.browser


@heavy
async def test_a_killed_control_process_costs_nobody_the_seat(
    browser: Browser, tmp_path: Path
) -> None:
    async with site(tmp_path) as (server, _):
        await killed_and_started_again(browser, server)


async def killed_and_started_again(browser: Browser, server: RunningServer) -> None:
    where = room()
    ana = await come(browser, "Ana", server.url, where)
    await until_state(ana, "joined")
    bea = await come(browser, "Bea", server.url, where, camera=True)
    carla = await come(browser, "Carla", server.url, where, camera=True, on_phone=True)
    people = (ana, bea, carla)
    for someone, seen in ((ana, 2), (bea, 1), (carla, 1)):
        await someone.until_people(3)
        await someone.until_transport("bridge")
        await someone.until_seeing(seen)
        await someone.until_hearing(2)
    await at(ana, "people").click()
    await pick(ana, "Bea", "moderate-role")
    await pick(ana, "Carla", "moderate-mute")
    await until_muted(bea, "Carla", True)
    await bea.until("() => tertulia.state().isModerator")
    before = [await who(someone) for someone in people]
    await written_down(server)

    await killed(server)
    for someone, seen, heard in ((ana, 2, 1), (bea, 1, 1), (carla, 1, 2)):
        await until_state(someone, "reconnecting")
        await someone.until_seeing(seen)
        await someone.until_hearing(heard)

    again = await started_again(server)
    try:
        for someone in people:
            await until_state(someone, "joined")
            await someone.until_people(3)
        assert [await who(someone) for someone in people] == before
        for someone, seen, heard in ((ana, 2, 1), (bea, 1, 1), (carla, 1, 2)):
            await someone.until_seeing(seen)
            await someone.until_hearing(heard)
        await until_muted(bea, "Carla", True)
        # Roles are not only shown: the new process knows them.
        await at(bea, "people").click()
        await pick(bea, "Ana", "moderate-mute")
        await ana.until("() => tertulia.state().local.microphone === 'off'")
        await carla.say("still here")
        await ana.until_read("still here")
    finally:
        await again.stop()


async def who(someone: Person) -> list[object]:
    """What must not change: the seat, the role, and what is switched on."""
    found: list[object] = await someone.page.evaluate(
        """() => {
          const { ownId, displayName, isModerator, local } = tertulia.state();
          return [ownId, displayName, isModerator, local.microphone, local.camera];
        }"""
    )
    return found
