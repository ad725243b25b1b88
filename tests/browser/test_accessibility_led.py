"""The pages and dialogs of a led meeting without serious findings by axe-core.

One meeting of two is taken through all of them: the doors, what moderators decide, polls, files,
groups, removing, and the end. Parts are examined where they are new; whole pages once.
"""

from __future__ import annotations

import json

from playwright.async_api import Browser, Page
from tests.browser.axe import Examined
from tests.browser.people import DEADLINE_MS, Person, person
from tests.browser.test_meeting import room
from tests.browser.test_pictures import with_bridge_channel
from tests.conftest import RunningServer

PANEL, DIALOG, MENU = "aside.panel", "dialog[open]", "[data-open-menu]"


async def click(page: Page, *test_ids: str) -> None:
    for test_id in test_ids:
        await page.get_by_test_id(test_id).first.click()


async def from_menu(page: Page, *test_ids: str) -> None:
    await click(page, "more", *test_ids)


async def until_state(someone: Person, state: str) -> None:
    await someone.page.wait_for_selector(
        f'body[data-state="{state}"]', state="attached", timeout=DEADLINE_MS
    )


async def at_the_door(ana: Page, bea: Person, url: str, where: str, seen: Examined) -> None:
    """A room with a password and then a lobby, which wants a name: every page of the way in."""
    page = bea.page
    await click(ana, "people", "tab-control", "new-password")
    await ana.get_by_test_id("room-password").fill("correct horse")
    await click(ana, "set-password")
    await ana.get_by_test_id("remove-password").wait_for()
    await page.goto(f"{url}{where}#camera=0&mic=0")
    await click(page, "join")
    await until_state(bea, "asked")
    await seen.look("password")
    await page.get_by_test_id("password").fill("incorrect horse")
    await click(page, "password-enter")
    await page.locator("[data-testid=password][aria-invalid=true]").wait_for()
    await seen.look("wrong password")

    await click(ana, "remove-password", "lobby-switch")
    await ana.get_by_test_id("lobby-badge").wait_for()
    await page.reload()
    await click(page, "join")
    await page.get_by_test_id("ask-name").wait_for()
    await seen.look("asked for a name")
    await page.get_by_test_id("ask-name").fill("Bea")
    await click(page, "ask-name-enter")
    await until_state(bea, "knocking")
    await page.get_by_test_id("lobby-input").fill("I am from the second year.")
    await click(page, "lobby-send", "have-password")
    await page.get_by_test_id("lobby-line").wait_for()
    await seen.look("in the lobby")


async def what_moderators_see(ana: Page, bea: Person, seen: Examined) -> None:
    """Who waits, what is decided, groups while they are made and while they are open."""
    await ana.get_by_test_id("toast-admit").wait_for()
    await seen.look("somebody knocks, and the control panel")
    await click(ana, "tab-people")
    await ana.get_by_test_id("lobby-line").wait_for()
    await seen.look("who waits", PANEL)
    await click(ana, "admit")
    await bea.until_joined()
    await click(ana, "tab-control", "ask-audio", "attendance-switch", "lobby-switch", "group-make")
    await ana.get_by_test_id("attendance").wait_for()
    await click(ana, "group-shuffle")
    await ana.get_by_test_id("group-person").first.wait_for()
    await seen.look("groups are made", PANEL)
    await click(ana, "groups-open")
    await bea.page.get_by_test_id("group-bar").wait_for(timeout=DEADLINE_MS)
    await bea.until_joined()
    await ana.get_by_test_id("groups-close").wait_for()
    await seen.look("groups are open", PANEL)


async def what_people_bring(ana: Page, bea: Page, seen: Examined) -> None:
    """Polls, files and words."""
    await click(ana, "tab-polls", "poll-new")
    await ana.get_by_test_id("poll-question").fill("Shall we begin?")
    for index, answer in enumerate(("Yes", "No")):
        await ana.get_by_test_id("poll-option").nth(index).fill(answer)
    await seen.look("a poll is written", PANEL)
    await click(ana, "poll-ask", "poll-choice")
    await seen.look("a ballot", PANEL)
    await click(ana, "poll-vote")
    await ana.get_by_test_id("poll-result").wait_for()
    await seen.look("a result", PANEL)

    await click(ana, "tab-files")
    await seen.look("no files", PANEL)
    await ana.get_by_test_id("file-input").set_input_files(
        {"name": "minutes.txt", "mimeType": "text/plain", "buffer": b"All agreed."}
    )
    await ana.get_by_test_id("file-save").wait_for()
    await seen.look("a file", PANEL)

    await click(bea, "chat")
    await bea.get_by_test_id("chat-input").fill("See https://example.org/minutes")
    await bea.get_by_test_id("chat-input").press("Enter")
    spoken = ana.locator("[aria-live=polite]").get_by_text("Bea wrote: See https://example.org")
    await spoken.wait_for(state="attached")
    await click(bea, "panel-close")
    await click(ana, "tab-chat")
    await ana.get_by_test_id("chat-message").hover()
    await click(ana, "chat-menu")
    await seen.look("menu of a line", MENU)
    await click(ana, "react-👍")
    await ana.get_by_test_id("chat-reaction").wait_for()
    await click(ana, "chat-menu", "chat-reply")
    await ana.get_by_test_id("chat-input").fill("I have.")
    await ana.get_by_test_id("chat-input").press("Enter")
    await click(ana, "tab-people", "person-menu")
    await seen.look("menu of a person", MENU)
    await click(ana, "person-write")
    await ana.get_by_test_id("chat-input").fill("Between us")
    await ana.get_by_test_id("chat-input").press("Enter")
    await seen.look("chat with an answer, a reaction and a private line", PANEL)

    # What is no command is not said; what is one is done, and both are answered.
    for typed, answer in (("/mut Bea", "There is no command /mut."), ("/mute Bea", "Done: /mute")):
        await ana.get_by_test_id("chat-input").fill(typed)
        await ana.get_by_test_id("chat-input").press("Enter")
        await ana.get_by_test_id("command-answer").get_by_text(answer).wait_for()
    await bea.wait_for_function("tertulia.state().notices.some(n => n.kind === 'muted-by')")


async def questions(ana: Page, bea: Page, seen: Examined) -> None:
    """What opens over the meeting and wants an answer, but for removing and ending."""
    # Without the clipboard the link is shown.
    await ana.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }"
    )
    await from_menu(ana, "menu-invite")
    await seen.look("invite", DIALOG)
    await ana.keyboard.press("Escape")
    await from_menu(ana, "menu-settings")
    for part in ("effects", "sounds"):
        if await ana.locator(f"details:not([open]) > [data-testid={part}]").count():
            await click(ana, part)
    await seen.look("settings with effects and sounds", DIALOG)
    await ana.keyboard.press("Escape")
    await click(ana, "tab-people", "open-times")
    await seen.look("speaking times", DIALOG)
    await ana.keyboard.press("Escape")

    for page in (ana, bea):
        await from_menu(page, "menu-encryption", "encryption-switch")
    await ana.get_by_test_id("encryption-compare").wait_for(timeout=DEADLINE_MS)
    await seen.look("who encrypts", DIALOG)
    await click(ana, "encryption-compare")
    await ana.get_by_test_id("comparison-numbers").wait_for()
    await seen.look("comparing codes", DIALOG)
    for page in (ana, bea):
        await click(page, "comparison-same")
    await ana.locator("[data-testid=comparison][data-step=verified]").wait_for()
    await seen.look("codes agree", DIALOG)
    for page in (ana, bea):
        await click(page, "comparison-close")
        await page.keyboard.press("Escape")


async def the_end(ana: Page, bea: Person, seen: Examined) -> None:
    """Somebody is removed, and the meeting ended."""
    await click(ana, "person-menu", "moderate-remove")
    await seen.look("removing somebody", DIALOG)
    await ana.get_by_test_id("remove-reason").fill("The exam has begun")
    await click(ana, "remove-now")
    await until_state(bea, "removed")
    await click(ana, "tab-control", "end-for-all")
    await seen.look("ending for all", DIALOG)
    await click(ana, "end-now")
    await ana.get_by_test_id("to-start").wait_for()


async def test_no_page_or_dialog_of_a_led_meeting_has_a_serious_finding(
    browser: Browser, server: RunningServer
) -> None:
    ana, bea = await person(browser, "Ana"), await person(browser, "Bea", width=390, height=844)
    for someone in (ana, bea):
        await someone.page.emulate_media(reduced_motion="reduce")
    leading, guest = Examined(ana.page), Examined(bea.page)
    channels = await with_bridge_channel(ana)
    where = room()
    await ana.open_directly(server.url, where, camera="0", mic="0")

    await at_the_door(ana.page, bea, server.url, where, guest)
    await what_moderators_see(ana.page, bea, leading)
    await guest.look("in a group, on a phone")
    await click(ana.page, "groups-close")
    for someone in (ana, bea):
        await someone.until_people(2)
    await what_people_bring(ana.page, bea.page, leading)
    await questions(ana.page, bea.page, leading)
    channels[-1].send(caption("Shall we begin with the minutes?"))
    await ana.page.get_by_test_id("captions").get_by_text("minutes").wait_for()
    await leading.look("captions, and everything else")
    await the_end(ana.page, bea, leading)
    await guest.look("removed")
    await leading.look("ended")

    assert leading.findings | guest.findings == {}
    assert len(leading.places) + len(guest.places) == 28


def caption(text: str) -> str:
    """What a transcriber says through the bridge."""
    line = {
        "type": "transcription-result",
        "message_id": "1",
        "participant": {"id": "somebody", "name": "Bea"},
        "transcript": [{"text": text}],
        "language": "en",
    }
    return json.dumps(
        {"colibriClass": "EndpointMessage", "from": "transcriber", "msgPayload": line}
    )
