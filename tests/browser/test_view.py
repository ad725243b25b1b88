"""What is seen and how large, and that nobody receives what nobody sees."""

from __future__ import annotations

import secrets

import pytest
from playwright.async_api import Browser
from tests.browser.people import Person, person
from tests.conftest import RunningServer

pytestmark = pytest.mark.browser

_ON_STAGE = (
    "names => JSON.stringify([...document.querySelectorAll('[data-testid=tile][data-stage=true]')]"
    ".map(tile => tile.dataset.name)) === JSON.stringify(names)"
)

# True once no inbound video has decoded a frame for two seconds.
_NOTHING_DECODED = """
async () => {
  const decoded = async () => {
    let frames = 0;
    for (const row of (await window.tertulia.peerConnections().bridge.getStats()).values()) {
      if (row.type === 'inbound-rtp' && row.kind === 'video') frames += row.framesDecoded || 0;
    }
    return frames;
  };
  const before = await decoded();
  await new Promise(resolve => setTimeout(resolve, 2000));
  return await decoded() === before;
}
"""


def look_away(hidden: bool) -> str:
    """A page cannot be minimised without a window manager: it is told so, as the browser would."""
    return (
        "Object.defineProperty(document, 'visibilityState',"
        f" {{ configurable: true, get: () => '{'hidden' if hidden else 'visible'}' }});"
        " document.dispatchEvent(new Event('visibilitychange'));"
    )


async def choose(someone: Person, entry: str) -> None:
    await someone.page.get_by_test_id("view").click()
    await someone.page.get_by_test_id(entry).click()


async def in_tile_menu(someone: Person, name: str, entry: str) -> None:
    tile = someone.page.locator(f"[data-testid=tile][data-name='{name}']")
    await tile.get_by_test_id("tile-menu").click()
    await someone.page.get_by_test_id(entry).click()


async def test_three_people_choose_what_is_large_and_receive_what_they_see(
    browser: Browser, server: RunningServer
) -> None:
    room = f"plaza-{secrets.token_hex(4)}"
    ana, bea, carla = [await person(browser, name) for name in ("Ana", "Bea", "Carla")]
    for someone in (ana, bea, carla):
        await someone.open_directly(server.url, room)
    await ana.until_transport("bridge")
    await ana.until_seeing(2)

    # A pin is one's own affair, a second one stands beside it, and a layout takes both away.
    await in_tile_menu(ana, "Bea", "tile-pin")
    await ana.until(_ON_STAGE, ["Bea"])
    await in_tile_menu(ana, "Carla", "tile-pin")
    await ana.until(_ON_STAGE, ["Bea", "Carla"])
    await choose(ana, "view-grid")
    await ana.until(_ON_STAGE, [])
    assert await carla.page.locator("[data-stage=true]").count() == 0

    # Whom a moderator shows to all is large for all; a pin of one's own stands above it.
    await in_tile_menu(ana, "Bea", "tile-spotlight")
    await carla.until(_ON_STAGE, ["Bea"])
    await in_tile_menu(carla, "Ana", "tile-pin")
    await carla.until(_ON_STAGE, ["Ana"])
    assert await bea.page.get_by_test_id("tile-spotlight").count() == 0
    await choose(ana, "view-end-spotlight")
    await bea.until(_ON_STAGE, [])

    await choose(ana, "view-hide-self")
    await ana.until("() => document.querySelectorAll('[data-testid=tile]').length === 2")
    await bea.page.get_by_test_id("camera").click()
    await choose(ana, "view-hide-without-video")
    await ana.until("() => document.querySelectorAll('[data-testid=tile]').length === 1")
    await ana.page.get_by_test_id("show-without-video").click()
    await bea.page.get_by_test_id("camera").click()
    await ana.until_seeing(2)

    # Nobody looks: nothing is sent, nothing is decoded; both come back with the first look.
    await ana.page.evaluate(look_away(hidden=True))
    await ana.until(_NOTHING_DECODED)
    await ana.page.evaluate(look_away(hidden=False))
    await ana.until_seeing(2)
