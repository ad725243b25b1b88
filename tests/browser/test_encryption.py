"""End-to-end encryption between our pages: who has the keys sees and hears, nobody else."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Browser
from tests.browser.people import Person, person
from tests.browser.test_meeting import room
from tests.client.media import some_frames, until_source
from tests.conftest import RunningServer

from tertulia.client import join

# Makes a Chromium look like one from before RTCRtpScriptTransform.
_OLDER = "delete window.RTCRtpScriptTransform"

# Makes a Chromium take every transform of a sender, and send its frames as if there were none.
_BYPASSING = """
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor({ encodedInsertableStreams, ...rest } = {}) { super(rest); }
};
Object.defineProperty(RTCRtpSender.prototype, 'transform', { get: () => null, set: () => {} });
"""
_NO_TRACK_SENT = """
() => window.tertulia.peerConnections().bridge.getSenders().every(sender => sender.track === null)
"""
_DEVICES_OFF = """
() => {
  const { local, notices } = window.tertulia.state();
  const said = notices.map(notice => notice.kind);
  return local.microphone === 'off' && local.camera === 'off'
    && said.includes('unencrypted-audio') && said.includes('unencrypted-video');
}
"""

_ENCRYPTION = "() => window.tertulia.state().encryption"


async def switch(someone: Person, *, to: str) -> None:
    """Turn encryption on or off, as people do it."""
    await someone.page.get_by_test_id("more").click()
    await someone.page.get_by_test_id("menu-encryption").click()
    await someone.page.get_by_test_id("encryption-switch").click()
    await someone.until(
        "s => document.querySelector('[data-testid=encryption-dialog]')?.dataset.own === s", to
    )
    await someone.page.keyboard.press("Escape")


async def until_encrypted(someone: Person, others: int) -> None:
    """Wait until `others` people are known to be readable, each with a key that fits."""
    await someone.until(
        "n => Object.values(window.tertulia.state().encryption.peers)"
        ".filter(state => state === 'encrypted').length === n",
        others,
    )


async def keys_of(someone: Person) -> Any:
    return (await someone.page.evaluate(_ENCRYPTION))["keys"]


async def decoded(someone: Person) -> tuple[int, float]:
    """Frames decoded and audio energy received so far, over all streams."""
    seen = await someone.survey()
    return sum(each["frames"] for each in seen["video"].values()), sum(seen["audio"].values())


async def test_three_people_talk_confidentially_and_a_fourth_gets_nothing(
    browser: Browser, server: RunningServer
) -> None:
    where = room()
    ana = await person(browser, "Ana")
    bea = await person(browser, "Bea", width=360, height=740)
    cyd = await person(browser, "Cyd")
    await cyd.context.add_init_script(_OLDER)
    for someone in (ana, bea, cyd):
        await someone.open_directly(server.url, where)
    for someone in (ana, bea, cyd):
        await someone.until_transport("bridge")
        await someone.until_seeing(2)

    for someone in (ana, bea, cyd):
        await switch(someone, to="on")
    for someone in (ana, bea, cyd):
        await until_encrypted(someone, 2)
        await someone.until_seeing_and_hearing(2)
        await someone.page.get_by_test_id("encryption-badge").wait_for()

    dan = await person(browser, "Dan")
    await dan.open_directly(server.url, where)
    await dan.until_people(4)
    await dan.page.get_by_test_id("tile-encryption").nth(2).wait_for()
    for someone in (ana, bea, cyd):
        await someone.until_seeing_and_hearing(2)
    assert await decoded(dan) == (0, 0.0)

    # On the wire, seen by a client that is not a browser: every frame ends as encrypted ones do.
    async with join(f"{server.url}{where}", name="Eva", verify=False) as eva:
        for kind in ("audio", "video"):
            frames = await some_frames(await until_source(eva, kind), 20)
            assert {frame.data[-2] for frame in frames} == {12}
            assert {frame.data[-1] for frame in frames} <= set(range(16))

    # Bea leaves; what the others say from now on is encrypted with keys she has never had.
    before = [await keys_of(someone) for someone in (ana, cyd)]
    await bea.until("() => document.body.dataset.state === 'joined'")
    await bea.page.get_by_test_id("leave").click()
    for someone, keys in zip((ana, cyd), before, strict=True):
        await someone.until("n => window.tertulia.state().encryption.keys > n", keys)
        await someone.until_seeing_and_hearing(1)

    for someone in (ana, cyd):
        await switch(someone, to="off")
    for someone in (ana, cyd, dan):
        await someone.until_seeing_and_hearing(2)
        assert await someone.page.get_by_test_id("encryption-badge").count() == 0


async def test_two_people_compare_their_codes(browser: Browser, server: RunningServer) -> None:
    where = room()
    ana, bea = await person(browser, "Ana"), await person(browser, "Bea")
    for someone in (ana, bea):
        await someone.open_directly(server.url, where)
    for someone in (ana, bea):
        await switch(someone, to="on")
    # Two people alone would talk directly; encrypted they go through the bridge.
    for someone in (ana, bea):
        await until_encrypted(someone, 1)
        await someone.until_transport("bridge")
        await someone.until_seeing_and_hearing(1)

    await ana.page.get_by_test_id("encryption-badge").click()
    await ana.page.get_by_test_id("encryption-compare").click()
    codes = []
    for someone in (ana, bea):
        numbers = someone.page.get_by_test_id("comparison-numbers")
        codes.append(await numbers.text_content())
    for someone in (ana, bea):
        await someone.page.get_by_test_id("comparison-same").click()
    for someone in (ana, bea):
        await someone.page.locator('[data-testid=comparison][data-step="verified"]').wait_for()

    assert codes[0] == codes[1]


async def test_a_browser_that_goes_past_the_encryption_sends_no_more(
    browser: Browser, server: RunningServer
) -> None:
    where = room()
    ana, bea = await person(browser, "Ana"), await person(browser, "Bea")
    await ana.context.add_init_script(_BYPASSING)
    for someone in (ana, bea):
        await someone.open_directly(server.url, where)
    await switch(ana, to="on")
    await ana.until(_DEVICES_OFF)
    await ana.until(_NO_TRACK_SENT)
    await ana.page.get_by_test_id("mic").click()
    await ana.page.get_by_text("did not encrypt your voice").first.wait_for()
    assert await ana.page.evaluate(_NO_TRACK_SENT)
