"""What nobody watches is not encoded: real Chromium senders follow the bridge's constraints."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests.browser.people import Person, person
from tests.conftest import RunningServer

pytestmark = pytest.mark.browser

# The greatest height among the encodings that really produce frames, over two seconds.
_TALLEST_SENT = """
async ([least, most]) => {
  const pc = window.tertulia.peerConnections().bridge;
  if (!pc) return false;
  const sent = async () => new Map([...(await pc.getStats()).values()]
    .filter(row => row.type === 'outbound-rtp' && row.kind === 'video')
    .map(row => [row.ssrc, row]));
  const before = await sent();
  await new Promise(resolve => setTimeout(resolve, 2000));
  const heights = [...(await sent()).values()]
    .filter(row => row.framesEncoded > (before.get(row.ssrc)?.framesEncoded ?? 0))
    .map(row => row.frameHeight ?? 0);
  const tallest = Math.max(0, ...heights);
  return least <= tallest && tallest <= most;
}
"""


async def until_sending(someone: Person, least: int, most: int) -> None:
    await someone.until(_TALLEST_SENT, [least, most])


async def pin(someone: Person) -> None:
    """Put the other person on the stage, or back."""
    tile = someone.page.locator('[data-testid="tile"][data-local="false"]')
    await tile.get_by_test_id("tile-menu").click()
    await someone.page.get_by_test_id("tile-pin").click()


async def test_a_sender_encodes_no_more_than_its_largest_viewer_needs(
    browser: Browser, tmp_path: Path
) -> None:
    server = await RunningServer.start(tmp_path, environment={"TERTULIA_P2P_ENABLED": "false"})
    try:
        where = f"plaza-{secrets.token_hex(4)}"
        ana, bea = await person(browser, "Ana"), await person(browser, "Bea")
        for someone in (ana, bea):
            await someone.open_directly(server.url, where)
        for someone in (ana, bea):
            await someone.until_seeing(1)
        # A tile of this size needs 360 lines: the encoding above is off.
        await until_sending(bea, 1, 360)

        await pin(ana)
        await until_sending(bea, 361, 720)
        await ana.until_smooth(1, fps=2, height=361)

        await pin(ana)
        await until_sending(bea, 1, 360)
    finally:
        await server.stop()
