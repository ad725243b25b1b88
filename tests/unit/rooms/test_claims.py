"""Nothing that only the server may say survives in what an occupant sends."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.errors import PeerError
from tertulia.rooms import claims
from tertulia.rooms.claims import FOCUS_OWNED, SERVER_OWNED
from tertulia.rooms.limits import RoomLimits
from tertulia.xmpp.errors import BadRequest, NotAcceptable
from tertulia.xmpp.xml import Element, parse_document, serialise

LIMITS = RoomLimits()


def presence(inside: str) -> str:
    stanza = parse_document(f"<presence xmlns='jabber:client'>{inside}</presence>")
    return "".join(
        serialise(child, inside="jabber:client") for child in claims.presence(stanza, "ana", LIMITS)
    )


def message(inside: str) -> str:
    stanza = parse_document(f"<message xmlns='jabber:client'>{inside}</message>")
    return "".join(
        serialise(child, inside="jabber:client") for child in claims.message(stanza, LIMITS)
    )


def test_unknown_children_are_kept_as_they_are() -> None:
    inside = "<a b='1'><c xmlns='d'>text</c></a><jitsi_participant_x>1</jitsi_participant_x>"

    assert presence(inside) == inside


@pytest.mark.parametrize(
    "claim",
    [
        "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner'/></x>",
        "<x xmlns='http://jabber.org/protocol/muc'/>",
        "<identity><user><name>Ana</name></user></identity>",
        "<identity xmlns='urn:any'/>",
        "<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/>",
        "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='1'/>",
        "<conference-properties xmlns='http://jitsi.org/protocol/focus'/>",
        "<bridgeNotAvailable/>",
        "<p:x xmlns:p='http://jabber.org/protocol/muc#user'/>",
    ],
)
def test_claims_are_removed_all_of_them_at_any_depth(claim: str) -> None:
    assert presence(f"{claim}<a/>{claim}") == "<a/>"
    assert presence(f"<a>1{claim}2<b>{claim}</b></a>") == "<a>12<b/></a>"
    assert message(f"{claim}<body>1</body>{claim}") == "<body>1</body>"


def test_the_focus_says_what_only_the_focus_says() -> None:
    own = "<conference-properties xmlns='http://jitsi.org/protocol/focus'/>"
    stanza = parse_document(f"<presence xmlns='jabber:client'>{own}<identity/></presence>")

    kept = claims.presence(stanza, "focus", LIMITS, is_focus=True)

    assert [child.name for child in kept] == ["conference-properties"]


def test_only_own_sources_are_kept() -> None:
    info = {"ana-a0": {"muted": True}, "bea-v0": {"muted": False}, "anab-a0": {}, "ana": {}}

    kept = presence(f"<SourceInfo>{json.dumps(info).replace('<', '')}</SourceInfo>")

    assert kept == '<SourceInfo>{"ana-a0":{"muted":true},"ana":{}}</SourceInfo>'


@pytest.mark.parametrize("text", ["nonsense", "[]", "1", '{"ana-a0":1}', '{"ana-a0":', "[" * 9000])
def test_malformed_source_info_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        presence(f"<SourceInfo>{text}</SourceInfo>")


def test_a_display_name_is_plain_short_and_one() -> None:
    name = "A\u202enna\x85\u2066" + "x" * 100
    nick = f"<nick xmlns='http://jabber.org/protocol/nick'>{name}</nick>"

    kept = presence(nick + nick)

    assert kept.count("<nick") == 1
    assert f">{('Anna' + 'x' * 100)[:80]}<" in kept


def test_big_presences_are_refused() -> None:
    with pytest.raises(NotAcceptable):
        presence(f"<a>{'x' * 16 * 1024}</a>")
    with pytest.raises(NotAcceptable):
        presence("<a>" + "<b/>" * 200 + "</a>")


def test_names_in_messages_go_by_the_nickname() -> None:
    assert (
        message(
            "<body>1</body><nick xmlns='http://jabber.org/protocol/nick'>Bea</nick>"
            "<display-name xmlns='http://jitsi.org/protocol/display-name'>Bea</display-name>"
        )
        == "<body>1</body>"
    )


def test_a_reply_gets_the_namespace_that_clients_read() -> None:
    assert message("<reply to='x'/>") == "<reply xmlns='urn:xmpp:reply:0' to='x'/>"


NAMESPACES = st.sampled_from(["", "urn:x", *sorted(SERVER_OWNED | FOCUS_OWNED)])
NAMES = st.sampled_from(
    ["x", "identity", "a", "SourceInfo", "nick", "display-name", "item", "conference-properties"]
)


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> Element:
    element = Element(draw(NAMES), {"affiliation": "owner"}, ns=draw(NAMESPACES))
    for _ in range(draw(st.integers(0, 3)) if depth else 0):
        element.append(draw(elements(depth - 1)))
    if draw(st.booleans()):
        element.append(draw(st.sampled_from(["{}", "text", '{"bea-a0":{}}', '{"ana-a0":{}}'])))
    return element


@given(st.lists(elements(), max_size=4))
def test_fuzz_no_claim_survives(children: list[Element]) -> None:
    stanza = Element("presence", {}, *children, ns="jabber:client")
    for admit in (
        lambda: claims.presence(stanza, "ana", LIMITS),
        lambda: claims.message(stanza, LIMITS),
    ):
        try:
            kept = admit()
        except PeerError:
            continue
        # As the others will read it, after it was written.
        written = "".join(serialise(child, inside="jabber:client") for child in kept)
        relayed = parse_document(f"<presence xmlns='jabber:client'>{written}</presence>")
        for element in everything(relayed):
            assert element.ns not in SERVER_OWNED | FOCUS_OWNED
            assert element.name not in ("identity", "display-name", "conference-properties")
    try:
        shown = claims.presence(stanza, "ana", LIMITS)
    except PeerError:
        return
    assert not any("bea-a0" in each.text for each in shown if each.name == "SourceInfo")


@given(st.text(max_size=200))
def test_fuzz_source_info_gives_own_sources_or_our_error(text: str) -> None:
    stanza = Element("presence", {}, Element("SourceInfo", {}, text), ns="jabber:client")
    try:
        (kept,) = claims.presence(stanza, "ana", LIMITS)
    except (PeerError, ValueError):  # ValueError: characters that no parser lets in
        return
    assert all(name.partition("-")[0] == "ana" for name in json.loads(kept.text))


def everything(element: Element) -> list[Element]:
    return [element, *(inner for child in element.elements() for inner in everything(child))]
