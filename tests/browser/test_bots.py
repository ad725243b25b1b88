"""Programs among people: a real Chromium hears the echo bot and sees the slide bot's picture."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests.browser.people import person
from tests.client.test_examples import line_with, make_picture, running
from tests.conftest import RunningServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed"),
]

# The middle of the picture a remote source is painted with is mostly red.
_SHOWS_RED = """
bot => {
  for (const tile of document.querySelectorAll('[data-testid="tile"]')) {
    const video = tile.querySelector('video');
    if (tile.dataset.name !== bot || !video || !video.videoWidth) continue;
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 1;
    const pen = canvas.getContext('2d');
    pen.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 1, 1, 0, 0, 1, 1);
    const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
    if (red > 150 && green < 80 && blue < 80) return true;
  }
  return false;
}
"""


async def test_chromium_hears_the_echo_and_sees_the_slides(
    browser: Browser, server: RunningServer, tmp_path: Path
) -> None:
    where = f"plaza-{secrets.token_hex(4)}"
    url, slide = f"{server.url}{where}", tmp_path / "red.png"
    make_picture(slide, "red")
    ana = await person(browser, "Ana")
    await ana.open_directly(server.url, where)

    async with running("echo_bot.py", url) as echo:
        await line_with(echo, "joined")
        # Two people: whoever of them asks to talk past the bridge, the bot declines.
        await ana.until_people(2)
        await ana.until_hearing(1)
        await ana.until_transport("bridge")

        async with running("slide_bot.py", url, str(slide)) as slides:
            await line_with(slides, "joined")
            await ana.until_people(3)
            await ana.until(_SHOWS_RED, "Slides")
            await ana.say("bye")
            await ana.until_people(1)
            assert (await echo.wait(), await slides.wait()) == (0, 0)
