"""Every page at the sizes people have, held to rules a machine can check, kept as pictures.

The pictures land in tests/output; those of the documents are made by gallery.py.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, WebSocketRoute
from tests.browser.people import Person, person
from tests.conftest import RunningServer

pytestmark = pytest.mark.browser

FOLDER = Path("tests/output")
PORTRAITS = (Path(__file__).parent / "portraits.js").read_text(encoding="utf-8")
PHONE = (360, 740)
LAPTOP = (1280, 800)
WALL = (2560, 1440)

# What a person would call broken: beyond the edge, without a name, too small to hit.
_FLAWS = """
() => {
  const flaws = [];
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) {
    flaws.push(`scrolls sideways: ${page.scrollWidth} > ${page.clientWidth}`);
  }
  for (const control of document.querySelectorAll('button, a[href], input, select, textarea')) {
    const box = control.getBoundingClientRect();
    if (!box.width || !box.height || !control.checkVisibility()) continue;
    const name = control.getAttribute('aria-label')
      || control.textContent.trim() || control.labels?.[0]?.textContent || control.title
      || document.getElementById(control.getAttribute('aria-labelledby'))?.textContent;
    const what = control.dataset.testid || control.outerHTML.slice(0, 90);
    if (!name) flaws.push(`no name: ${what}`);
    if (box.right > page.clientWidth + 1 || box.left < -1) flaws.push(`beyond the edge: ${what}`);
    if (control.tagName === 'BUTTON' && Math.min(box.width, box.height) < 24) {
      flaws.push(`too small to hit (${box.width}x${box.height}): ${what}`);
    }
  }
  return flaws;
}
"""


# A panel that is still sliding in is neither judged nor pictured; endless ones (progress) go on.
_SETTLED = """
() => Promise.allSettled(
  document.getAnimations()
    .filter(animation => Number.isFinite(animation.effect.getComputedTiming().endTime))
    .map(animation => animation.finished)
)
"""


async def look(someone: Person, name: str) -> None:
    await someone.page.evaluate(_SETTLED)
    assert await someone.page.evaluate(_FLAWS) == [], name
    await someone.picture(FOLDER / f"{name}.png")


async def illustrated(browser: Browser, number: int, name: str, size: tuple[int, int]) -> Person:
    someone = await person(browser, name, width=size[0], height=size[1])
    await someone.page.add_init_script(f"window.__portrait = {number};\n{PORTRAITS}")
    return someone


async def with_bridge_channel(someone: Person) -> list[WebSocketRoute]:
    """The page's bridge channels, in which a test can say what a bridge says of bad networks."""
    channels: list[WebSocketRoute] = []

    def open_channel(channel: WebSocketRoute) -> None:
        bridge = channel.connect_to_server()
        # What this busy machine makes the real bridge find would come in between.
        bridge.on_message(
            lambda message: None if "SourceReasons" in str(message) else channel.send(message)
        )
        channels.append(channel)

    await someone.page.route_web_socket(re.compile("/colibri-ws/"), open_channel)
    return channels


async def look_why_small(someone: Person, channel: WebSocketRoute, others: list[Person]) -> None:
    """Each reason has its sign on the tile, and its sentence in the card behind it."""
    reasons = {
        "your-downlink": "Your connection",
        "their-uplink": "Their connection",
        "bridge-busy": "The server is busy",
    }
    sources = {
        f"{await other.endpoint}-v0": reason for other, reason in zip(others, reasons, strict=True)
    }
    channel.send(json.dumps({"colibriClass": "SourceReasons", "sources": sources}))
    for reason, sentence in reversed(reasons.items()):
        sign = someone.page.locator(f"[data-testid=tile-limit][data-reason={reason}]")
        await sign.click()
        why = someone.page.get_by_test_id("connection-why")
        await why.wait_for()
        assert (await why.inner_text()).startswith(sentence)
        if reason == "your-downlink":
            await look(someone, "why-small")
        await someone.page.keyboard.press("Escape")
        await why.wait_for(state="detached")
    channel.send(json.dumps({"colibriClass": "SourceReasons", "sources": dict.fromkeys(sources)}))
    await someone.until("() => !document.querySelector('[data-testid=tile-limit]')")


async def test_start_and_device_check_at_every_size(
    browser: Browser, server: RunningServer
) -> None:
    for label, size in (("", LAPTOP), ("-phone", PHONE), ("-wall", WALL)):
        someone = await illustrated(browser, 0, "Ana", size)
        await someone.page.goto(server.url)
        await someone.page.wait_for_selector('body[data-state="start"]', state="attached")
        await look(someone, f"start{label}")
        await someone.page.get_by_test_id("room-name").fill("plaza-mayor")
        await someone.page.get_by_test_id("enter").click()
        await someone.page.get_by_test_id("display-name").fill("Ana Belén Rodríguez")
        await someone.until("() => document.querySelector('video')?.videoWidth > 0")
        await look(someone, f"device-check{label}")
        await someone.context.close()


async def test_a_meeting_of_four_at_every_size(browser: Browser, server: RunningServer) -> None:
    names = (
        "Ana Belén Rodríguez",
        "Bruno",
        "Montserrat Fernández de Córdoba y Salazar",
        "Dora Lindqvist",
    )
    people = []
    for number, name in enumerate(names):
        size = PHONE if number == 3 else LAPTOP
        people.append(someone := await illustrated(browser, number, name, size))
        if number == 0:
            channels = await with_bridge_channel(someone)
        await someone.open_directly(server.url, "plaza-mayor")
    ana, bruno, montserrat, dora = people
    for someone in people:
        await someone.until_people(4)
    await ana.until_seeing_and_hearing(3)
    await dora.until_seeing(2)
    await montserrat.page.get_by_test_id("mic").click()
    await bruno.page.get_by_test_id("hand").click()
    await ana.until("() => !document.querySelector('[data-testid=\"toast\"]')")
    await ana.page.mouse.move(640, 400)
    await look(ana, "meeting")
    await look(dora, "phone")
    await look_why_small(ana, channels[-1], [bruno, montserrat, dora])

    await bruno.say("Good morning. The minutes are on the second page.")
    await ana.until_read("The minutes are on the second page.")
    await look(ana, "chat")
    await dora.until_read("The minutes are on the second page.")
    await look(dora, "phone-chat")

    await bruno.page.get_by_test_id("share").click()
    bruno_id = await bruno.endpoint
    await ana.until(
        "id => document.querySelector(`[data-testid=tile][data-source='${id}-v1'] video`)"
        "?.videoWidth > 0",
        bruno_id,
    )
    await look(ana, "sharing-and-chat")
