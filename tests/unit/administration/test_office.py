"""What administrators see and do, with the real rooms, the real focus and a bridge's real mind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.bridge.test_debug import Engine, Measured
from tests.unit.focus.bridge_session import BridgeSession
from tests.unit.focus.test_service import HOST, ROOM, Person

from tertulia.administration.direct import DirectSessions
from tertulia.administration.office import Office
from tertulia.administration.quality import read
from tertulia.bridge.report import report
from tertulia.focus.service import Focus
from tertulia.focus.settings import FocusAddresses
from tertulia.rooms.ending import TERMINATED, EndConference
from tertulia.rooms.parts import Parts
from tertulia.rooms.persons import Persons
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.service import RoomService
from tertulia.storage.errors import StorageUnavailable
from tertulia.usage.keeping import Keeper
from tertulia.usage.part import Usage
from tertulia.xmpp.colibri2 import ConferenceNotFound
from tertulia.xmpp.router import Router
from tertulia.xmpp.xml import Element, parse_document

NICKS = ("a1b2c3d4", "b1b2c3d4", "c1b2c3d4")


@dataclass
class Site:
    office: Office
    router: Router
    focus: Focus
    bridge: BridgeSession
    people: list[Person] = field(default_factory=list)
    counted: list[Measured] = field(default_factory=list)  # what the engine counts
    drained: list[bool] = field(default_factory=list)

    async def meet(self) -> None:
        """Three people, whom the bridge knows."""
        for nick in NICKS:
            person = Person(self.router, nick)
            self.people.append(person)
            person.join()
        await self.people[0].hears_of(NICKS[1])
        await self.bridge.until(lambda: len(self._endpoints()) == len(NICKS))
        self.counted = [Measured(each.handle) for each in self._endpoints()]

    def _endpoints(self) -> list[Any]:
        return [e for c in self.bridge.bridge.conferences for e in c.endpoints.values()]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    router = Router()
    addresses = FocusAddresses.of(HOST)
    persons, parts = Persons(), Parts(router)
    usage = Usage(persons, secret="s", clock=time.time)
    direct = DirectSessions()
    parts.add(usage, serve=False)
    parts.add(direct, serve=False)
    parts.add(EndConference(f"endconference.{HOST}"))
    rooms = RoomService(
        router, addresses.rooms, RoomPolicy.meetings(HOST, addresses.jid), parts=parts
    )
    RoomService(router, addresses.brewery.domain, RoomPolicy.brewery(HOST, addresses.jid))
    focus = Focus(router=router, addresses=addresses)
    focus.start()
    office = Office(
        rooms=rooms,
        parts=parts,
        focus=focus,
        router=router,
        usage=usage,
        direct=direct,
        counts=Keeper(usage.tally, time.time, retention_days=400),
        clock=asyncio.get_running_loop().time,
    )
    bridge = BridgeSession(router, "br1")
    made = Site(office, router, focus, bridge)
    now = [5.0]

    def told(meeting_id: str) -> Element:
        now[0] += 2.0
        engine: Any = Engine(made.counted)
        return report(bridge.bridge, lambda: engine, meeting_id, now[0])

    bridge._requests._report = told
    bridge._requests._drain = made.drained.append
    yield made
    focus.stop()


async def test_rooms_and_people_are_listed_with_how_they_are_connected(site: Site) -> None:
    await site.meet()

    (listed,) = site.office.rooms()
    assert (listed["room"], listed["people"], listed["bridge"]) == ("plaza", 3, "br1")
    assert abs(listed["begun_ms"] / 1000 - time.time()) < 60
    first = await site.office.room("plaza")
    assert first is not None
    for each in site.counted:
        each.bytes_received += 250_000
        each.bytes_sent += 500_000
    again = await site.office.room("plaza")
    assert again is not None

    ana = again["everybody"][0]
    assert (ana["id"], ana["role"], ana["account"]) == (NICKS[0], "moderator", "")
    assert abs(ana["since_ms"] / 1000 - time.time()) < 60
    assert first["everybody"][0]["connection"]["up_bps"] is None
    assert ana["connection"] == {
        "state": "handshake",
        "transport": "udp",
        "address": "198.51.100.9:4000",
        "rtt_ms": 31.3,
        "loss_up": 0.0,
        "loss_down": 0.025,
        "up_bps": 1_000_000,
        "down_bps": 2_000_000,
        "estimate_bps": None,
        "reduced": {},
    }
    assert site.office.overview()["people"] == 3
    assert site.office.overview()["meetings"] == 1
    assert await site.office.room("nowhere") is None


async def test_who_sends_directly_to_whom_is_told(site: Site) -> None:
    await site.meet()

    async def direct() -> list[bool]:
        room = await site.office.room("plaza")
        assert room is not None
        return [each["is_direct"] for each in room["everybody"]]

    def say(who: int, whom: int, action: str) -> None:
        jingle = Element("jingle", {"action": action, "sid": "s"}, ns="urn:xmpp:jingle:1")
        site.people[who].send("iq", f"{ROOM}/{NICKS[whom]}", jingle, type="set", id="j")

    say(0, 1, "session-initiate")
    assert await direct() == [False, False, False]
    say(1, 0, "session-accept")
    assert await direct() == [True, True, False]
    say(0, 1, "session-terminate")
    assert await direct() == [False, False, False]
    say(1, 2, "session-accept")
    site.people[2].leave()
    assert await direct() == [False, False]


async def test_a_bridge_of_others_tells_nothing_and_everything_else_is_shown(site: Site) -> None:
    await site.meet()
    site.bridge._requests._report = None

    room = await site.office.room("plaza")

    assert room is not None
    assert [each["connection"] for each in room["everybody"]] == [None, None, None]


async def test_somebody_is_removed_and_only_the_one(site: Site) -> None:
    await site.meet()

    assert site.office.remove("plaza", NICKS[0], "ana")  # a moderator, and owner

    gone = [each for each in site.people[0].inbox if each.get("type") == "unavailable"][-1]
    about = gone.find("x", "http://jabber.org/protocol/muc#user")
    assert about is not None
    assert {each.get("code") for each in about.find_all("status")} == {"110", "307"}
    assert site.office.rooms()[0]["people"] == 2
    assert not site.office.remove("plaza", NICKS[0], "ana")
    assert not site.office.remove("plaza", "focus", "ana")
    assert not site.office.remove("nowhere", NICKS[1], "ana")


async def test_a_message_reaches_everybody_as_one_of_the_server(site: Site) -> None:
    await site.meet()

    assert site.office.tell("plaza", "The house closes at eight.", "ana")

    for person in site.people:
        said = person.inbox[-1].find("json-message", "*")
        assert said is not None and "The house closes at eight." in said.text
        assert person.inbox[-1].get("from") == f"plaza@conference.{HOST}"
    assert not site.office.tell("nowhere", "x", "ana")


async def test_a_meeting_is_ended_for_everybody(site: Site) -> None:
    await site.meet()

    assert site.office.end("plaza", "ana")

    for person in site.people:
        about = person.inbox[-1].find("x", "http://jabber.org/protocol/muc#user")
        assert about is not None
        destroyed = about.find("destroy")
        assert destroyed is not None
        reason = destroyed.find("reason")
        assert reason is not None and reason.text == TERMINATED
    assert site.office.rooms() == []
    assert not site.office.end("plaza", "ana")


async def test_a_bridge_is_drained_by_its_name(site: Site) -> None:
    assert await site.office.drain("br1", "ana", is_on=True)
    assert await site.office.drain("br1", "ana", is_on=False)
    assert site.drained == [True, False]
    assert not await site.office.drain("other", "ana", is_on=True)
    site.bridge._requests._drain = None
    assert not await site.office.drain("br1", "ana", is_on=True)

    (bridge,) = site.office.overview()["bridges"]
    assert (bridge["name"], bridge["state"], bridge["is_draining"]) == ("br1", "running", False)


async def test_only_the_focus_asks_a_bridge(site: Site) -> None:
    await site.meet()
    meeting = site.bridge.bridge.conferences[0].meeting_id
    for payload in (f"report meeting-id='{meeting}'", "drain on='true'"):
        request = parse_document(
            "<iq xmlns='jabber:client' type='get' id='x' from='jvbbrewery@internal.auth.x/eve'>"
            f"<{payload} xmlns='urn:tertulia:bridge:0'/></iq>"
        )
        answer = site.bridge._requests.answer(request)
        assert answer is not None and answer.find("error", "*") is not None
    assert site.drained == []


async def test_a_report_of_a_conference_that_is_not_there_is_refused(site: Site) -> None:
    for meeting_id in ("", "other"):
        with pytest.raises(ConferenceNotFound):
            report(site.bridge.bridge, Engine, meeting_id, 0.0)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"at_ms":1}', '{"at_ms":1,"endpoints":{"a":{"state":"x","sent":-1}}}', "[" * 9999],
)
def test_a_report_of_another_version_is_none(text: str) -> None:
    inner = Element("json", {}, *([text] if text else []), ns="urn:xmpp:json:0")
    answer = Element(
        "iq", {"type": "result"}, Element("report", {}, inner, ns="urn:tertulia:bridge:0")
    )

    assert read(answer) is None
    assert read(None) is None


async def test_usage_waits_for_the_database(site: Site) -> None:
    with pytest.raises(StorageUnavailable):
        await site.office.usage("2026-11")
