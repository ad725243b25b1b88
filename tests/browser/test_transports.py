"""By which ways clients come: strophe.js, which is inside every stock client, and our own page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, WebSocketRoute
from tests.browser.people import person
from tests.conftest import RunningServer

HERE = Path(__file__).parent
LIBRARY = HERE.parent.parent / "webclient/node_modules/strophe.js/dist/strophe.umd.cjs"

pytestmark = pytest.mark.browser


async def test_by_bosh_and_by_websocket_with_a_lost_socket(
    browser: Browser, server: RunningServer
) -> None:
    # Our own page allows no foreign script.
    context = await browser.new_context(ignore_https_errors=True, bypass_csp=True)
    page = await context.new_page()
    await page.goto(f"{server.url}healthz")
    await page.add_script_tag(path=LIBRARY)
    script = (HERE / "strophe.js").read_text(encoding="utf-8")

    async def strophe(url: str) -> dict[str, Any]:
        found: dict[str, Any] = await page.evaluate(script, [url, server.host])
        return found

    by_bosh = await strophe(f"{server.url}http-bind")
    by_socket = await strophe(f"{server.url.replace('https', 'wss')}xmpp-websocket")

    for report in (by_bosh, by_socket):
        assert (report["pinged"], report["echoed"], report["burst"]) == (True, 20_000, 30)
        assert report["closed"]
    assert (by_socket["resumed"], by_socket["pingedAgain"]) == (True, True)
    assert by_socket["again"] == by_socket["jid"]


async def test_a_page_without_websockets_takes_the_other_way(
    browser: Browser, server: RunningServer
) -> None:
    async def refuse(socket: WebSocketRoute) -> None:
        await socket.close()

    ana, bea = await person(browser, "Ana"), await person(browser, "Bea")
    await ana.page.route_web_socket("**/xmpp-websocket?*", refuse)
    asked: list[str] = []
    ana.page.on("request", lambda request: asked.append(request.url))

    await ana.open_directly(server.url, "tunnel")
    await bea.open_directly(server.url, "tunnel")
    for someone in (ana, bea):
        await someone.until_people(2)
    await ana.say("by another way")
    await bea.until_read("by another way")

    assert any("/http-bind?room=tunnel" in url for url in asked)
