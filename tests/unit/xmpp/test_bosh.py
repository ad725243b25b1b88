"""BOSH: the order of requests, what is repeated, what is refused, and silence."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from tertulia.xmpp.bosh import Begun, BoshError, BoshFraming, Window, answer, read_rid
from tertulia.xmpp.credentials import Credentials, LoginDomain
from tertulia.xmpp.framing import Ended, Opened
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.router import Router
from tertulia.xmpp.services import DomainServices
from tertulia.xmpp.sessions import Sessions
from tertulia.xmpp.transports.bosh import BoshEndpoint
from tertulia.xmpp.transports.pulse import Pulse
from tertulia.xmpp.xml import Element, XmlLimits, parse_document

HOST = "meet.example"
BODY = Element("body")


# The window


def test_requests_are_taken_in_their_order() -> None:
    window = Window(10)
    early, late = Element("late"), Element("early")

    assert window.arrived(12, late) == []
    assert window.arrived(11, early) == [early, late]


@pytest.mark.parametrize("rid", [13, 10, 9, 0, 2**53])
def test_a_request_out_of_the_window_is_refused(rid: int) -> None:
    with pytest.raises(BoshError) as refused:
        Window(10).arrived(rid, BODY)

    assert refused.value.terminates_with == "item-not-found"


def test_a_repeated_request_gets_the_same_answer() -> None:
    window = Window(10)
    assert window.is_repeated(10)
    assert window.answer_to(10) is None  # it waits still
    window.answered("first")
    window.arrived(11, BODY)

    assert window.answer_to(10) == "first"
    assert window.answer_to(11) is None


def test_an_old_request_is_not_answered_for_ever() -> None:
    window = Window(10)
    for rid in range(11, 15):
        window.answered("x")
        window.arrived(rid, BODY)

    with pytest.raises(BoshError):
        window.answer_to(10)


@pytest.mark.parametrize("rid", ["", "-1", "1.5", "x", "٣", str(2**53), "9" * 20])
def test_a_rid_is_a_number_below_two_to_the_53(rid: str) -> None:
    with pytest.raises(BoshError):
        read_rid(Element("body", {"rid": rid}))


@pytest.mark.parametrize(("wait", "granted"), [("60", 4), ("2", 2), ("0", 1), ("-1", 4), ("", 4)])
def test_a_request_waits_no_longer_than_we_allow(wait: str, granted: int) -> None:
    assert Begun.read(Element("body", {"rid": "1", "wait": wait}), 4).wait_s == granted


@given(st.lists(st.integers(8, 16), max_size=20))
def test_fuzz_windows_answer_each_request_once(rids: list[int]) -> None:
    window = Window(10)
    answered = []
    for rid in rids:
        if not window.is_repeated(rid):
            try:
                window.arrived(rid, BODY)
            except BoshError:
                continue
        while window.waiting:
            answered.append(window.answered("x"))

    assert answered == sorted(set(answered))


# The framing


def test_a_stream_begins_with_the_first_body_and_after_a_restart() -> None:
    framing = BoshFraming(XmlLimits())
    opening = Element("body", {"to": HOST})
    auth = Element("auth")

    assert framing.receive(opening) == [Opened({"to": HOST, "version": "1.0"})]
    assert framing.receive(Element("body", {}, auth)) == [auth]
    framing.restart()
    assert framing.receive(BODY) == []  # a request that was under way
    assert framing.receive(opening) == [Opened({"to": HOST, "version": "1.0"})]


def test_what_is_said_last_comes_before_the_end() -> None:
    framing = BoshFraming(XmlLimits())
    framing.receive(Element("body", {"to": HOST}))
    leave = Element("presence")

    assert framing.receive(Element("body", {"type": "terminate"}, leave)) == [leave, Ended()]


# The handler


@dataclass
class Site:
    http: TestClient[web.Request, web.Application]
    router: Router
    sessions: Sessions
    rid: int = 100
    sid: str = ""

    async def post(self, content: str = "", extra: str = "", *, rid: int | None = None) -> Element:
        self.rid += rid is None
        number = self.rid if rid is None else rid
        sid = f" sid='{self.sid}'" if self.sid else ""
        namespace = "http://jabber.org/protocol/httpbind"
        text = f"<body xmlns='{namespace}' rid='{number}'{sid} {extra}>{content}</body>"
        response = await self.http.post("/http-bind", data=text)
        assert response.status == 200
        return parse_document(await response.text())

    async def log_in(self) -> Jid:
        begun = await self.post("", f"to='{HOST}' wait='60' hold='1'")
        self.sid = begun.get("sid")
        await self.post("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
        await self.post("", f"to='{HOST}' xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'")
        bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
        bound = await self.post(f"<iq xmlns='jabber:client' type='set' id='b'>{bind}</iq>")
        found = re.search("<jid>(.*)</jid>", str(bound))
        assert found
        return Jid.parse(found[1])


@asynccontextmanager
async def site(limits: XmppLimits) -> AsyncIterator[Site]:
    router = Router()
    sessions = Sessions(router, limits)
    router.serve(HOST, DomainServices(router, HOST).handle)
    endpoint = BoshEndpoint(
        router,
        Credentials.of([LoginDomain(name=HOST, anonymous=True)]),
        domain=HOST,
        sessions=sessions,
        pulse=Pulse(sessions, limits),
        limits=limits,
    )
    app = web.Application(client_max_size=1024)
    app.router.add_route("*", "/http-bind", endpoint.handle)
    async with TestClient(TestServer(app)) as http:
        yield Site(http, router, sessions)
        await endpoint.close()


def ending(body: Element) -> str:
    assert body.get("type") == "terminate", str(body)
    return body.get("condition")


async def test_a_session_is_created_and_bound() -> None:
    async with site(XmppLimits()) as server:
        jid = await server.log_in()

        assert server.router.session(jid) is not None
        ended = await server.post("", "type='terminate'")
        assert ending(ended) == ""
        assert server.router.session(jid) is None
        assert ending(await server.post()) == "item-not-found"


async def test_a_repeated_request_is_not_carried_out_twice() -> None:
    async with site(XmppLimits(bosh_wait_s=1)) as server:
        await server.log_in()
        ping = "<ping xmlns='urn:xmpp:ping'/>"
        request = f"<iq xmlns='jabber:client' type='get' id='p' to='{HOST}'>{ping}</iq>"
        first = await server.post(request)
        again = await server.post(request, rid=server.rid)

        assert "id='p'" in str(first)
        assert str(again) == str(first)
        assert "id='p'" not in str(await server.post())


async def test_a_rid_out_of_the_window_ends_the_session() -> None:
    async with site(XmppLimits()) as server:
        jid = await server.log_in()

        assert ending(await server.post(rid=server.rid + 50)) == "item-not-found"
        assert server.router.session(jid) is None


async def test_never_more_than_one_request_waits() -> None:
    async with site(XmppLimits(bosh_wait_s=30)) as server:
        await server.log_in()
        first = asyncio.ensure_future(server.post())
        await asyncio.sleep(0)
        second = asyncio.ensure_future(server.post())

        assert str(await asyncio.wait_for(first, 5)) == str(parse_document(answer("")))
        second.cancel()


async def test_hostile_requests_are_refused() -> None:
    limits = XmppLimits(bosh_sessions_per_ip=2, bosh_body_bytes=4096)
    async with site(limits) as server:
        for text, condition in (
            ("<body/>", "bad-request"),
            ("<body xmlns='http://jabber.org/protocol/httpbind'/>", "bad-request"),
            ("not xml", "bad-request"),
            ("<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", "bad-request"),
            (
                "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' sid='x'/>",
                "item-not-found",
            ),
        ):
            response = await server.http.post("/http-bind", data=text)
            assert ending(parse_document(await response.text())) == condition
            assert response.headers["Access-Control-Allow-Origin"] == "*"
        large = await server.http.post("/http-bind", data="x" * 5000)
        assert large.status == 413
        for _ in range(2):
            server.sid = ""
            assert (await server.post("", f"to='{HOST}'")).get("sid")
        assert ending(await server.post("", f"to='{HOST}'")) == "policy-violation"
        unknown = await server.http.options("/http-bind")
        assert "POST" in unknown.headers["Access-Control-Allow-Methods"]


async def test_a_domain_that_is_not_served_ends_the_session() -> None:
    async with site(XmppLimits()) as server:
        assert ending(await server.post("", "to='elsewhere.example'")) == "remote-stream-error"


async def test_a_silent_client_hibernates_and_comes_back_with_what_it_missed() -> None:
    async with site(XmppLimits(bosh_wait_s=1, silence_s=1.0, quiet_ping_s=0.2)) as server:
        gone, woken = asyncio.Event(), asyncio.Event()
        server.router.hibernated.append(lambda jid: gone.set())
        server.router.woken.append(lambda jid: woken.set())
        jid = await server.log_in()
        session = server.router.session(jid)
        assert session is not None

        async with asyncio.timeout(30):
            await gone.wait()
        assert server.router.is_asleep(jid)
        session.deliver(Element("message", {"id": "kept"}, ns="jabber:client"))

        assert "id='kept'" in str(await server.post())
        assert woken.is_set()
        assert server.router.session(jid) is session
