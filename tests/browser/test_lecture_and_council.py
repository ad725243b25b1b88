"""Two led meetings: a lecture behind a lobby, and a council that asks for the floor.

Three people each, one of them on a phone; cameras are off where nobody needs to be seen.
"""

from __future__ import annotations

import pytest
from playwright.async_api import Browser
from tests.browser.leading import (
    at,
    come,
    end_for_all,
    pick,
    raise_hand,
    room,
    until_muted,
    until_state,
)
from tests.conftest import RunningServer

pytestmark = pytest.mark.browser


async def test_a_lecture_behind_a_lobby_where_hands_go_up_in_order(
    browser: Browser, server: RunningServer
) -> None:
    where = room()
    ana = await come(browser, "Ana", server.url, where, on_phone=False)
    await until_state(ana, "joined")
    await at(ana, "people").click()
    await at(ana, "tab-control").click()
    await at(ana, "start-muted").click()
    await at(ana, "lobby-switch").click()
    await at(ana, "lobby-badge").wait_for()

    # One is let in by the toast, the other writes through the door first.
    bea = await come(browser, "Bea", server.url, where, on_phone=False)
    await until_state(bea, "knocking")
    await at(ana, "toast-admit").click()
    await until_state(bea, "joined")
    dora = await come(browser, "Dora", server.url, where, on_phone=True)
    await until_state(dora, "knocking")
    await at(dora, "lobby-input").fill("I am from the second year.")
    await at(dora, "lobby-send").click()
    await at(ana, "tab-people").click()
    await at(ana, "lobby-line").get_by_text("second year").wait_for()
    await at(ana, "admit").click()
    await until_state(dora, "joined")

    # Whoever came was muted on the way in.
    for someone in (bea, dora):
        await someone.until_people(3)
        assert await someone.page.evaluate("tertulia.state().local.microphone") == "off"

    # Hands stand in the order in which they went up, whoever came first.
    await raise_hand(dora, on_phone=True)
    await ana.until("() => document.querySelectorAll('[data-testid=hand-place]').length === 1")
    await raise_hand(bea, on_phone=False)
    await ana.until(
        "() => [...document.querySelectorAll('[data-testid=person]')].map(p => p.dataset.name)"
        ".join() === 'Dora,Bea,Ana'"
    )

    # The lecturer shows one to all, and takes the hand down.
    await pick(ana, "Dora", "person-spotlight")
    await bea.until(
        "() => document.querySelector('[data-testid=tile][data-name=Dora]')?.dataset.stage"
        " === 'true'"
    )
    await pick(ana, "Dora", "moderate-hand")
    await dora.until("() => tertulia.state().raisedHandAt === null")
    await ana.until("() => document.querySelectorAll('[data-testid=hand-place]').length === 1")

    # Who is removed is told why.
    await pick(ana, "Bea", "moderate-remove")
    await at(ana, "remove-reason").fill("The exam has begun")
    await at(ana, "remove-now").click()
    await until_state(bea, "removed")
    assert "The exam has begun" in await at(bea, "removed-reason").inner_text()
    await end_for_all(ana, dora)


async def test_a_council_where_the_floor_is_given_and_a_vote_is_taken(
    browser: Browser, server: RunningServer
) -> None:
    where = room()
    ana = await come(browser, "Ana", server.url, where, on_phone=False)
    await until_state(ana, "joined")
    bea = await come(browser, "Bea", server.url, where, on_phone=False)
    dora = await come(browser, "Dora", server.url, where, on_phone=True)
    for someone in (ana, bea, dora):
        await someone.until_people(3)
    await until_muted(dora, "Bea", False)

    # From now on the chair gives the floor: microphones go off, and stay off when pressed.
    await at(ana, "people").click()
    await at(ana, "tab-control").click()
    await at(ana, "attendance-switch").click()
    await at(ana, "ask-audio").click()
    await until_muted(dora, "Bea", True)
    await at(bea, "mic").click()
    await bea.until("() => tertulia.state().notices.some(n => n.kind === 'ask-first-audio')")
    assert await bea.page.evaluate("tertulia.state().local.microphone") == "off"

    await raise_hand(bea, on_phone=False)
    await at(ana, "tab-people").click()
    await at(ana, "next-in-queue").click()
    await bea.until("() => tertulia.state().rules.speech.audio.isAllowed")
    await at(bea, "mic").click()
    await until_muted(dora, "Bea", False)
    await pick(ana, "Bea", "moderate-mute")
    await until_muted(dora, "Bea", True)

    # A vote without names, whose result is shown when it is closed.
    await at(ana, "tab-polls").click()
    await at(ana, "poll-new").click()
    await at(ana, "poll-question").fill("Shall the market stay open on Sundays?")
    await at(ana, "poll-option").nth(0).fill("Yes")
    await at(ana, "poll-option").nth(1).fill("No")
    await at(ana, "poll-anonymous").click()
    await at(ana, "poll-secret").click()
    await at(ana, "poll-ask").click()
    await at(dora, "more").click()
    await at(dora, "menu-polls").click()
    await at(bea, "people").click()
    await at(bea, "tab-polls").click()
    for someone, choice in ((bea, 0), (dora, 0), (ana, 1)):
        await at(someone, "poll-choice").nth(choice).check()
        await at(someone, "poll-vote").click()
    await at(bea, "poll-waiting").get_by_text("3 have answered").wait_for()
    await at(ana, "poll-close").click()
    for someone in (bea, dora):
        await at(someone, "poll-result").get_by_text("2 · 67 %").wait_for()
        assert "Dora" not in await at(someone, "poll-result").inner_text()

    # The chair ends the session for everybody, after a question, and has the list of who was there.
    await end_for_all(ana, bea, dora)
    async with ana.page.expect_download() as download:
        await at(ana, "attendance").click()
    table = (await (await download.value).path()).read_text(encoding="utf-8-sig")
    assert all(f'"{someone.name}"' in table for someone in (ana, bea, dora)), table
