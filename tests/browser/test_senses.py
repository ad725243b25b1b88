"""What is done to picture and sound on the page: the background, the little sounds, captions."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Browser
from tests.browser.people import DEADLINE_MS, Person, person
from tests.browser.test_meeting import room
from tests.browser.test_pictures import with_bridge_channel
from tests.client.media import some_frames, until_source
from tests.conftest import RunningServer

from tertulia.client import join

pytestmark = pytest.mark.browser

# A camera full of hard edges with nobody in it, as the browser's own generated one has too few; and
# a list of the notes that were played.
_SPIES = """
navigator.mediaDevices.getUserMedia = async wishes => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
  const pen = canvas.getContext('2d');
  let step = 0;
  setInterval(() => {
    step += 1;
    for (let x = 0; x < 640; x += 20) {
      pen.fillStyle = (x / 20 + step) % 2 ? '#fff' : '#000';
      pen.fillRect(x, 0, 20, 360);
    }
  }, 100);
  return canvas.captureStream(10);
};
window.notes = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) {
  window.notes.push(Math.round(this.frequency.value));
  return start.apply(this, when);
};
"""

# The hardest edge on one line of the own tile's picture, 0 to 255.
_EDGES = """
() => {
  const video = document.querySelector('[data-testid=tile][data-local=true] video');
  if (!video?.videoWidth) return -1;
  const canvas = new OffscreenCanvas(video.videoWidth, 1);
  const pen = canvas.getContext('2d');
  pen.drawImage(video, 0, video.videoHeight / 2, canvas.width, 1, 0, 0, canvas.width, 1);
  const { data } = pen.getImageData(0, 0, canvas.width, 1);
  let steps = 0;
  for (let x = 4; x < data.length; x += 4) steps = Math.max(steps, Math.abs(data[x] - data[x - 4]));
  return steps;
}
"""

# What the bridge gets is the picture that the own tile shows.
_IS_SENT = """
() => {
  const shown = document.querySelector('[data-testid=tile][data-local=true] video')?.srcObject;
  const [track] = shown?.getVideoTracks() ?? [];
  return window.tertulia.peerConnections().bridge?.getSenders()
    .some(sender => track && sender.track === track) === true;
}
"""


async def until_edges(someone: Person, condition: str) -> None:
    await someone.until(f"() => {{ const edges = ({_EDGES})(); return {condition}; }}")


async def in_settings(someone: Person, *test_ids: str) -> None:
    page = someone.page
    await page.get_by_test_id("more").click()
    await page.get_by_test_id("menu-settings").click()
    for test_id in test_ids:
        await page.get_by_test_id(test_id).click()
    await page.keyboard.press("Escape")


async def test_a_blurred_room_is_what_others_get_and_sounds_are_heard_unless_silenced(
    browser: Browser, server: RunningServer
) -> None:
    where = room()
    ana = await person(browser, "Ana")
    await ana.page.add_init_script(_SPIES)
    channels = await with_bridge_channel(ana)
    await ana.open_directly(server.url, where, mic="0")
    # Sounds wait for the first touch of the page, as browsers want it.
    await ana.page.mouse.click(400, 300)
    await until_edges(ana, "edges > 150")

    async with join(f"{server.url}{where}", name="Bea", verify=False) as bea:
        await ana.until_people(2)
        await ana.until("() => window.notes.join() === '523,659'")
        frames = await until_source(bea, "video")
        await ana.until(_IS_SENT)

        await in_settings(ana, "background-blur")
        await until_edges(ana, "edges >= 0 && edges < 60")
        await ana.until(_IS_SENT)
        assert len(await some_frames(frames, 10)) == 10

        bea.say("Good morning")
        await ana.until("() => window.notes.join() === '523,659,784'")
        await in_settings(ana, "sounds", "sound-chat")
        bea.say("Nobody hears this")
        await ana.until_unread(2)

        line = {
            "type": "transcription-result",
            "message_id": "1",
            "participant": {"id": "x", "name": "Bea"},
            "transcript": [{"text": "Shall we begin?"}],
        }
        message = {"colibriClass": "EndpointMessage", "from": "transcriber", "msgPayload": line}
        channels[-1].send(json.dumps(message))
        captions = ana.page.get_by_test_id("captions")
        await captions.get_by_text("Shall we begin?").wait_for(timeout=DEADLINE_MS)

    # Going is heard again; what was said between was not.
    await ana.until("() => window.notes.join() === '523,659,784,659,523'")
    assert await ana.page.evaluate("tertulia.state().local.camera") == "on"
