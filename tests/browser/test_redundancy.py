"""Voices with redundancy (RFC 2198): browsers send and play it, who cannot hears without."""

from __future__ import annotations

from playwright.async_api import Browser
from tests.browser.test_meeting import gather_people, room
from tests.client.media import feeding, some_frames, until_source
from tests.conftest import RunningServer

from tertulia.client import join

# Bytes in each packet of the voices that are heard, without headers. Browsers name the codec inside
# of RED in their statistics, so only the size tells.
_SIZES = """
async () => {
  const pc = window.tertulia.peerConnections().bridge;
  const report = pc ? await pc.getStats() : new Map();
  const heard = [...report.values()].filter(
    (row) => row.type === 'inbound-rtp' && row.kind === 'audio'
      && row.totalAudioEnergy > 0.05 && row.packetsReceived > 100,
  );
  return heard.map((row) => row.bytesReceived / row.packetsReceived);
}
"""
_HEARS = f"async () => (await ({_SIZES})()).length > 0"


async def test_browsers_repeat_their_voice_and_who_cannot_hears_it_too(
    browser: Browser, server: RunningServer
) -> None:
    where = room()
    ana, bea = await gather_people(browser, server.url, where, "Ana", "Bea")
    async with join(f"{server.url}{where}", name="Cyd", verify=False) as cyd:
        microphone = cyd.publish_audio()
        async with feeding(microphone):
            for someone in (ana, bea):
                await someone.until_people(3)
                await someone.until_transport("bridge")
                await someone.until(_HEARS)
            frames = await some_frames(await until_source(cyd, "audio"), 100)
            (with_red,) = await ana.page.evaluate(_SIZES)

    assert {frame.codec for frame in frames} == {"opus"}
    # Cyd does not know RED: the bridge leaves the repeated frames out for it, and only for it. They
    # double a packet; the sizes of frames themselves differ by a fifth from one second to another.
    without = sum(len(frame.data) for frame in frames) / len(frames)
    assert with_red > 1.35 * without
