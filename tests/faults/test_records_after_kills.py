"""What a meeting leaves behind outlives two `kill -9`: one in the middle of it, one after its end.

Everything is asked of the running server as people ask it; the database is only watched for the
moment from which on nothing is lost.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import aiohttp
import pytest
from tests.conftest import RunningServer
from tests.faults.seats import MUC, Line, told
from tests.faults.site import killed, site, started_again
from tests.heavy import heavy
from tests.postgresql import Cluster

from tertulia import certificates
from tertulia.accounts.passwords import Account, keys_of
from tertulia.accounts.tables import Tables
from tertulia.rooms.kept import KeptRoom
from tertulia.storage.journal_table import SqlJournalTable
from tertulia.storage.opening import open_storage
from tertulia.survival import state_file
from tertulia.usage.days import Day, day_of
from tertulia.usage.table import SqlUsageTable
from tertulia.xmpp import ns as NS
from tertulia.xmpp.client import XmppClient
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import iq
from tertulia.xmpp.trust import Trust
from tertulia.xmpp.xml import Element, iq_result, parse_document, serialise

PASSWORD = "correct horse"
ROOM = Jid("council", "conference.localhost")
WITHIN_S = 60.0


@dataclass
class Records:
    """The database of the site, beside the server's own connections to it."""

    data: Path
    url: str

    def __post_init__(self) -> None:
        self._now_ms = time.time_ns() // 1_000_000

    async def prepare(self) -> None:
        """An account for Ana, and her room."""
        opened = await open_storage(self.url, self.data)
        tables = Tables(opened.database, "localhost")
        keys = keys_of(PASSWORD, iterations=4096)
        await tables.accounts.add(Account(name="ana", display_name="Ana", keys=keys))
        await tables.rooms.add(ROOM.node, KeptRoom(owner="ana@localhost"), 0)
        await opened.database.close()

    async def day(self) -> Day:
        """What was counted of the day on which the test began, and of the next one."""
        opened = await open_storage(self.url, self.data)
        last = day_of(self._now_ms + 24 * 3600 * 1000)
        days = await SqlUsageTable(opened.database).days(day_of(self._now_ms), last)
        await opened.database.close()
        whole = Day()
        for each in days.values():
            whole.add(each)
        return whole

    async def noted(self) -> int:
        """How many polls and lists there are."""
        opened = await open_storage(self.url, self.data)
        found = [
            await SqlJournalTable(opened.database).read(
                ROOM.node, kind, meeting="", since_ms=0, newest=9
            )
            for kind in ("attendance", "poll")
        ]
        await opened.database.close()
        return sum(map(len, found))


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not await holds():  # noqa: ASYNC110  # no file tells when it is written
            await asyncio.sleep(0.1)


async def survives(data: Path, *texts: str) -> bool:
    """Whether these are in what the next process takes over: the last moment may be lost."""
    place = f"file:{data}/meetings.state?mode=ro"
    with closing(sqlite3.connect(place, uri=True)) as file:
        found = file.execute("SELECT value FROM row WHERE kind = 'part'").fetchall()
    parts = repr([state_file.loads(value) for (value,) in found])
    return all(text in parts for text in texts)


async def enters(server: RunningServer, nick: str, *, password: str = "") -> Line:
    """Somebody logs in, asks for the conference, and is in the room; media is never answered."""
    xmpp = XmppClient(resumes=True)
    trust = Trust.pinned(certificates.kept(server.data, ["localhost"]).fingerprint)
    url = f"wss://localhost:{server.port}/xmpp-websocket"
    user = nick if password else ""
    await xmpp.connect(url, domain="localhost", user=user, password=password, trust=trust)

    def arrived(stanza: Element) -> None:
        if stanza.name == "iq" and stanza.get("type") in ("get", "set"):
            xmpp.send(iq_result(stanza))

    xmpp.on_stanza = arrived
    line = Line(xmpp, ROOM, nick)
    ask = (
        f"<conference xmlns='http://jitsi.org/protocol/focus' room='{ROOM}' machine-uid='{nick}'/>"
    )
    answer = await line.asks("focus.localhost", ask)
    assert answer.find("conference", "*") is not None, serialise(answer)
    xmpp.send(Element("presence", {"to": f"{ROOM}/{nick}"}, MUC, ns=NS.CLIENT))
    await line.until("into the room", lambda stanza: "'110'" in serialise(stanza).replace('"', "'"))
    return line


def polls(command: dict[str, object]) -> str:
    text = escape(json.dumps({"type": "polls", "pollId": "p1", **command}))
    payload = f"<json-message xmlns='http://jitsi.org/jitmeet'>{text}</json-message>"
    return f"<message type='chat' to='polls.localhost'>{payload}</message>"


async def keeps_a_list(ana: Line) -> None:
    change = escape(json.dumps({"key": "attendance", "data": True, "type": "room_metadata"}))
    child = f"<room_metadata xmlns='http://jitsi.org/jitmeet'>{change}</room_metadata>"
    ana.send(f"<message to='metadata.localhost'>{child}</message>")
    await ana.until("the news of the list", lambda stanza: '"attendance": true' in told(stanza))


async def votes(ana: Line, bea: Line) -> None:
    answers = [{"name": "yes"}, {"name": "no"}]
    ana.send(polls({"command": "new-poll", "question": "Tea?", "answers": answers}))
    await bea.until("the poll", lambda stanza: "new-poll" in told(stanza))
    bea.send(polls({"command": "answer-poll", "answers": [True, False]}))
    await ana.until("the vote", lambda stanza: "answer-poll" in told(stanza))


async def token_of(ana: Line) -> str:
    """As the page asks for it."""
    wanted = "<credentials xmlns='urn:xmpp:extdisco:2'><service type='short-lived-token' "
    payload = parse_document(f"{wanted} host='attendance'/></credentials>")
    answer = await ana.xmpp.request(iq("get", "localhost", payload), WITHIN_S)
    (service,) = next(answer.elements()).elements()
    return service.get("password")


async def meeting_of(ana: Line) -> str:
    query = Element("query", ns="http://jabber.org/protocol/disco#info")
    answer = await ana.xmpp.request(iq("get", ROOM, query), WITHIN_S)
    form = next(answer.elements()).find("x", "jabber:x:data")
    assert form is not None
    fields = {each.get("var"): each for each in form.elements()}
    return "".join(each.text for each in fields["muc#roominfo_meetingId"].elements())


async def got(server: RunningServer, path: str, token: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{server.url}attendance/v1/{path}"
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers, ssl=False) as answer:
        return answer.status, await answer.text(encoding="utf-8-sig")


async def the_list(server: RunningServer, meeting: str, token: str) -> dict[str, dict[str, str]]:
    status, text = await got(server, f"{meeting}.csv", token)
    assert status == 200, text
    return {row["name"]: row for row in csv.DictReader(io.StringIO(text))}


def poll_in(stanza: Element) -> dict[str, Any]:
    """The poll as somebody who has just come in is told of it."""
    found = json.loads(told(stanza).partition(" ")[2])
    poll: dict[str, Any] = found["polls"][0] if "polls" in found else found
    return poll


@pytest.mark.parametrize("kind", ["postgresql", pytest.param("sqlite", marks=heavy)])
async def test_attendance_usage_and_polls_outlive_kills(
    tmp_path: Path, postgresql: Cluster, kind: str
) -> None:
    url = postgresql.create() if kind == "postgresql" else ""
    records = Records(tmp_path, url)
    await records.prepare()
    settings = {"TERTULIA_STORAGE_URL": url}
    async with site(tmp_path, settings=settings) as (first, _):
        ana = await enters(first, "ana", password=PASSWORD)
        await keeps_a_list(ana)
        bea = await enters(first, "bea")
        await votes(ana, bea)
        token, meeting = await token_of(ana), await meeting_of(ana)

        async def is_counted() -> bool:
            return (await records.day()).meetings == 1

        await until(is_counted)
        before = await the_list(first, meeting, token)
        await until(lambda: survives(tmp_path, "'name': 'bea'", "'votes': {'"))
        await killed(first)
        second = await started_again(first, settings)
        line = 0
        for _ in range(2):
            line = await second.logged("Occupant is back: room=", after=line, within_s=60.0)

        # In the middle of the meeting everything goes on, with the token that the page has.
        during = await the_list(second, meeting, token)
        joined = "joined (UTC)"
        assert {name: row[joined] for name, row in during.items()} == {
            name: row[joined] for name, row in before.items()
        }
        assert all(row["left (UTC)"] == "" for row in during.values())
        cai = await enters(second, "cai")
        shown = await cai.until("the poll", lambda stanza: "old-polls" in told(stanza))
        assert poll_in(shown)["answers"][0]["votes"] == 1
        for each in (cai, bea, ana):
            await each.xmpp.close()

        async def is_over() -> bool:
            return await records.noted() == 2 and (await records.day()).participants == 3

        await until(is_over)
        await killed(second)
        third = await started_again(second, settings)
        try:
            ana = await enters(third, "ana", password=PASSWORD)
            new = await token_of(ana)
            status, text = await got(third, "earlier", new)
            assert status == 200, text
            (told_of,) = json.loads(text)["meetings"]
            assert (told_of["meeting"], told_of["people"]) == (meeting, 3)
            for each in (token, new):
                after = await the_list(third, meeting, each)
                assert set(after) == {"ana", "bea", "cai"}
                for name, row in before.items():
                    assert row[joined] == after[name][joined] <= after[name]["left (UTC)"]
            earlier = await ana.until("the poll", lambda stanza: "earlier-poll" in told(stanza))
            assert poll_in(earlier)["answers"][0]["votes"] == 1
            await ana.xmpp.close()
        finally:
            assert await third.stop() == 0
        day = await records.day()
        assert (day.meetings, day.participants, sum(day.sizes)) == (1, 3, 1)
