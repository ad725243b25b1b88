"""Where stanzas go, and what comes back when they go nowhere."""

from __future__ import annotations

import asyncio

import pytest

from tertulia.xmpp.errors import IqTimeout, StanzaError
from tertulia.xmpp.iq import IqTracker
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Fanout, Router
from tertulia.xmpp.services import DomainServices, ExternalService
from tertulia.xmpp.stanza import iq, read_error
from tertulia.xmpp.xml import Element, iq_result, parse_document

HOST = "meet.example"


class Someone:
    def __init__(self, jid: str) -> None:
        self.jid = Jid.parse(jid)
        self.got: list[Element] = []

    def deliver(self, stanza: Element) -> None:
        self.got.append(stanza)


class Client(Someone):
    def __init__(self, jid: str) -> None:
        super().__init__(jid)
        self.texts: list[str] = []

    def deliver_text(self, text: str) -> None:
        self.texts.append(text)


def router_with(*sessions: Someone) -> Router:
    router = Router()
    services = DomainServices(
        router,
        HOST,
        external_services=lambda _: [
            ExternalService(type="stun", host="a", port=3478),
            ExternalService(
                type="turn", host="b", port=443, transport="tcp", username="u", password="p"
            ),
        ],
    )
    router.serve(HOST, services.handle)
    for session in sessions:
        router.bind(session)
    return router


def message(sender: Someone, to: str, kind: str = "chat") -> Element:
    return Element("message", {"from": str(sender.jid), "to": to, "type": kind}, ns="jabber:client")


def test_a_full_jid_is_one_session() -> None:
    ana, bea = Someone(f"ana@{HOST}/1"), Someone(f"bea@{HOST}/1")
    router_with(ana, bea).route(message(ana, f"bea@{HOST}/1"))

    assert len(bea.got) == 1


def test_a_message_to_a_bare_jid_reaches_all_its_sessions() -> None:
    ana, one, two = Someone(f"ana@{HOST}/1"), Someone(f"b@{HOST}/1"), Someone(f"b@{HOST}/2")
    router_with(ana, one, two).route(message(ana, f"b@{HOST}"))

    assert len(one.got) == len(two.got) == 1


@pytest.mark.parametrize(
    ("to", "condition"),
    [
        (f"gone@{HOST}/1", "service-unavailable"),
        (f"gone@{HOST}", "service-unavailable"),
        ("elsewhere.example", "remote-server-not-found"),
        ("a b@c", "jid-malformed"),
    ],
)
def test_what_goes_nowhere_comes_back_once(to: str, condition: str) -> None:
    ana = Someone(f"ana@{HOST}/1")
    router = router_with(ana)

    router.route(message(ana, to))
    router.route(message(ana, to, "error"))

    (answer,) = ana.got
    assert read_error(answer).condition == condition


def test_the_newer_session_takes_the_address_and_the_departure_is_told() -> None:
    old, new = Someone(f"ana@{HOST}/1"), Someone(f"ana@{HOST}/1")
    router = router_with(old)
    told: list[Jid] = []
    router.unbound.append(told.append)

    displaced = router.bind(new)
    router.unbind(old)  # when its connection ends: nothing more happens

    assert displaced is old
    assert told == [old.jid]
    assert router.session(new.jid) is new
    router.unbind(new)
    assert told == [old.jid] * 2
    assert router.sessions_of(new.jid.bare) == []


def test_a_fan_out_is_the_same_as_text_and_as_stanza() -> None:
    ana, bea = Client(f"ana@{HOST}/it's<&>"), Someone(f"bea@{HOST}/1")
    stanza = Element("presence", {"from": "room@c/a"}, Element("x", ns="urn:x"), ns="jabber:client")

    router_with(ana, bea).broadcast(Fanout(stanza), [ana.jid, Jid.parse("no@one/1"), bea.jid])

    assert parse_document(ana.texts[0]).get("to") == str(ana.jid)
    assert parse_document(ana.texts[0]).find("x", "urn:x") == bea.got[0].find("x", "urn:x")
    assert bea.got[0].get("to") == str(bea.jid)


def test_external_services_are_told_with_what_it_takes_to_use_them() -> None:
    ana = Someone(f"ana@{HOST}/1")
    request = iq("get", HOST, Element("services", ns="urn:xmpp:extdisco:2"), stanza_id="q")
    request.attrs["from"] = str(ana.jid)

    router_with(ana).route(request)

    services = ana.got[0].find("services", "urn:xmpp:extdisco:2")
    assert services is not None
    stun, turn = services.elements()
    assert stun.attrs == {"type": "stun", "host": "a", "port": "3478", "transport": "udp"}
    assert (turn.get("username"), turn.get("restricted")) == ("u", "1")


async def test_only_who_was_asked_can_answer() -> None:
    sent: list[Element] = []
    tracker = IqTracker(sent.append)
    asking = asyncio.ensure_future(tracker.request(iq("get", "a@b/c", Element("x")), 5))
    await asyncio.sleep(0)
    stanza_id = sent[0].get("id")

    forged = Element("iq", {"type": "result", "id": stanza_id, "from": "x@y/z"})
    assert not tracker.feed(forged)
    assert not tracker.feed(Element("iq", {"type": "result", "id": "other", "from": "a@b/c"}))
    assert tracker.feed(Element("iq", {"type": "result", "id": stanza_id, "from": "a@b/c"}))
    assert not tracker.feed(Element("iq", {"type": "result", "id": stanza_id, "from": "a@b/c"}))

    assert (await asking).get("type") == "result"


async def test_a_refusal_and_silence_are_errors() -> None:
    sent: list[Element] = []
    tracker = IqTracker(sent.append)
    with pytest.raises(IqTimeout):
        await tracker.request(iq("get", "a@b/c"), 0)

    asking = asyncio.ensure_future(tracker.request(iq("get", "a@b/c"), 5))
    await asyncio.sleep(0)
    refused = iq_result(sent[-1])
    refused.attrs["type"] = "error"
    tracker.feed(refused)
    with pytest.raises(StanzaError):
        await asking
