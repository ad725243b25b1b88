"""The focus in the router, with the real rooms and a real bridge's mind (but no packets)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from tests.unit.focus.bridge_session import BridgeSession

from tertulia.bridge.videobridge import BridgeLimits
from tertulia.focus.component import Asked, OpenEntrance, Visit
from tertulia.focus.service import Focus
from tertulia.focus.settings import FocusAddresses, FocusSettings
from tertulia.monitoring import Health, Status
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.service import RoomService
from tertulia.xmpp.colibri2 import ConferenceModified, EndpointReport
from tertulia.xmpp.errors import NotAuthorized
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle import Action, Content, Jingle
from tertulia.xmpp.jingle_ice import Fingerprint, IceUdpTransport
from tertulia.xmpp.jingle_rtp import Media, RtpDescription, Source
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.xml import Element, iq_result

HOST = "meet.example"
BREWERY = "jvbbrewery@internal.auth.meet.example"
ROOM = "plaza@conference.meet.example"
FEATURES = (
    "urn:xmpp:jingle:apps:rtp:audio",
    "urn:xmpp:jingle:apps:rtp:video",
    "http://jitsi.org/json-encoded-sources",
)


class Person:
    """A guest's client: joins, answers discovery, accepts what it is offered."""

    def __init__(self, router: Router, nick: str) -> None:
        self.jid = Jid(f"{nick}-0000", HOST, "r")
        self.origin = Origin(host="other.example:8443")
        self.nick = nick
        self.inbox: list[Element] = []
        self._router = router
        self._changed = asyncio.Event()
        router.bind(self)

    def deliver(self, stanza: Element) -> None:
        self.inbox.append(stanza)
        self._changed.set()
        asyncio.get_running_loop().call_soon(self._react, stanza)

    def _react(self, stanza: Element) -> None:
        if stanza.name != "iq" or stanza.get("type") not in ("get", "set"):
            return
        if stanza.find("query", "http://jabber.org/protocol/disco#info") is not None:
            query = Element("query", ns="http://jabber.org/protocol/disco#info")
            for feature in FEATURES:
                query.append(Element("feature", {"var": feature}))
            self._router.route(iq_result(stanza, query))
            return
        self._router.route(iq_result(stanza))
        offer = stanza.find("jingle", "urn:xmpp:jingle:1")
        if offer is not None and offer.get("action") == "session-initiate":
            self._accept(offer.get("sid"))

    def _accept(self, sid: str) -> None:
        description = RtpDescription(
            media=Media.AUDIO,
            sources=(
                Source(ssrc=int(self.nick, 16), name=f"{self.nick}-a0", msid=f"{self.nick}-a t"),
            ),
        )
        transport = IceUdpTransport(
            ufrag="cl13",
            pwd="q" * 24,
            fingerprints=(Fingerprint(hash="sha-256", value="12:34", setup="active"),),
        )
        content = Content(name="audio", description=description, transport=transport)
        jingle = Jingle(action=Action.SESSION_ACCEPT, sid=sid, contents=(content,))
        self.send("iq", f"{ROOM}/focus", jingle.element(), type="set", id=f"accept-{sid}")

    def send(self, name: str, to: str, *children: Element, **attrs: str) -> None:
        attrs |= {"to": to, "from": str(self.jid)}
        self._router.route(Element(name, attrs, *children, ns="jabber:client"))

    def join(self) -> None:
        request = Element("conference", {"room": ROOM}, ns="http://jitsi.org/protocol/focus")
        self.send("iq", f"focus.{HOST}", request, type="set", id="c1")
        join = Element("x", ns="http://jabber.org/protocol/muc")
        self.send("presence", f"{ROOM}/{self.nick}", join)

    def leave(self) -> None:
        self.send("presence", f"{ROOM}/{self.nick}", type="unavailable")

    def jingles(self, action: Action) -> list[Jingle]:
        found = [s.find("jingle", "urn:xmpp:jingle:1") for s in self.inbox if s.name == "iq"]
        parsed = [Jingle.parse(each) for each in found if each is not None]
        return [each for each in parsed if each.action is action]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def hears_of(self, other: str) -> None:
        actions = (Action.SESSION_INITIATE, Action.SOURCE_ADD)
        await self.until(lambda: any(other in j.sources for a in actions for j in self.jingles(a)))


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router()
    addresses = FocusAddresses.of(HOST)
    RoomService(router, addresses.rooms, RoomPolicy.meetings(HOST, addresses.jid))
    RoomService(router, addresses.brewery.domain, RoomPolicy.brewery(HOST, addresses.jid))
    focus = Focus(router=router, addresses=addresses)
    focus.start()
    yield router
    focus.stop()


async def test_three_people_hear_of_each_other_through_the_bridge(router: Router) -> None:
    session = BridgeSession(router, "br1")
    people = [Person(router, nick) for nick in ("a1b2c3d4", "b1b2c3d4", "c1b2c3d4")]

    for person in people:
        person.join()

    for person in people:
        for other in people:
            if other is not person:
                await person.hears_of(other.nick)
    (conference,) = session.bridge.conferences
    assert set(conference.endpoints) == {person.nick for person in people}
    assert len(session.media.remotes) == 3


async def test_the_channel_is_offered_at_the_name_the_client_came_by(router: Router) -> None:
    BridgeSession(router, "br1")
    ana, bea = Person(router, "a1b2c3d4"), Person(router, "b1b2c3d4")
    ana.join()
    bea.join()
    await ana.hears_of("b1b2c3d4")

    (offer,) = ana.jingles(Action.SESSION_INITIATE)

    transport = offer.contents[0].transport
    assert transport is not None
    (url,) = transport.web_sockets
    assert url.startswith("wss://other.example:8443/colibri-ws/br1/")


async def test_when_the_bridge_is_killed_all_are_invited_to_the_next(router: Router) -> None:
    first = BridgeSession(router, "br1")
    ana, bea = Person(router, "a1b2c3d4"), Person(router, "b1b2c3d4")
    ana.join()
    bea.join()
    await ana.hears_of("b1b2c3d4")

    first.is_killed()
    second = BridgeSession(router, "br1")

    for person in (ana, bea):
        await person.until(lambda p=person: len(p.jingles(Action.SESSION_INITIATE)) == 2)
        one, two = person.jingles(Action.SESSION_INITIATE)
        assert one.sid != two.sid
    await ana.until(lambda: len(second.bridge.conferences[0].endpoints) == 2)


async def test_a_bridge_that_was_starved_for_a_while_keeps_its_conferences() -> None:
    router = Router()
    addresses = FocusAddresses.of(HOST)
    RoomService(router, addresses.rooms, RoomPolicy.meetings(HOST, addresses.jid))
    RoomService(router, addresses.brewery.domain, RoomPolicy.brewery(HOST, addresses.jid))
    settings = FocusSettings(health_interval_s=0.01)
    focus = Focus(router=router, addresses=addresses, settings=settings)
    focus.start()
    session = BridgeSession(router, "br1")
    people = [Person(router, nick) for nick in ("a1b2c3d4", "b1b2c3d4", "c1b2c3d4")]
    for person in people[:2]:
        person.join()
    await people[0].hears_of(people[1].nick)
    (conference,) = focus.conferences.values()

    session.health = Health(Status.DOWN, ("the packet engine has not answered for 7 s",))
    await session.until(lambda: conference.stay is not None and not conference.stay.is_reachable)
    people[2].join()  # has to wait
    session.health = Health(Status.HEALTHY)

    await until_on(session, *people)
    for person in people:
        await person.until(lambda p=person: len(p.jingles(Action.SESSION_INITIATE)) == 1)
        assert person.jingles(Action.SESSION_TERMINATE) == []
    focus.stop()


async def test_the_room_is_open_when_the_request_is_answered(router: Router) -> None:
    ana = Person(router, "a1b2c3d4")

    ana.join()

    reply = ana.inbox[0].find("conference", "http://jitsi.org/protocol/focus")
    assert reply is not None
    assert (reply.get("ready"), reply.get("focusjid")) == ("true", "focus@auth.meet.example")
    assert not [stanza for stanza in ana.inbox if stanza.get("type") == "error"]


async def test_requests_for_rooms_elsewhere_are_refused(router: Router) -> None:
    ana = Person(router, "a1b2c3d4")

    for room in ("x@elsewhere.example", "conference.meet.example", "@@", BREWERY):
        request = Element("conference", {"room": room}, ns="http://jitsi.org/protocol/focus")
        ana.send("iq", f"focus.{HOST}", request, type="set", id="c")

    assert [stanza.get("type") for stanza in ana.inbox] == ["error"] * 4


async def test_a_conference_is_expired_when_all_have_left(router: Router) -> None:
    session = BridgeSession(router, "br1")
    ana, bea = Person(router, "a1b2c3d4"), Person(router, "b1b2c3d4")
    ana.join()
    bea.join()
    await ana.hears_of("b1b2c3d4")

    bea.leave()
    ana.leave()

    await session.until(lambda: not session.bridge.conferences)


async def test_a_guest_cannot_command_the_focus_from_outside_the_room(router: Router) -> None:
    ana = Person(router, "a1b2c3d4")
    jingle = Jingle(action=Action.SESSION_ACCEPT, sid="s")

    ana.send("iq", f"focus@auth.{HOST}/focus", jingle.element(), type="set", id="x")

    await ana.until(lambda: bool(ana.inbox))
    assert ana.inbox[0].get("type") == "error"


async def until_on(session: BridgeSession, *people: Person) -> None:
    """Wait until exactly these people have connected endpoints-to-be on this bridge."""
    nicks = {person.nick for person in people}
    await session.until(lambda: any(set(c.endpoints) == nicks for c in session.bridge.conferences))


@pytest.mark.parametrize("how", ["full", "overloaded", "in graceful shutdown"])
async def test_a_bridge_that_takes_no_more_conferences_is_passed_over(
    router: Router, how: str
) -> None:
    limits = BridgeLimits(max_conferences=0 if how == "full" else 10)
    first = BridgeSession(router, "br1", limits=limits)
    first.bridge.stress = 2.0 if how == "overloaded" else 0.0
    first.bridge.in_graceful_shutdown = how == "in graceful shutdown"
    second = BridgeSession(router, "br2")
    ana, bea = Person(router, "a1b2c3d4"), Person(router, "b1b2c3d4")

    ana.join()
    bea.join()

    await until_on(second, ana, bea)
    assert first.bridge.conferences == []
    assert len(ana.jingles(Action.SESSION_INITIATE)) == 1


async def test_a_conference_that_its_bridge_forgot_is_made_anew(router: Router) -> None:
    session = BridgeSession(router, "br1")
    people = [Person(router, nick) for nick in ("a1b2c3d4", "b1b2c3d4", "c1b2c3d4")]
    for person in people[:2]:
        person.join()
    await until_on(session, *people[:2])
    await people[0].hears_of(people[1].nick)
    session.bridge.close(0.0)

    people[2].join()

    await until_on(session, *people)
    await people[0].until(lambda: len(people[0].jingles(Action.SESSION_INITIATE)) == 2)


async def test_a_bridge_reports_what_it_lost_and_nobody_else_can(router: Router) -> None:
    session = BridgeSession(router, "br1")
    ana, bea = Person(router, "a1b2c3d4"), Person(router, "b1b2c3d4")
    ana.join()
    bea.join()
    await until_on(session, ana, bea)
    await ana.hears_of(bea.nick)
    (conference,) = session.bridge.conferences
    handle = conference.endpoints[ana.nick].handle
    lost = session.bridge.endpoint_failed(handle, "closed", 0.0)
    assert lost is not None
    report = EndpointReport(id=lost.endpoint, expire=True, reason=lost.reason)
    words = ConferenceModified(meeting_id=lost.meeting_id, endpoints=(report,)).element()

    bea.send("iq", f"{ROOM}/focus", words, type="set", id="forged")
    await bea.until(lambda: any(s.get("id") == "forged" for s in bea.inbox))
    assert [s.get("type") for s in bea.inbox if s.get("id") == "forged"] == ["error"]

    attrs = {"from": str(session.jid), "to": f"{BREWERY}/focus", "type": "set", "id": "l1"}
    router.route(Element("iq", attrs, words, ns="jabber:client"))
    await ana.until(lambda: len(ana.jingles(Action.SESSION_INITIATE)) == 2)
    await until_on(session, ana, bea)
    assert len(bea.jingles(Action.SESSION_INITIATE)) == 1


async def test_one_address_opens_so_many_rooms_an_hour(router: Router) -> None:
    ana = Person(router, "a1b2c3d4")
    ana.origin = Origin(remote_ip="192.0.2.7")

    limit = FocusSettings().rooms_per_creator
    for number in range(limit + 1):
        room = f"r{number}@conference.{HOST}"
        request = Element("conference", {"room": room}, ns="http://jitsi.org/protocol/focus")
        ana.send("iq", f"focus.{HOST}", request, type="set", id="c")

    assert [stanza.get("type") for stanza in ana.inbox] == ["result"] * limit + ["error"]
    assert "rooms_per_creator" in str(ana.inbox[-1])


class HostsFirst(OpenEntrance):
    """Nobody opens anything."""

    def ask(
        self,
        room: Jid | None,
        by: Jid | None,
        asked: Asked,
        *,
        is_open: bool,
        origin: Origin | None = None,
    ) -> Visit:
        if not is_open:
            raise NotAuthorized("the host has not opened this room yet")
        return Visit()


async def test_guests_come_back_to_a_meeting_that_is_in_its_breakout_rooms() -> None:
    router, addresses = Router(), FocusAddresses.of(HOST)
    RoomService(router, addresses.brewery.domain, RoomPolicy.brewery(HOST, addresses.jid))
    going_on: dict[Jid, str] = {}
    created: list[Jid] = []
    focus = Focus(
        router=router,
        addresses=addresses,
        settings=FocusSettings(rooms_per_creator=0),
        entrance=HostsFirst(),
        meeting_id_of=going_on.get,
        on_created=lambda room, audio, video: created.append(room),
    )
    focus.start()
    ana = Person(router, "a1b2c3d4")
    ana.origin = Origin(remote_ip="192.0.2.7")
    try:
        ana.join()
        going_on[Jid.parse(ROOM)] = "the meeting"
        ana.join()
    finally:
        focus.stop()

    answers = [each.get("type") for each in ana.inbox if each.name == "iq"]
    assert answers == ["error", "result"]
    assert created == []
