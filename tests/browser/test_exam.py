"""An exam: cameras have to be on, nobody whispers, and a camera that fails costs nobody the seat.

Three people, one of them on a phone; those who are examined come by the front door.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, WebSocketRoute
from tests.browser.leading import PHONE, at, come, end_for_all, room, until_state
from tests.browser.people import Person, person
from tests.conftest import RunningServer

pytestmark = pytest.mark.browser

# The camera of this machine can be unplugged, as far as the page can tell.
_UNPLUGGED = """
  window.__camera = false;
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = wish => wish.video && !window.__camera
    ? Promise.reject(new DOMException('no device', 'NotFoundError'))
    : open(wish);
"""


async def test_an_exam_with_cameras_on_and_no_whispering(browser: Browser, tmp_path: Path) -> None:
    server = await RunningServer.start(
        tmp_path, environment={"TERTULIA_LIMITS_CAMERA_GRACE_S": "1"}
    )
    try:
        await an_exam(browser, server)
    finally:
        await server.stop()


async def an_exam(browser: Browser, server: RunningServer) -> None:
    where = room()
    ana = await come(browser, "Ana", server.url, where)
    await until_state(ana, "joined")
    await at(ana, "people").click()
    await at(ana, "tab-control").click()
    await at(ana, "camera-required").click()
    await at(ana, "may-privateChat").select_option("moderators")
    await at(ana, "lobby-switch").click()
    await at(ana, "lobby-badge").wait_for()

    # In front of the door one reads it; the camera of the one comes on, the other has none.
    dora = await person(browser, "Dora", width=PHONE[0], height=PHONE[1])
    await believes_that_all_may_whisper(dora)
    await dora.page.goto(f"{server.url}{where}")
    await dora.page.locator("[data-testid=check-camera-required][data-met=true]").wait_for()
    bea = await person(browser, "Bea")
    await bea.page.add_init_script(_UNPLUGGED)
    await bea.page.goto(f"{server.url}{where}")
    await at(bea, "trouble-camera").wait_for()
    await at(bea, "join").get_by_text("Join without a camera").wait_for()
    for someone in (bea, dora):
        await at(someone, "display-name").fill(someone.name)
        await at(someone, "join").click()
        await until_state(someone, "knocking")
        await at(ana, "toast-admit").click()
        await until_state(someone, "joined")
    await ana.until_people(3)
    await ana.until_seeing(1)

    # Who leads sees who has none, and so does she: it is shown, and nobody is removed.
    await at(ana, "tab-people").click()
    row = ana.page.locator("[data-testid=person][data-name=Bea]")
    await row.get_by_test_id("no-camera").wait_for()
    assert await at(ana, "no-camera").count() == 1
    assert "1 person" in await at(ana, "no-cameras").inner_text()
    assert await ana.page.evaluate(
        "tertulia.state().notices.some(n => n.kind === 'without-camera' && n.name === 'Bea')"
    )
    await bea.page.locator("[data-testid=camera-wanted][data-known=true]").wait_for()
    await bea.page.evaluate("window.__camera = true")
    await at(bea, "camera-wanted").get_by_role("button").click()
    await at(bea, "camera-wanted").wait_for(state="detached")
    await at(ana, "no-camera").wait_for(state="detached")
    await ana.until_seeing(2)

    # The page offers no way to write to each other, only to who leads.
    await at(bea, "people").click()
    assert await offers_to_write(bea, "Ana")
    assert not await offers_to_write(bea, "Dora")
    # A page that has been tampered with does, and the server says no.
    await at(dora, "more").click()
    await at(dora, "menu-people").click()
    assert await offers_to_write(dora, "Bea")
    await whispers(dora, "Bea", "What is the answer to 3?")
    await dora.until(
        "() => tertulia.state().notices.some(n => n.kind === 'chat-refused' && n.name !== '')"
    )
    await dora.page.locator(".chat-not-sent").wait_for()
    await at(dora, "tab-people").click()
    await whispers(dora, "Ana", "May I leave early?")
    await ana.until_read("May I leave early?")
    assert await bea.page.evaluate("tertulia.state().chat.length") == 0
    await end_for_all(ana, bea, dora)


async def believes_that_all_may_whisper(someone: Person) -> None:
    """The page of somebody who has made it deaf to what the room says of private messages."""

    def open_socket(socket: WebSocketRoute) -> None:
        def pass_on(message: str | bytes) -> None:
            text = message if isinstance(message, str) else message.decode()
            socket.send(re.sub(r"(privateChat\W+)moderators", r"\1everybody", text))

        socket.connect_to_server().on_message(pass_on)

    await someone.page.route_web_socket(re.compile("/xmpp-websocket"), open_socket)


async def offers_to_write(someone: Person, about: str) -> bool:
    row = someone.page.locator(f'[data-testid=person][data-name="{about}"]')
    await row.get_by_test_id("person-menu").click()
    await at(someone, "person-pin").wait_for()
    offers = await at(someone, "person-write").count() == 1
    await someone.page.keyboard.press("Escape")
    await at(someone, "person-pin").wait_for(state="detached")
    return offers


async def whispers(someone: Person, to: str, text: str) -> None:
    row = someone.page.locator(f'[data-testid=person][data-name="{to}"]')
    await row.get_by_test_id("person-menu").click()
    await at(someone, "person-write").click()
    await at(someone, "chat-input").fill(text)
    await at(someone, "chat-input").press("Enter")
