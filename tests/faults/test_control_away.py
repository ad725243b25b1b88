"""The control process is away for a whole minute, with people in browsers in the meeting.

Figures: security reference A4, row F2.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright
from tests.browser.people import Person, chromium, person
from tests.conftest import RunningServer
from tests.faults.conftest import within
from tests.faults.meeting import Meeting, meeting
from tests.faults.seats import Line, moves, opened, real_jid, send_away
from tests.faults.site import killed, site, started_again, written_down
from tests.faults.test_control_faults import answered, arranged, knocking, seated
from tests.heavy import heavy

from tertulia.client import Disconnected
from tertulia.xmpp import ns as NS

AWAY_S = 60.0
MAIN, ASIDE = ("Ana", "Bea", "Dan"), ("Cyd",)

# The longest pauses, in seconds, of any picture and of all voices together (some come from the
# process of this test, which may have to wait for a core). A connection that begins anew is told.
_WATCH = """
() => {
  const pc = window.tertulia.peerConnections().bridge;
  const last = new Map();
  const longest = { voices: 0, pictures: 0 };
  window.__pauses = () => ({
    ...longest, same: pc === window.tertulia.peerConnections().bridge && pc !== null,
  });
  setInterval(async () => {
    const now = performance.now() / 1000;
    const counts = new Map([['audio', 0]]);
    for (const row of (await pc.getStats()).values()) {
      if (row.type !== 'inbound-rtp') continue;
      if (row.kind === 'video') counts.set(row.ssrc, row.framesDecoded);
      else counts.set('audio', counts.get('audio') + row.packetsReceived);
    }
    for (const [key, count] of counts) {
      const before = last.get(key);
      const kind = key === 'audio' ? 'voices' : 'pictures';
      // Whoever was not seen yet has nothing to pause.
      if (!before) { last.set(key, { count, at: now, hasMoved: false }); continue; }
      if (before.hasMoved) longest[kind] = Math.max(longest[kind], now - before.at);
      if (count > before.count) last.set(key, { count, at: now, hasMoved: true });
    }
  }, 100);
}
"""
_SELF = """
() => {
  const { ownId, isModerator, phase, local, breakouts } = window.tertulia.state();
  return { ownId, isModerator, phase, microphone: local.microphone, here: breakouts.here };
}
"""


@heavy
async def test_f2_the_control_process_is_away_for_a_minute(tmp_path: Path) -> None:
    async with (
        site(tmp_path) as (server, _),
        async_playwright() as playwright,
        chromium(playwright) as browser,
        meeting(f"{server.url}f2away", (*MAIN, *ASIDE)) as held,
    ):
        ana = Line.of(held.people["Ana"])
        pia, max_ = await pages(browser, server, held, ana)
        await arranged(held, ana, (MAIN, ASIDE), moderated="desktop")  # cameras stay on
        zoe = await knocking(server, ana.room)
        lines = [Line.of(held.people[name]) for name in ("Ana", "Cyd")]
        before = [await line.view() for line in lines]
        selves = [await each.page.evaluate(_SELF) for each in (pia, max_)]
        assert [each["isModerator"] for each in selves] == [True, False]
        assert [each["microphone"] == "on" for each in selves] == [False, True]
        for each in (pia, max_):
            await each.page.evaluate(_WATCH)
        await written_down(server)
        mark, began = held.mark(), time.monotonic()

        await killed(server)

        await asyncio.sleep(AWAY_S)
        await held.until_all_hear_all(since=time.monotonic(), groups=(MAIN, ASIDE), silent=("Dan",))
        again = await started_again(server)
        try:
            ready = time.time()
            back = await seated(again, len(held.people) + 2)
            within(back - ready, 5.0, "F2, a minute away, the last is seated after the restart")
            assert [await each.page.evaluate(_SELF) for each in (pia, max_)] == selves
            await zoe.until("an answer", answered(zoe))
            assert [await line.view() for line in lines] == before
            await held.until_all_hear_all(
                since=time.monotonic(), groups=(MAIN, ASIDE), silent=("Dan",)
            )
            gap = held.gap(began, time.monotonic(), held.pairs((MAIN, ASIDE), ("Dan",)))
            within(gap, 1.0, "F2, a minute away, programs, longest silence")
            await no_pause(pia, "pictures", "voices")
            await no_pause(max_, "pictures")  # whom it hears speaks from this process
            assert held.moves(mark) == dict.fromkeys(held.people, 0)
            assert held.happened(Disconnected) == []
        finally:
            await zoe.xmpp.close()
            assert await again.stop() == 0


async def pages(
    browser: Browser, server: RunningServer, held: Meeting, ana: Line
) -> tuple[Person, Person]:
    """Two in browsers, who go to a breakout room with Cyd; Pia, with a phone, moderates, muted."""
    pia = await person(browser, "Pia", width=390, height=844)
    max_ = await person(browser, "Max")
    for each in (pia, max_):
        await each.open_directly(server.url, "f2away")
    await ana.view()
    await ana.asks(
        ana.room,
        f"<query xmlns='{NS.MUC_ADMIN}'>"
        f"<item affiliation='owner' jid='{real_jid(ana, await pia.endpoint).bare}'/></query>",
    )
    (tables,) = await opened(ana, "Tables")
    for each in (pia, max_):
        send_away(ana, real_jid(ana, await each.endpoint), tables)
    await moves(held.people["Cyd"], tables)
    for each in (pia, max_):
        await each.until("room => window.tertulia.state().breakouts.here === room", str(tables))
        await each.until_joined()
    await pia.page.keyboard.press("m")
    await pia.until("() => window.tertulia.state().local.microphone !== 'on'")
    for each in (pia, max_):
        await each.until_people(3)
        await each.until_seeing(1)
    return pia, max_


async def no_pause(someone: Person, *kinds: str) -> None:
    """All along its pictures and voices came, by the connection that it had before."""
    await someone.until_seeing(1)
    found: dict[str, Any] = await someone.page.evaluate("window.__pauses()")
    assert found["same"]
    for kind in kinds:
        what = f"F2, a minute away, {someone.name}'s browser, longest pause of {kind}"
        within(found[kind], 1.5, what)
