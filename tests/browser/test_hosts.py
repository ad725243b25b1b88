"""A council where accounts open rooms: guests wait, the host logs in, a link lets somebody lead."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from tests.browser.axe import Examined
from tests.browser.people import DEADLINE_MS, Person, person
from tests.conftest import RunningServer

from tertulia.accounts.links import LinkKey, PersonalLink
from tertulia.accounts.passwords import Account, keys_of
from tertulia.accounts.tables import Tables
from tertulia.rooms.kept import KeptRoom
from tertulia.storage.opening import open_storage

pytestmark = pytest.mark.browser

PASSWORD = "correct horse"


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    opened = await open_storage("", tmp_path)
    tables = Tables(opened.database, "localhost")
    keys = keys_of(PASSWORD, iterations=4096)
    await tables.accounts.add(Account(name="ana", display_name="Ana", keys=keys))
    await tables.rooms.add("council", KeptRoom(owner="ana@localhost", lobby=True), 0)
    await opened.database.close()
    running = await RunningServer.start(tmp_path, ["--set", "access.open=accounts"])
    try:
        yield running
    finally:
        await running.stop()


async def knock_on(someone: Person, url: str, room: str) -> None:
    """Come to a room that is not open to everybody, and see that its host is awaited."""
    await someone.page.goto(f"{url}{room}#name={someone.name}&skipCheck=1")
    await someone.page.get_by_test_id("log-in").wait_for(timeout=DEADLINE_MS)


async def log_in(someone: Person, password: str) -> None:
    await someone.page.get_by_test_id("log-in-user").fill("Ana")
    await someone.page.get_by_test_id("log-in-password").fill(password)
    await someone.page.get_by_test_id("log-in-enter").click()


async def test_guests_come_in_by_themselves_once_the_host_has_logged_in(
    browser: Browser, server: RunningServer
) -> None:
    guest, host = await person(browser, "Bea"), await person(browser, "Ana")
    await asyncio.gather(knock_on(guest, server.url, "plaza"), knock_on(host, server.url, "plaza"))
    seen = Examined(host.page)
    await seen.look("waiting for the host")
    await host.page.get_by_test_id("log-in").click()
    await log_in(host, "incorrect horse")
    await host.page.get_by_test_id("log-in-problem").wait_for(timeout=DEADLINE_MS)
    await seen.look("a wrong password at the login")
    assert seen.findings == {}
    assert await guest.page.get_by_test_id("log-in").is_visible()

    await log_in(host, PASSWORD)

    await asyncio.gather(host.until_joined(), guest.until_joined())
    await asyncio.gather(host.until_people(2), guest.until_people(2))
    # The browser is known from now on; nobody is asked again.
    await host.page.reload()
    await host.until_joined()


async def test_in_a_kept_room_guests_knock_and_who_has_a_link_leads(
    browser: Browser, server: RunningServer
) -> None:
    guest, host, leader = [await person(browser, name) for name in ("Bea", "Ana", "Lea")]
    await asyncio.gather(
        knock_on(guest, server.url, "council"), knock_on(host, server.url, "council")
    )
    await host.page.get_by_test_id("log-in").click()
    await log_in(host, PASSWORD)
    await host.until_joined()

    # A link that is made in the meeting, for somebody who has no account.
    await host.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    for button in ("people", "tab-control", "leader-link"):
        await host.page.get_by_test_id(button).click()
    link = await host.page.get_by_test_id("leader-link-address").input_value()
    seen = Examined(host.page)
    await seen.look("a link that leads")
    assert seen.findings == {}
    await leader.page.goto(f"{link}#name=Lea&skipCheck=1")

    await leader.until_joined()
    await asyncio.gather(host.until_people(2), leader.until_people(2))
    await leader.until("() => tertulia.state().isModerator")
    # Who was early is still outside.
    assert await guest.page.evaluate("document.body.dataset.state") == "knocking"


async def test_who_comes_too_late_with_a_link_reads_why_it_does_not_work(
    browser: Browser, server: RunningServer
) -> None:
    late = await person(browser, "Eva")
    wish = PersonalLink(room="council", valid_s=60)
    key = LinkKey.kept(server.data, "localhost")

    await late.page.goto(f"{key.url(server.url, wish, time.time() - 600)}#name=Eva&skipCheck=1")

    await late.page.get_by_text("the token has expired").wait_for(timeout=DEADLINE_MS)
