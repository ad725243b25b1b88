"""A meeting of our page with a participant that nobody here wrote (slixmpp and aiortc).

They see and hear each other, write, vote and raise hands; the page silences it and sends it to a
group, and back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from tests.browser.leading import at, come, room, until_muted, until_state
from tests.browser.people import Person
from tests.conftest import RunningServer, free_port
from tests.foreign.participant import Foreigner

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path) -> AsyncIterator[tuple[RunningServer, int]]:
    """A server, and the port on which it speaks XMPP over TCP."""
    port = free_port()
    running = await RunningServer.start(tmp_path, environment={"TERTULIA_XMPP_PORT": str(port)})
    try:
        yield running, port
    finally:
        await running.stop()


async def test_a_foreign_participant_takes_part_in_all_of_it(
    browser: Browser, house: tuple[RunningServer, int]
) -> None:
    server, port = house
    where = room()
    ana = await come(browser, "Ana", server.url, where, camera=True)
    await until_state(ana, "joined")
    dora = await come(browser, "Dora", server.url, where, camera=True, on_phone=True)
    await until_state(dora, "joined")
    bruno = Foreigner(domain=server.host, room=where, name="Bruno")
    try:
        await bruno.enter("127.0.0.1", port)
        for someone in (ana, dora):
            await someone.until_people(3)
            await someone.until_transport("bridge")
            await someone.until_seeing_and_hearing(2)
        await bruno.until_seeing_and_hearing(2)

        await they_write_and_vote(ana, bruno)
        await it_is_silenced_and_given_the_floor(ana, dora, bruno)
        await it_goes_to_a_group_and_comes_back(ana, dora, bruno)
    finally:
        await bruno.close()


async def they_write_and_vote(ana: Person, bruno: Foreigner) -> None:
    bruno.say("hello from elsewhere")
    await ana.until_read("hello from elsewhere")
    await ana.say("welcome")
    endpoint = await ana.endpoint
    await bruno.until(lambda: (endpoint, "welcome") in bruno.lines)

    await at(ana, "tab-polls").click()
    await at(ana, "poll-new").click()
    await at(ana, "poll-question").fill("Tea?")
    await at(ana, "poll-option").nth(0).fill("Yes")
    await at(ana, "poll-option").nth(1).fill("No")
    await at(ana, "poll-ask").click()
    await bruno.until(lambda: any(m["command"] == "new-poll" for m in bruno.told("polls")))
    (poll,) = [m for m in bruno.told("polls") if m["command"] == "new-poll"]
    vote = {"command": "answer-poll", "pollId": poll["pollId"], "answers": [True, False]}
    bruno.tell_json("polls", {"type": "polls", **vote})
    await at(ana, "poll-choice").nth(1).check()
    await at(ana, "poll-vote").click()
    await at(ana, "poll-close").click()
    await ana.until(
        "() => document.querySelector('[data-testid=poll-result]')?.textContent.match(/1 · 50/g)"
        "?.length === 2"
    )

    await at(ana, "tab-people").click()
    bruno.send_presence(raisedHand="1600000000000")
    hand = ana.page.locator("[data-testid=person][data-name=Bruno] [data-testid=hand-place]")
    await hand.wait_for()
    bruno.send_presence(raisedHand="")
    await hand.wait_for(state="detached")


async def it_is_silenced_and_given_the_floor(ana: Person, dora: Person, bruno: Foreigner) -> None:
    """It goes on sending, as it knows no better: the bridge passes nothing on."""
    await at(ana, "tab-control").click()
    await at(ana, "ask-audio").click()
    await bruno.until(lambda: any(m.get("enabled") for m in bruno.told("av_moderation")))
    await until_muted(ana, "Dora", True)
    await until_only_one_is_heard(dora)

    bruno.send_presence(raisedHand="1700000000000")
    await at(ana, "tab-people").click()
    await at(ana, "next-in-queue").click()
    await bruno.until(lambda: any(m.get("approved") for m in bruno.told("av_moderation")))
    await bruno.unmute("audio")
    await dora.until_hearing(2)
    await at(ana, "tab-control").click()
    await at(ana, "ask-audio").click()
    await dora.until("() => !tertulia.state().rules.speech.audio.isOn")
    await at(dora, "mic").click()
    await until_muted(ana, "Dora", False)


async def until_only_one_is_heard(someone: Person) -> None:
    """Over two seconds one of the voices gains energy, and no other."""
    await someone.until(
        """async () => {
          const energies = async () => {
            const found = new Map();
            for (const row of (await tertulia.peerConnections().bridge.getStats()).values()) {
              if (row.type === 'inbound-rtp' && row.kind === 'audio') {
                found.set(row.ssrc, row.totalAudioEnergy);
              }
            }
            return found;
          };
          const before = await energies();
          await new Promise(resolve => setTimeout(resolve, 2000));
          const gained = [...await energies()].filter(([ssrc, e]) => e > before.get(ssrc) + 1e-6);
          return before.size === 2 && gained.length === 1;
        }"""
    )


async def it_goes_to_a_group_and_comes_back(ana: Person, dora: Person, bruno: Foreigner) -> None:
    main = bruno.room
    await at(ana, "group-count").fill("1")
    await at(ana, "group-make").click()
    for name in ("Bruno", "Dora"):
        person = ana.page.locator(f"[data-testid=group-person][data-name={name}]")
        await person.get_by_test_id("group-assign").select_option(label="Group 1")
    await at(ana, "groups-open").click()
    await bruno.until(lambda: len(bruno.moves()) == 1)
    await bruno.move_to(bruno.moves()[0])
    await at(dora, "group-bar").wait_for()
    await dora.until_people(2)
    await bruno.until_seeing_and_hearing(1)
    await dora.until_seeing_and_hearing(1)
    await dora.until_transport("bridge")  # it has refused to talk directly

    await at(ana, "groups-close").click()
    await bruno.until(lambda: len(bruno.moves()) == 2)
    assert bruno.moves()[1] == main
    await bruno.move_to(main)
    for someone in (ana, dora):
        await someone.until_people(3)
        await someone.until_seeing_and_hearing(2)
    await bruno.until_seeing_and_hearing(2)
