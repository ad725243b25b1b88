"""Foreign participants in meetings: they see and hear, vote, are silenced, are moved."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio
from tests.conftest import RunningServer, free_port
from tests.foreign.participant import Foreigner


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[RunningServer, int]]:
    """A server, and the port on which it speaks XMPP over TCP."""
    port = free_port()
    data: Path = tmp_path_factory.mktemp("house")
    running = await RunningServer.start(data, environment={"TERTULIA_XMPP_PORT": str(port)})
    try:
        yield running, port
    finally:
        await running.stop()


@contextlib.asynccontextmanager
async def meeting(house: tuple[RunningServer, int]) -> AsyncIterator[list[Foreigner]]:
    """Three people in a room of their own; the first is its moderator. All see and hear all."""
    server, port = house
    room = f"plaza-{secrets.token_hex(4)}"
    people = [
        Foreigner(domain=server.host, room=room, name=name) for name in ("Ada", "Bruno", "Chiara")
    ]
    try:
        for one in people:
            await one.enter("127.0.0.1", port)
        await all_see_and_hear(people)
        yield people
    finally:
        for one in people:
            await one.close()


async def all_see_and_hear(people: list[Foreigner]) -> None:
    async with asyncio.TaskGroup() as waiting:
        for one in people:
            waiting.create_task(one.until_seeing_and_hearing(len(people) - 1))


@pytest.mark.asyncio(loop_scope="module")
async def test_they_see_and_hear_each_other(house: tuple[RunningServer, int]) -> None:
    async with meeting(house) as people:
        ada, bruno, _ = people
        # aiortc tells its bandwidth by REMB, three seconds after the first picture.
        async with asyncio.TaskGroup() as waiting:
            for one in people:
                waiting.create_task(one.until_seeing_more(60))
        ada.say("hello from elsewhere")
        for one in people:
            await one.until(lambda one=one: (ada.endpoint, "hello from elsewhere") in one.lines)
        await bruno.leave()
        await ada.until(lambda: bruno.endpoint not in ada.occupants)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_council_in_which_who_is_not_asked_is_not_heard(
    house: tuple[RunningServer, int],
) -> None:
    async with meeting(house) as (ada, bruno, chiara):

        def moderate(**attributes: str) -> None:
            child = ET.Element("{jabber:client}av_moderation", {"mediaType": "audio", **attributes})
            ada.tell_component("avmoderation", child)

        moderate(enable="true")
        await bruno.until(lambda: any(m.get("enabled") for m in bruno.told("av_moderation")))
        # It goes on sending, as a hostile client would: the bridge passes nothing on.
        voice, other = f"{bruno.endpoint}-a0", f"{ada.endpoint}-a0"
        await hears_more(chiara, other)
        silence = chiara.energy[voice]
        await hears_more(chiara, other)
        assert chiara.energy[voice] == silence

        moderate(jidToWhitelist=f"{ada.room}/{bruno.endpoint}")
        await bruno.until(lambda: any(m.get("approved") for m in bruno.told("av_moderation")))
        await bruno.unmute("audio")
        await chiara.until(lambda: chiara.energy[voice] > silence)

        poll = {"pollId": "p1", "question": "Tea?", "answers": [{"name": "yes"}, {"name": "no"}]}
        ada.tell_json("polls", {"type": "polls", "command": "new-poll", **poll})
        await bruno.until(lambda: any(m["command"] == "new-poll" for m in bruno.told("polls")))
        vote = {"type": "polls", "command": "answer-poll", "pollId": "p1", "answers": [True, False]}
        bruno.tell_json("polls", vote)
        await ada.until(
            lambda: any(
                m["command"] == "answer-poll" and m["senderId"] == bruno.endpoint
                for m in ada.told("polls")
            )
        )


async def hears_more(one: Foreigner, source: str) -> None:
    before = one.energy[source]
    await one.until(lambda: one.energy[source] > before + 1.0)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_seminar_whose_groups_meet_and_come_back(house: tuple[RunningServer, int]) -> None:
    async with meeting(house) as people:
        ada, bruno, chiara = people
        main = ada.room

        def ask(kind: str, **attributes: str) -> None:
            action = {"type": f"features/breakout-rooms/{kind}", **attributes}
            ada.tell_component("breakout", ET.Element("{jabber:client}breakout_rooms", action))

        def group() -> str:
            """The address of the group room, once Ada has been told of it."""
            for message in reversed(ada.told("breakout_rooms")):
                for room in message.get("rooms", {}).values():
                    if room.get("name") == "Red":
                        return str(room["jid"])
            return ""

        ask("add", subject="Red")
        await ada.until(lambda: group() != "")
        for one in (bruno, chiara):
            ask("move-to-room", participantJid=one.jid, roomJid=group())
            await one.until(lambda one=one: one.moves() != [])
            assert one.moves() == [group()]
            await one.move_to(group())
        await all_see_and_hear([bruno, chiara])
        assert set(ada.occupants) == {"focus", ada.endpoint}

        ask("remove", breakoutRoomJid=group())
        for one in (bruno, chiara):
            await one.until(lambda one=one: one.endpoint not in one.occupants)
            await one.move_to(main)
        await all_see_and_hear([bruno, chiara])
        await ada.until(lambda: {bruno.endpoint, chiara.endpoint} <= set(ada.occupants))
