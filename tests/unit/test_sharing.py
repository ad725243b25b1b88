"""What rooms leave behind: chat that comes back from the database, and records that are purged."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from tests.unit.rooms.house import FOCUS, HOST, PLAZA, House, Someone

from tertulia import sharing
from tertulia.admitting import Kept
from tertulia.config import Config
from tertulia.rooms import RoomPolicy
from tertulia.rooms.attendance import Attendance
from tertulia.rooms.keeping_chat import KeepingChat
from tertulia.rooms.kept import KeptRoom
from tertulia.rooms.metadata import RoomMetadata
from tertulia.rooms.polls import Polls
from tertulia.storage.journal import Entry
from tertulia.storage.opening import open_storage
from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.errors import ItemNotFound, NotAuthorized
from tertulia.xmpp.jid import Jid

HOST_OF_IT = Admission(is_authenticated=True, account=f"zoe@{HOST}")
A_LINK = Admission(is_authenticated=True, moderates=True, room=PLAZA.node)
DAY_MS = 24 * 3600 * 1000


@asynccontextmanager
async def kept_in(folder: Path, url: str) -> AsyncIterator[Kept]:
    kept = Kept()
    kept.rooms.replace({PLAZA.node: KeptRoom(chat_retention="30")})
    opened = await open_storage(url, folder)
    writing = asyncio.create_task(kept.journal.run(opened.journal))
    await asyncio.sleep(0)
    try:
        yield kept
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        await opened.database.close()


def _login(jid: Jid) -> Admission:
    return {"zoe": HOST_OF_IT, "lea": A_LINK}.get(jid.node, GUEST)


def house_of(kept: Kept, folder: Path) -> House:
    policy = replace(
        RoomPolicy.meetings(HOST, FOCUS),
        kept=lambda jid: kept.rooms.room(jid.node),
        admission_of=_login,
    )
    house = House(
        RoomMetadata(f"metadata.{HOST}"),
        Polls(f"polls.{HOST}"),
        Attendance(f"attendance.{HOST}", secret="s"),
        KeepingChat(f"chat.{HOST}"),
        policy=policy,
    )
    house.time.move_to(time.time())
    sharing.of(Config(host=HOST, data=folder), house.parts, house.persons, kept, lambda *_: "")
    house.parts.opened(house.main)
    return house


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  # nothing tells when the database has been read
            await asyncio.sleep(0.01)


def bodies(who: Someone) -> list[Any]:
    found = (each.find("body") for each in who.got)
    return [each.text for each in found if each is not None]


async def test_chat_of_a_kept_room_comes_back_from_the_database(
    tmp_path: Path, database_url: str
) -> None:
    async with kept_in(tmp_path, database_url) as kept:
        house = house_of(kept, tmp_path)
        ana = house.enter("ana")
        house.send(
            ana, f"<message type='groupchat' id='m' to='{PLAZA}'><body>hello</body></message>"
        )
        house.leave(ana)
        house.focus_leaves(PLAZA)
        await kept.journal.written()

        after = house_of(kept, tmp_path)
        bea = after.enter("bea")
        await until(lambda: bool(bodies(bea)))

        assert bodies(bea) == ["hello"]


async def test_a_poll_of_a_kept_room_is_shown_to_who_leads_the_next_meeting(
    tmp_path: Path, database_url: str
) -> None:
    async with kept_in(tmp_path, database_url) as kept:
        house = house_of(kept, tmp_path)
        ana = house.enter("ana")
        for command in (
            '"command":"new-poll","pollId":"p","question":"Tea?","answers":[{"name":"yes"}]',
            '"command":"answer-poll","pollId":"p","answers":[true]',
        ):
            child = "<json-message>" + escape(f'{{"type":"polls",{command}}}')
            house.send(ana, f"<message to='polls.{HOST}'>{child}</json-message></message>")
        house.leave(ana)
        house.focus_leaves()
        await kept.journal.written()

        after = house_of(kept, tmp_path)
        zoe = after.enter("zoe")
        await until(lambda: bool(zoe.told("polls")))

        (told,) = zoe.told("polls")
        assert (told["command"], told["question"], told["voted"]) == ("earlier-poll", "Tea?", 1)
        assert told["answers"][0]["voters"] == [{"id": "ana", "name": ""}]
        assert abs(told["endedAt"] / 1000 - time.time()) < 60


async def test_the_attendance_list_of_a_kept_room_is_read_in_the_next_process(
    tmp_path: Path, database_url: str
) -> None:
    def attendance_of(house: House) -> Attendance:
        part = house.parts.part(Attendance.name)
        assert isinstance(part, Attendance)
        return part

    async with kept_in(tmp_path, database_url) as kept:
        house = house_of(kept, tmp_path)
        zoe, ana = house.enter("zoe"), house.enter("ana")
        meeting = house.main.meeting_id
        change = escape(json.dumps({"key": "attendance", "data": True, "type": "room_metadata"}))
        child = f"<room_metadata xmlns='http://jitsi.org/jitmeet'>{change}</room_metadata>"
        house.send(zoe, f"<message to='metadata.{HOST}'>{child}</message>")
        token = attendance_of(house).token_for(zoe.jid)[0]
        for who in (ana, zoe):
            house.leave(who)
        house.focus_leaves()
        await kept.journal.written()

        after = house_of(kept, tmp_path)
        zoe = after.enter("zoe")
        lists = attendance_of(after)
        new = lists.token_for(zoe.jid)[0]

        (told,) = await lists.earlier(new)
        assert (told["meeting"], told["people"]) == (meeting, 2)
        for each in (token, new):  # that of before is as good
            name, text = await lists.fetched(each, meeting)
            assert [line.split(",")[0] for line in text[1:].splitlines()[1:]] == ['"zoe"', '"ana"']
            assert name == f"attendance {PLAZA.node} {time.strftime('%Y-%m-%d', time.gmtime())}.csv"
        with pytest.raises(ItemNotFound):
            await lists.fetched(new, "another")

        kept.rooms.replace({})
        with pytest.raises(ItemNotFound):  # it is nobody's room now
            await lists.fetched(new, meeting)


async def test_lists_of_earlier_meetings_are_for_those_who_are_known(tmp_path: Path) -> None:
    kept = Kept()
    kept.rooms.replace({PLAZA.node: KeptRoom()})
    house = house_of(kept, tmp_path)
    by_chance, by_link = house.enter("ana"), house.enter("lea")
    lists = house.parts.part(Attendance.name)
    assert isinstance(lists, Attendance)
    for each in (by_chance, by_link):
        token = lists.token_for(each.jid)[0]

        assert await lists.earlier(token) == []
        with pytest.raises(NotAuthorized):
            await lists.fetched(token, "another")


async def test_what_was_kept_long_enough_is_deleted(tmp_path: Path, database_url: str) -> None:
    async with kept_in(tmp_path, database_url) as kept:
        now_ms = time.time_ns() // 1_000_000
        for kind, days in (("chat", 29), ("chat", 31), ("poll", 89), ("poll", 91)):
            at_ms = now_ms - days * DAY_MS
            content = {"days": days}
            kept.journal.note(
                Entry(room=PLAZA.node, meeting="m", kind=kind, at_ms=at_ms, content=content)
            )
        await kept.journal.written()
        purging = asyncio.create_task(sharing.purging(Config(host=HOST), kept))

        async def left(kind: str) -> list[Any]:
            entries = await kept.journal.read(PLAZA.node, kind)
            return [each.content["days"] for each in entries]

        async with asyncio.timeout(30):
            while await left("chat") != [29]:  # noqa: ASYNC110  # the database alone tells
                await asyncio.sleep(0.01)
        purging.cancel()
        assert await left("poll") == [89]
