"""No input costs its receiver much more than a harmless one of the same length.

The fuzzing programme allows 64 KiB a tenth of a second of processor time (security reference A3,
rows 8 to 10). How long that is differs from machine to machine and from moment to moment; so each
input is held against a harmless one, measured beside it in this process. What grows with the square
of its length costs hundreds of times more.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable

import pytest
from tests.protocol.backends import Assembly, MemoryWire
from tests.protocol.transcript import log_in

from tertulia.bridge import channel
from tertulia.bridge.errors import MalformedChannelMessage
from tertulia.errors import MalformedInput
from tertulia.xmpp.colibri2 import ConferenceModify
from tertulia.xmpp.colibri2_json import request_element
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle import Jingle
from tertulia.xmpp.jingle_rtp import sources_from_json
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.xml import parse_document

BYTES = 64 * 1024
# The smallest elements cost nine times as much as those of a usual session.
TIMES_DEARER = 20.0
TRIES = 3
ROOM = "plaza@conference.meet.example"
_TO_ROOM = f"xmlns='jabber:client' to='{ROOM}/ana'"
_IQ = f"xmlns='jabber:client' type='set' id='1' to='{ROOM}/bea'"
_SSMA = "xmlns='urn:xmpp:jingle:apps:rtp:ssma:0'"


def filled(head: str, piece: str, tail: str) -> str:
    """As many pieces between head and tail as make `BYTES`; `#` is a number of each its own."""
    left, pieces = BYTES - len(head) - len(tail), []
    if "#" not in piece:
        return head + piece * (left // len(piece)) + tail
    for number in range(left):
        one = piece.replace("#", str(number))
        left -= len(one)
        if left < 0:
            break
        pieces.append(one)
    return head + "".join(pieces) + tail


def least_s(do: Callable[[], object]) -> float:
    """Of several tries the one that nothing came into."""
    tries = []
    for _ in range(TRIES):
        began = time.thread_time()
        do()
        tries.append(time.thread_time() - began)
    return min(tries)


def assert_hardly_dearer(cost: Callable[[str], float], text: str, harmless: str) -> None:
    assert abs(len(text) - len(harmless)) < BYTES / 50
    usual_s, found_s = cost(harmless), cost(text)
    assert found_s <= TIMES_DEARER * usual_s, f"{found_s / usual_s:.1f} times a harmless input"


# -- row 8: frames of a client in a room, to whatever they reach

SESSION = (
    "<content creator='responder' name='audio'><description xmlns='urn:xmpp:jingle:apps:rtp:1'"
    " media='audio'><payload-type id='111' name='opus' clockrate='48000' channels='2'>"
    "<parameter name='useinbandfec' value='1'/></payload-type></description></content>"
)
FRAME = filled(f"<iq {_IQ}><jingle xmlns='urn:xmpp:jingle:1' sid='s'>", SESSION, "</jingle></iq>")
_ADMIN = "<query xmlns='http://jabber.org/protocol/muc#admin'>"
_JSON = "<json-message xmlns='http://jitsi.org/jitmeet'>"
FRAMES = {
    "deep": filled(f"<message {_TO_ROOM}>", "<a>", ""),
    "attributes": filled(f"<message {_TO_ROOM}", " a#='1'", "/>"),
    "one attribute": filled(f"<message {_TO_ROOM} a='", "x", "'/>"),
    "one name": filled(f"<message {_TO_ROOM}><", "x", "/></message>"),
    "namespaces": filled(f"<message {_TO_ROOM}><y", " xmlns:n#='urn:#'", "/></message>"),
    "elements": filled(f"<presence {_TO_ROOM}>", "<y/>", "</presence>"),
    "namespaced elements": filled(f"<presence {_TO_ROOM}>", "<y xmlns='#'/>", "</presence>"),
    "escapes": filled(f"<message {_TO_ROOM}><body>", "&amp;", "</body></message>"),
    "references": filled(f"<message {_TO_ROOM}><body>", "&#38;", "</body></message>"),
    "pieces of text": filled(f"<message {_TO_ROOM}><body>", "x<b/>", "</body></message>"),
    "spaces": filled(f"<message {_TO_ROOM}>", " ", "</message>"),
    "address": filled("<message xmlns='jabber:client' to='", "a", f"@{ROOM}'/>"),
    "resource": filled(f"<presence xmlns='jabber:client' to='{ROOM}/", "a", "'/>"),
    "dots": filled("<message xmlns='jabber:client' to='a@", "a.", "b'/>"),
    "items": filled(f"<iq {_IQ}>{_ADMIN}", "<item nick='n#' role='none'/>", "</query></iq>"),
    "json": filled(f"<message {_TO_ROOM}>{_JSON}", "[", "</json-message></message>"),
    "objects": filled(f'<message {_TO_ROOM}>{_JSON}{{"a":', '{"a":', "</json-message></message>"),
    "sources": filled(f"<presence {_TO_ROOM}><SourceInfo>{{", '"s#":{},', '"s":{}}</SourceInfo>')
    + "</presence>",
    "a document type": filled("<!DOCTYPE a [", "<!ENTITY e# 'x'>", "]><message/>"),
    "cut off": FRAME[:-20],
}


class House:
    """A room of three, of whom one is to say something."""

    async def __aenter__(self) -> House:
        self._server = Assembly()
        self._server.focus.open(Jid.parse(ROOM))
        for nick in ("bea", "cai"):
            await self._enter(nick)
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def _enter(self, nick: str) -> MemoryWire:
        wire = MemoryWire(self._server, XmppLimits())
        await log_in(wire, self._server.host)
        join = "<x xmlns='http://jabber.org/protocol/muc'/>"
        await wire.send(f"<presence xmlns='jabber:client' to='{ROOM}/{nick}'>{join}</presence>")
        return wire

    async def cost_s(self, frame: str) -> float:
        tries = []
        for _ in range(TRIES):
            wire = await self._enter("ana")
            began = time.thread_time()
            wire.connection.receive(frame, 0.0)
            tries.append(time.thread_time() - began)
            await wire.drop()
        return min(tries)


@pytest.mark.parametrize("kind", FRAMES)
async def test_a_frame(kind: str) -> None:
    async with House() as house:
        costs = {text: await house.cost_s(text) for text in (FRAME, FRAMES[kind])}
    assert_hardly_dearer(lambda text: costs[text], FRAMES[kind], FRAME)


# -- row 9: descriptions of sessions and orders to a bridge

_RTP = "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>"
_CONTENT = f"<content creator='initiator' name='video'>{_RTP}"
_ICE = "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='u' pwd='p'>"


def jingle(piece: str, before: str = _CONTENT, after: str = "</description></content>") -> str:
    head = "<jingle xmlns='urn:xmpp:jingle:1' action='session-accept' sid='s'>"
    return filled(head + before, piece, after + "</jingle>")


JINGLE = jingle(
    f"<source {_SSMA} ssrc='#' name='e-v#'><parameter name='msid' value='m t'/></source>"
)
JINGLES = {
    "contents": jingle("<content creator='initiator' name='c#'/>", "", ""),
    "the same content": jingle("<content creator='initiator' name='c'/>", "", ""),
    "payload types": jingle("<payload-type id='#' name='x'/>"),
    "parameters": jingle(
        "<parameter name='#' value='#'/>",
        f"{_CONTENT}<payload-type id='1' name='x'>",
        "</payload-type></description></content>",
    ),
    "feedback": jingle("<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='#'/>"),
    "extensions": jingle("<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='#'/>"),
    "the same source": jingle(f"<source {_SSMA} ssrc='1'/>"),
    "groups": jingle(f"<ssrc-group {_SSMA} semantics='FID'><source ssrc='#'/></ssrc-group>"),
    "a group": jingle(
        "<source ssrc='#'/>",
        f"{_CONTENT}<ssrc-group {_SSMA} semantics='SIM'>",
        "</ssrc-group></description></content>",
    ),
    "candidates": jingle(
        "<candidate ip='10.0.0.1' port='#' component='1' foundation='1' protocol='udp'"
        " priority='1' type='host' generation='0'/>",
        f"<content creator='initiator' name='v'>{_ICE}",
        "</transport></content>",
    ),
    "fingerprints": jingle(
        "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256'>#</fingerprint>",
        f"<content creator='initiator' name='v'>{_ICE}",
        "</transport></content>",
    ),
    "a number": jingle("9", f"{_CONTENT}<source {_SSMA} ssrc='", "'/></description></content>"),
    "unknown elements": jingle("<x/>"),
}
COLIBRI = filled(
    "<conference-modify xmlns='jitsi:colibri2' meeting-id='m'>",
    "<endpoint id='e#'><transport/><sources><media-source type='audio' id='e#-a0'>"
    f"<source {_SSMA} ssrc='#'/></media-source></sources></endpoint>",
    "</conference-modify>",
)
ORDERS = {
    name: filled("<conference-modify xmlns='jitsi:colibri2' meeting-id='m'>", piece, end)
    for name, piece, end in (
        ("endpoints", "<endpoint id='#'/>", "</conference-modify>"),
        ("the same endpoint", "<endpoint id='e'/>", "</conference-modify>"),
        ("relays", "<relay id='#'/>", "</conference-modify>"),
        ("capabilities", "<capability name='#'/>", "</conference-modify>"),
    )
}
OWNERS = filled('{"sources":{', '"e#":[[{"s":#,"n":"e#-v0","m":"m t"}],[],[],[]],', '"e":[]}}')
COMPACT = {
    "nested": filled("", "[", ""),
    "a number": filled('{"sources":{"e":[[{"s":', "9", "}]]}}"),
    "a fraction": filled('{"sources":{"e":[[{"s":0.', "1", "}]]}}"),
    "the same owner": filled('{"sources":{', '"e":[[],[],[],[]],', '"e":[]}}'),
    "lists": filled('{"sources":{"e":[', "[],", "[]]}}"),
    "groups": filled('{"sources":{"e":[[],[', '["f",#,1],', '["f",1,2]]]}}'),
    "escapes": filled('{"sources":{"', "\\u0041", '":[]}}'),
}


def parsed(read: Callable[[str], object]) -> Callable[[str], float]:
    def do(text: str) -> None:
        with contextlib.suppress(MalformedInput, MalformedChannelMessage):
            read(text)

    return lambda text: least_s(lambda: do(text))


@pytest.mark.parametrize("kind", JINGLES)
def test_a_session(kind: str) -> None:
    cost = parsed(lambda text: Jingle.parse(parse_document(text)))
    assert_hardly_dearer(cost, JINGLES[kind], JINGLE)


@pytest.mark.parametrize("kind", ORDERS)
def test_an_order_to_a_bridge(kind: str) -> None:
    cost = parsed(lambda text: ConferenceModify.parse(parse_document(text)))
    assert_hardly_dearer(cost, ORDERS[kind], COLIBRI)


@pytest.mark.parametrize("kind", COMPACT)
def test_sources_as_json(kind: str) -> None:
    assert_hardly_dearer(parsed(sources_from_json), COMPACT[kind], OWNERS)


# -- row 10: the bridge channel and bodies of requests

CONSTRAINTS = filled(
    '{"colibriClass":"ReceiverVideoConstraints","constraints":{',
    '"e#-v0":{"maxHeight":#},',
    '"":{}}}',
)
MESSAGES = {
    "nested": filled("", "[", ""),
    "nested inside": filled('{"colibriClass":"EndpointMessage","to":"","x":', '{"x":', ""),
    "a number": filled('{"colibriClass":"LastNChangedEvent","lastN":', "9", "}"),
    "a fraction": filled('{"colibriClass":"LastNChangedEvent","lastN":1.', "1", "}"),
    "names": filled(
        '{"colibriClass":"ReceiverVideoConstraints","selectedSources":[', '"#",', '""]}'
    ),
    "the same name": filled(
        '{"colibriClass":"ReceiverVideoConstraints","onStageSources":[', '"x",', '"x"]}'
    ),
    "the same key": filled('{"colibriClass":"EndpointStats",', '"x":1,', '"x":1}'),
    "keys": filled('{"colibriClass":"EndpointMessage","to":"",', '"#":1,', '"x":1}'),
    "escapes": filled('{"colibriClass":"EndpointMessage","to":"', "\\u0041", '"}'),
    "surrogates": filled('{"colibriClass":"EndpointMessage","to":"', "\\ud83d", '"}'),
    "a class": filled('{"colibriClass":"', "x", '"}'),
    "blanks": filled('{"colibriClass":"ClientHello"', " ", "}"),
}
BODY = filled(
    '{"meeting-id":"m","endpoints":[',
    '{"id":"e#","sources":[{"type":"audio","id":"e#-a0","sources":[{"ssrc":#}]}]},',
    '{"id":"e"}]}',
)
BODIES = {
    "nested": filled('{"meeting-id":"m","endpoints":', "[", ""),
    "endpoints": filled('{"meeting-id":"m","endpoints":[', '{"id":"#"},', '{"id":"e"}]}'),
    "capabilities": filled(
        '{"meeting-id":"m","endpoints":[{"id":"e","capabilities":[', '"#",', '"x"]}]}'
    ),
    "candidates": filled(
        '{"meeting-id":"m","endpoints":[{"id":"e","transport":{"ice-udp":{"candidates":[',
        '{"ip":"10.0.0.1","port":#},',
        "{}]}}}]}",
    ),
    "a number": filled('{"meeting-id":"m","expire":', "9", "}"),
}


def passed_on(text: str) -> None:
    """What a bridge does with it: read it, and write it for the others."""
    message = channel.parse(text)
    if isinstance(message, channel.EndpointMessage | channel.EndpointStatistics):
        channel.relayed(message.body, "e")


def ordered(text: str) -> None:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return
    ConferenceModify.parse(request_element(body))


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_message_of_the_bridge_channel(kind: str) -> None:
    assert_hardly_dearer(parsed(passed_on), MESSAGES[kind], CONSTRAINTS)


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_of_a_request(kind: str) -> None:
    assert_hardly_dearer(parsed(ordered), BODIES[kind], BODY)
