"""Who makes an echo is told, and nobody else: with sound that goes through browsers and back."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser
from tests.browser.people import person
from tests.browser.test_meeting import room
from tests.conftest import RunningServer
from tests.heavy import heavy

pytestmark = pytest.mark.browser

# A microphone in which somebody talks for minutes: noise with the rhythm of syllables.
_TALKS = """
navigator.mediaDevices.getUserMedia = async () => {
  const context = new AudioContext();
  const microphone = context.createMediaStreamDestination();
  const noise = new AudioBufferSourceNode(context, {
    buffer: context.createBuffer(1, context.sampleRate * 2, context.sampleRate), loop: true,
  });
  noise.buffer.getChannelData(0).forEach((_, index, all) => { all[index] = Math.random() - 0.5; });
  const voice = new GainNode(context, { gain: 0 });
  noise.connect(voice).connect(microphone);
  noise.start();
  let at = context.currentTime;
  for (let syllable = 0; syllable < 1500; syllable += 1) {
    const length = 0.08 + 0.2 * Math.random();
    voice.gain.setTargetAtTime(0.05 + 0.5 * Math.random(), at, 0.015);
    voice.gain.setTargetAtTime(0, at + length, 0.02);
    at += length + 0.03 + 0.12 * Math.random() + (Math.random() < 0.12 ? 1.2 * Math.random() : 0);
  }
  return microphone.stream;
};
"""
# A microphone in which nothing is, until it stands before the loudspeaker.
_LISTENS = """
navigator.mediaDevices.getUserMedia = async () => {
  const context = new AudioContext();
  const microphone = context.createMediaStreamDestination();
  window.nearLoudspeaker = () => {
    const air = new DelayNode(context, { delayTime: 0.15 });
    air.connect(new GainNode(context, { gain: 0.3 })).connect(microphone);
    for (const connection of Object.values(tertulia.peerConnections())) {
      for (const { track } of connection?.getReceivers() ?? []) {
        if (track.kind !== 'audio') continue;
        context.createMediaStreamSource(new MediaStream([track])).connect(air);
      }
    }
  };
  return microphone.stream;
};
"""
_TOLD = "() => tertulia.state().notices.some(n => n.kind === 'echo')"


@heavy
async def test_whose_microphone_hears_the_loudspeaker_is_told(
    browser: Browser, server: RunningServer
) -> None:
    ana, bea = await person(browser, "Ana"), await person(browser, "Bea")
    await ana.page.add_init_script(_TALKS)
    await bea.page.add_init_script(_LISTENS)
    where = room()
    for someone in (ana, bea):
        await someone.open_directly(server.url, where, camera="0")
    await bea.until_transport("p2p")
    await bea.until_hearing(1)

    await bea.page.evaluate("window.nearLoudspeaker()")

    await bea.until(_TOLD)
    assert not await ana.page.evaluate(f"({_TOLD})()")
