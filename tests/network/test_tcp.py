"""Meetings through one open TCP port: all UDP and every other port is blocked (security F11)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.async_api import async_playwright
from tests.browser.people import person
from tests.network.namespaces import Namespace, connect
from tests.network.people import PORT, browsing, filter_with, path_of, serving, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


async def test_one_open_port_is_enough_for_a_meeting(tmp_path: Path) -> None:
    with Namespace() as there, Namespace() as office, Namespace() as homes:
        connect(there, office, "10.9.1")
        connect(there, homes, "10.9.2")
        filter_with(office, f"tcp dport {PORT} accept")
        async with (
            serving(there, tmp_path, ["10.9.1.1", "10.9.2.1"]),
            async_playwright() as playwright,
            browsing(office, playwright, tmp_path) as firewalled,
            browsing(homes, playwright, tmp_path) as free,
        ):
            ana = await person(firewalled, "Ana")
            bea, cid = await person(free, "Bea"), await person(free, "Cid")
            for each in (bea, cid):
                await each.open_directly(f"https://10.9.2.1:{PORT}/", "plaza")
            await bea.until_people(2)
            began = time.monotonic()
            await ana.open_directly(f"https://10.9.1.1:{PORT}/", "plaza")
            joined_s = time.monotonic() - began
            await ana.until_seeing(2, more_frames=1)
            seeing_s = time.monotonic() - began
            for each in (ana, bea, cid):
                await each.until_seeing_and_hearing(2)
            blocked, free_path = await path_of(ana), await path_of(bea)
            print(f"page opened to joined: {joined_s:.1f} s, to first pictures: {seeing_s:.1f} s")

            assert (blocked["protocol"], blocked["address"], blocked["port"]) == (
                "tcp",
                "10.9.1.1",
                PORT,
            )
            assert free_path["protocol"] == "udp"
            own = ana.page.locator('[data-testid="tile"][data-local="true"]')
            await own.hover()
            await own.get_by_test_id("tile-menu").click()
            await ana.page.get_by_test_id("tile-connection").click()
            card = ana.page.get_by_test_id("connection-card")
            await card.get_by_text("tcp", exact=True).wait_for()
