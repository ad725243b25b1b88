"""An administrator signs in, sees a meeting with its people, takes the report, ends the meeting."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page
from tests.browser.axe import Examined
from tests.browser.people import DEADLINE_MS, person
from tests.conftest import RunningServer

from tertulia.accounts.passwords import Account, keys_of
from tertulia.accounts.tables import Tables
from tertulia.storage.opening import open_storage
from tertulia.usage.days import Day
from tertulia.usage.table import SqlUsageTable
from tertulia.usage.tally import Counted

pytestmark = pytest.mark.browser

PASSWORD = "correct horse"
MONTH = time.strftime("%Y-%m", time.gmtime())


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    opened = await open_storage("", tmp_path)
    keys = keys_of(PASSWORD, iterations=4096)
    accounts = Tables(opened.database, "localhost").accounts
    await accounts.add(Account(name="ana", display_name="Ana", keys=keys, is_admin=True))
    await accounts.add(Account(name="bea", display_name="Bea", keys=keys))
    day = Day(meetings=3, participants=9, person_ms=7_200_000, sizes=[1, 2, 0, 0, 0])
    await SqlUsageTable(opened.database).add(Counted({f"{MONTH}-01": day}, {}))
    await opened.database.close()
    running = await RunningServer.start(tmp_path, [])
    try:
        yield running
    finally:
        await running.stop()


async def sign_in(page: Page, name: str) -> None:
    await page.get_by_test_id("admin-name").fill(name)
    await page.get_by_test_id("admin-password").fill(PASSWORD)
    await page.get_by_test_id("admin-password").press("Enter")


async def test_a_meeting_is_seen_reported_and_ended(
    browser: Browser, server: RunningServer
) -> None:
    people = [await person(browser, name) for name in ("Carla", "Dario")]
    await asyncio.gather(*(each.open_directly(server.url, "plaza") for each in people))
    admin = await person(browser, "Ana")
    page, examined = admin.page, Examined(admin.page)
    await page.goto(f"{server.url}admin")
    await sign_in(page, "bea")
    await page.get_by_test_id("sign-in-problem").wait_for(timeout=DEADLINE_MS)
    await examined.look_in_both_schemes("signing in")
    await sign_in(page, "ana")
    await asyncio.gather(*(each.until_people(2) for each in people))
    rooms = page.get_by_test_id("rooms")
    await rooms.get_by_text("2 people").wait_for(timeout=DEADLINE_MS)
    await examined.look_in_both_schemes("now")

    await rooms.get_by_role("link", name="plaza").press("Enter")
    everybody = page.get_by_test_id("everybody")
    for name in ("Carla", "Dario"):
        await everybody.get_by_text(name, exact=True).wait_for(timeout=DEADLINE_MS)
    # Two people send past the bridge as soon as they have agreed on it.
    way = everybody.get_by_text(re.compile(r"^(UDP|directly)"))
    await way.first.wait_for(timeout=DEADLINE_MS)
    await examined.look_in_both_schemes("room")

    await page.get_by_test_id("usage").press("Enter")
    await examined.look_in_both_schemes("usage")
    async with page.expect_download() as download:
        await page.get_by_test_id("download-csv").press("Enter")
    file = await (await download.value).path()
    report = await asyncio.to_thread(file.read_text, encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(report)))
    if time.strftime("%Y-%m", time.gmtime()) == MONTH:  # and not the next one since we began
        assert (rows[-1]["day"], int(rows[-1]["meetings"])) == (MONTH, 4)

    await page.go_back()
    await page.get_by_test_id("end-meeting").press("Enter")
    await page.get_by_test_id("confirm").wait_for()  # a key does not wait for what it is meant for
    await page.get_by_test_id("confirm").press("Enter")
    await page.get_by_test_id("done").get_by_text("has ended").wait_for(timeout=DEADLINE_MS)
    for each in people:
        ended = each.page.get_by_role("heading", name="The meeting has ended")
        await ended.wait_for(timeout=DEADLINE_MS)
    assert examined.findings == {}
