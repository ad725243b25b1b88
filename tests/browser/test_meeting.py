"""A meeting as people live it: real Chromium pages through the server that `tertulia serve` starts.

Two people peer to peer, the third moves everybody to the bridge, all that happens in an hour
compressed, and what is left when the last has gone.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests.browser.people import DEADLINE_MS, Person, person
from tests.conftest import RunningServer
from tests.faults.conftest import within
from tests.heavy import heavy

pytestmark = pytest.mark.browser


NAMES = ("Ana", "Bea", "Carla", "Dora", "Eva")


def room() -> str:
    return f"plaza-{secrets.token_hex(4)}"


async def gather_people(browser: Browser, url: str, where: str, *names: str) -> list[Person]:
    """People who arrive one after the other, as they do."""
    people = []
    for name in names:
        someone = await person(browser, name)
        await someone.open_directly(url, where)
        people.append(someone)
    return people


def without(one: Person, people: list[Person]) -> list[Person]:
    return [each for each in people if each is not one]


async def leave(someone: Person) -> None:
    await someone.page.get_by_test_id("leave").click()
    await someone.page.wait_for_selector('body[data-state="left"]', state="attached")


async def test_two_people_meet_through_the_front_door_and_talk_peer_to_peer(
    browser: Browser, server: RunningServer
) -> None:
    where = room()
    ana, bea = await person(browser, "Ana"), await person(browser, "Bea")
    await ana.enter(server.url, where)
    await bea.enter(server.url, where)

    for someone in (ana, bea):
        await someone.until_people(2)
        await someone.until_transport("p2p")
        await someone.until_seeing_and_hearing(1)
        await someone.until_smooth(1, fps=4, height=360)

    seen = await ana.survey()
    (tile,) = [t for t in seen["tiles"].values() if not t["local"]]
    assert tile["name"] == "Bea"
    assert tile["height"] >= 180

    await ana.say("Buenos días, Bea")
    await bea.until_unread(1)
    await bea.until_read("Buenos días, Bea")


async def test_the_third_moves_everybody_to_the_bridge_and_two_go_back(
    browser: Browser, server: RunningServer
) -> None:
    ana, bea = await gather_people(browser, server.url, where := room(), "Ana", "Bea")
    await ana.until_transport("p2p")
    await bea.until_transport("p2p")

    (carla,) = await gather_people(browser, server.url, where, "Carla")
    for someone in (ana, bea, carla):
        await someone.until_people(3)
        await someone.until_transport("bridge")
        await someone.until_seeing_and_hearing(2)
        await someone.until_smooth(2, fps=4, height=180)

    await leave(carla)
    for someone in (ana, bea):
        await someone.until_people(2)
        await someone.until_transport("p2p")
        await someone.until_seeing_and_hearing(1)


@pytest.mark.parametrize(
    "names", [NAMES[:3], pytest.param(NAMES, marks=heavy)], ids=["three", "five"]
)
async def test_people_with_everything_that_happens_in_an_hour(
    names: tuple[str, ...], browser: Browser, tmp_path: Path
) -> None:
    # Whose tab is killed may come back for a minute by default, and the meeting waits for it.
    server = await RunningServer.start(tmp_path, environment={"TERTULIA_LIMITS_RESUME_S": "12"})
    try:
        await an_hour(browser, server, names)
    finally:
        await server.stop()


async def an_hour(browser: Browser, server: RunningServer, names: tuple[str, ...]) -> None:
    people = await gather_people(browser, server.url, where := room(), *names)
    ana, bea, carla, *_ = people
    dora, eva = people[-2:]
    everybody, others = len(people), len(people) - 1
    for someone in people:
        await someone.until_people(everybody)
        await someone.until_transport("bridge")
        await someone.until_seeing_and_hearing(others)
        await someone.until_smooth(others, fps=2, height=180)

    # One mutes: everybody is told.
    await bea.page.get_by_test_id("mic").click()
    bea_id = await bea.endpoint
    for someone in without(bea, people):
        await someone.until(
            "id => document.querySelector(`[data-testid=tile][data-endpoint='${id}']`)"
            "?.dataset.mutedAudio === 'true'",
            bea_id,
        )
    await bea.page.get_by_test_id("mic").click()
    await ana.until(
        "id => document.querySelector(`[data-testid=tile][data-endpoint='${id}']`)"
        "?.dataset.mutedAudio === 'false'",
        bea_id,
    )

    # One shares the screen: a second picture of the same person, and it moves.
    await carla.page.get_by_test_id("share").click()
    carla_id = await carla.endpoint
    for someone in without(carla, people):
        await someone.until(
            "id => document.querySelector(`[data-testid=tile][data-source='${id}-v1'] video`)"
            "?.videoWidth > 0",
            carla_id,
        )
    await carla.page.get_by_test_id("share").click()
    await ana.until(
        "id => !document.querySelector(`[data-testid=tile][data-source='${id}-v1']`)", carla_id
    )

    # One says something to all.
    await dora.say("La sesión empieza")
    for someone in without(dora, people):
        await someone.until_read("La sesión empieza")

    # One reloads and is back, seen and heard.
    await dora.page.reload()
    await dora.until_joined()
    for someone in people:
        await someone.until_people(everybody)
    await ana.until_seeing_and_hearing(others)
    await dora.until_seeing_and_hearing(others)

    # One's tab is killed: gone for the others within 15 seconds, by itself.
    started = time.monotonic()
    await eva.crash()
    for someone in people[:-1]:
        await someone.until_people(others)
    within(time.monotonic() - started, 15.0, "a killed tab, gone for the others")

    # The last leaves, and the room is gone: who comes next finds nobody and no old words.
    for someone in people[:-1]:
        await leave(someone)
    await server.logged(f"Room ended: room={where}@", within_s=30)
    (gina,) = await gather_people(browser, server.url, where, "Gina")
    await gina.until_people(1)
    await gina.page.get_by_test_id("chat").click()
    assert await gina.page.get_by_test_id("chat-message").count() == 0


async def test_a_killed_bridge_is_replaced_and_the_meeting_goes_on_within_ten_seconds(
    browser: Browser, server: RunningServer
) -> None:
    people = await gather_people(browser, server.url, room(), "Ana", "Bea", "Carla")
    for someone in people:
        await someone.until_transport("bridge")
        await someone.until_seeing_and_hearing(2)

    (bridge,) = server.bridge_pids()
    after, killed = len(server.log), time.monotonic()
    os.kill(bridge, signal.SIGKILL)

    # Ten seconds until everybody is invited to and connected with the new bridge. The pictures
    # after that are the decoders' affair, which a busy machine may hold up.
    for _ in people:
        after = await server.logged("Endpoint connected", after=after)
    within(time.monotonic() - killed, 10.0, "a killed bridge, three pages on the new one")
    await asyncio.gather(*(someone.until_seeing_and_hearing(2) for someone in people))
    assert server.bridge_pids() != [bridge]


async def test_without_camera_or_microphone_one_is_told_and_may_still_join(
    browser: Browser, server: RunningServer
) -> None:
    context = await browser.new_context(ignore_https_errors=True, permissions=[])
    context.set_default_timeout(DEADLINE_MS)
    page = await context.new_page()
    await page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () =>"
        " Promise.reject(new DOMException('denied', 'NotAllowedError'));"
    )
    await page.goto(server.url + room())
    await page.wait_for_selector(".permission-help", timeout=DEADLINE_MS)
    await page.get_by_test_id("display-name").fill("Ana")
    await page.get_by_test_id("join").click()
    await page.wait_for_selector('body[data-state="joined"]', state="attached")
