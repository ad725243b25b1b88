"""What somebody inside a meeting may say against the others, and how each of it is answered.

Sources: abuse limits and advisories of the security reference (A2.1, A2.2, A2.5, A5). Most refusals
have a transcript of their own in tests/protocol; here they come while a meeting is held.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from tests.hostile.crook import Crook

_MUC = "http://jabber.org/protocol/muc"
_MEET = "http://jitsi.org/jitmeet"
TO_ALL = "type='groupchat'"
PING = "<ping xmlns='urn:xmpp:ping'/>"
CALL = "<jingle xmlns='urn:xmpp:jingle:1' action='transport-info' sid='made-up'/>"
_HEAD = {"iq": "type='set'", "message": "", "presence": ""}


@dataclass(frozen=True, slots=True)
class Victim:
    """Somebody honest, as everybody in the room knows them."""

    nick: str
    jid: str  # the real one
    line: str  # id of something it said


@dataclass(frozen=True, slots=True)
class Act:
    """A stanza and the condition with which it is refused."""

    name: str
    answer: str
    kind: str
    to: str
    payload: str
    more: str = ""  # attributes

    def frame(self, name: str = "") -> str:
        more = self.more or _HEAD[self.kind]
        head = f"<{self.kind} xmlns='jabber:client' to='{self.to}' id='{name or self.name}' {more}>"
        return f"{head}{self.payload}</{self.kind}>"


def forbidden(crook: Crook, victim: Victim, host: str) -> list[Act]:
    """What only moderators may do, or nobody may, from an ordinary occupant."""
    room, focus, its = crook.muc, crook.own("focus"), crook.own(victim.nick)

    def admin(name: str, item: str) -> Act:
        query = f"<query xmlns='{_MUC}#admin'><item {item}/></query>"
        return Act(name, "forbidden", "iq", room, query)

    def configured(name: str, field: str, value: str) -> Act:
        form = f"<field var='muc#roomconfig_{field}'><value>{value}</value></field>"
        form = f"<x xmlns='jabber:x:data' type='submit'>{form}</x>"
        return Act(name, "forbidden", "iq", room, f"<query xmlns='{_MUC}#owner'>{form}</query>")

    def part(name: str, component: str, payload: str, answer: str = "forbidden") -> Act:
        return Act(name, answer, "message", f"{component}.{host}", payload)

    def breakout(name: str, attributes: str) -> Act:
        order = f"<breakout_rooms type='features/breakout-rooms/{attributes}/>"
        return part(name, "breakout", order)

    def mute(name: str, media: str, whom: str) -> Act:
        payload = f"<mute xmlns='{_MEET}/{media}' jid='{whom}'>true</mute>"
        return Act(name, "not-allowed", "iq", focus, payload)

    return [
        admin("kick", f"nick='{victim.nick}' role='none'"),
        admin("ban", f"jid='{victim.jid}' affiliation='outcast'"),
        admin("become-owner", f"jid='{crook.jid.partition('/')[0]}' affiliation='owner'"),
        configured("set-password", "roomsecret", "mine"),
        configured("close-the-door", "membersonly", "true"),
        mute("mute", "audio", its),
        mute("mute-all", "video", room),
        part("ask-to-speak", "avmoderation", "<av_moderation enable='true' mediaType='audio'/>"),
        breakout("open-breakouts", "add' subject='Mine'"),
        breakout("send-away", f"move-to-room' participantJid='{victim.jid}' roomJid='{room}'"),
        part("end-meeting", "endconference", "<end_conference/>"),
        part("start-muted", "metadata", metadata("startMuted", {"audio": True, "video": True})),
        part("rights", "metadata", metadata("presenters", {crook.endpoint: True})),
        Act("let-in", "forbidden", "message", room, invitation(f"eve@{host}/x")),
        Act(
            "lower-hand",
            "forbidden",
            "message",
            its,
            json_message({"type": "lower-hand-message", "name": "lower-hand-message"}),
            "type='chat'",
        ),
        Act(
            "correct-anothers-line",
            "forbidden",
            "message",
            room,
            f"<body>I was wrong</body><replace xmlns='urn:xmpp:message-correct:0'"
            f" id='{victim.line}'/>",
            "type='groupchat'",
        ),
        Act(
            "retract-anothers-line",
            "forbidden",
            "message",
            room,
            f"<retract xmlns='urn:xmpp:message-retract:1' id='{victim.line}'/>",
            "type='groupchat'",
        ),
        Act(
            "attendance-list",
            "forbidden",
            "iq",
            host,
            "<credentials xmlns='urn:xmpp:extdisco:2'><service type='short-lived-token'"
            " host='attendance'/></credentials>",
            "type='get'",
        ),
    ]


def false_names(crook: Crook, victim: Victim, host: str) -> list[Act]:
    """Claims to be another, or to speak for the server."""
    join = f"<x xmlns='{_MUC}'/>"
    news = {"type": "lobby-notify", "event": "LOBBY-ACCESS-GRANTED", "value": "x", "name": "Eve"}
    return [
        Act("nickname-of-another", "not-allowed", "presence", crook.own(victim.nick), join),
        Act("nickname-of-the-focus", "not-allowed", "presence", crook.own("focus"), join),
        Act("news-of-the-lobby", "bad-request", "message", crook.muc, json_message(news), TO_ALL),
        Act(
            "into-the-brewery", "forbidden", "presence", f"jvbbrewery@internal.auth.{host}/x", join
        ),
        Act(
            "orders-to-the-focus-itself",
            "service-unavailable",
            "iq",
            f"focus@auth.{host}/focus",
            f"<mute xmlns='{_MEET}/audio' jid='{crook.own(victim.nick)}'>true</mute>",
        ),
        Act(
            "source-of-another",
            "bad-request",
            "iq",
            crook.own("focus"),
            sources(crook, "source-add", f"{victim.nick}-a7", 4_000_001),
        ),
        Act(
            "take-anothers-source",
            "bad-request",
            "iq",
            crook.own("focus"),
            sources(crook, "source-remove", f"{victim.nick}-a0", 4_000_001),
        ),
        Act(
            "end-anothers-session",
            "item-not-found",
            "iq",
            crook.own("focus"),
            "<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='0123456789'/>",
        ),
    ]


def malformed(crook: Crook, host: str) -> list[Act]:
    """Too long, too deep, too many, or nonsense."""
    room, own, focus = crook.muc, crook.own(), crook.own("focus")
    poll = {"type": "polls", "command": "new-poll", "pollId": "p", "question": "?"}
    deep = "[" * 1000 + "]" * 1000

    def jingle(name: str, inside: str) -> Act:
        return Act(name, "bad-request", "iq", focus, f"<jingle xmlns='urn:xmpp:jingle:1' {inside}")

    def polls(name: str, answer: str, text: str) -> Act:
        payload = f"<json-message xmlns='{_MEET}'>{escape(text)}</json-message>"
        return Act(name, answer, "message", f"polls.{host}", payload, "type='chat'")

    return [
        Act("long-line", "not-allowed", "message", room, f"<body>{'x' * 4001}</body>", TO_ALL),
        Act("large-presence", "not-acceptable", "presence", own, f"<y>{'x' * 17_000}</y>"),
        Act("many-elements", "not-acceptable", "presence", own, "<y/>" * 201),
        Act("sources-no-json", "bad-request", "presence", own, "<SourceInfo>[[</SourceInfo>"),
        Act("large-json", "not-acceptable", "message", room, json_message("y" * 17_000), TO_ALL),
        jingle("jingle-without-action", "/>"),
        jingle("jingle-unknown-action", f"action='dance' sid='{crook.sid}'/>"),
        jingle("jingle-json", f"action='source-add' sid='{crook.sid}'>"
               f"<json-message xmlns='{_MEET}'>[</json-message></jingle>"),
        Act("ssrc-out-of-range", "bad-request", "iq", focus, sources(
            crook, "source-add", f"{crook.endpoint}-a7", 99_999_999_999)),
        polls("poll-no-json", "bad-request", "not JSON"),
        polls("poll-nested", "bad-request", deep),
        polls("poll-number", "bad-request", '{"type":"polls","pollId":1e999}'),
        polls("poll-twice", "bad-request", '{"type":"polls","type":"polls","command":"new-poll"}'),
        polls("poll-empty", "policy-violation", json.dumps({**poll, "answers": []})),
        Act("metadata-no-json", "forbidden", "message", f"metadata.{host}",
            f"<room_metadata xmlns='{_MEET}'>{deep}</room_metadata>"),
        Act("unknown-request", "service-unavailable", "iq", host, "<teapot xmlns='urn:x:tea'/>"),
        Act("nobody-of-that-name", "item-not-found", "message", crook.own("nobody"),
            "<body>psst</body>", "type='chat'"),
    ]  # fmt: skip


Make = Callable[[Crook, Victim], str]


def fatal() -> dict[str, tuple[Make, str]]:
    """What ends its sender's stream: how it is made, and the word with which it does."""
    bomb = "<!DOCTYPE a [<!ENTITY x 'xxxxxxxxxx'><!ENTITY y '&x;&x;&x;&x;&x;&x;'>]>"
    attributes = " ".join(f"a{n}='1'" for n in range(65))

    def always(frame: str) -> Make:
        return lambda crook, victim: frame.replace("ROOM", crook.muc)

    def in_its_name(crook: Crook, victim: Victim) -> str:
        return (
            f"<message xmlns='jabber:client' from='{victim.jid}' to='{crook.muc}' {TO_ALL}>"
            "<body>I am somebody else</body></message>"
        )

    large = f"<message xmlns='jabber:client' to='ROOM'><body>{'x' * 300_000}</body></message>"
    login = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>"
    return {
        "not-xml": (always("<message to='x'"), "not-well-formed"),
        "entity-bomb": (always(f"{bomb}<presence to='ROOM'>&y;</presence>"), "restricted-xml"),
        "comment": (always("<!-- hello -->"), "restricted-xml"),
        "deep": (always("<message xmlns='jabber:client'>" + "<a>" * 70), "policy-violation"),
        "many-attributes": (
            always(f"<message xmlns='jabber:client' {attributes}/>"),
            "policy-violation",
        ),
        "large": (always(large), "policy-violation"),
        "in-anothers-name": (in_its_name, "invalid-from"),
        "a-login-again": (always(login), "unsupported-stanza-type"),
    }


def metadata(key: str, data: object) -> str:
    text = escape(json.dumps({"key": key, "data": data}))
    return f"<room_metadata xmlns='{_MEET}'>{text}</room_metadata>"


def invitation(whom: str) -> str:
    return f"<x xmlns='{_MUC}#user'><invite to='{whom}'/></x>"


def json_message(message: object) -> str:
    text = escape(json.dumps(message))
    return f"<json-message xmlns='{_MEET}'>{text}</json-message>"


def sources(crook: Crook, action: str, name: str, ssrc: int) -> str:
    source = (
        f"<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='{ssrc}' name='{name}'>"
        f"<parameter name='msid' value='{name}-m t'/></source>"
    )
    description = (
        f"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>{source}</description>"
    )
    return (
        f"<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='{crook.sid}'>"
        f"<content name='audio' creator='responder'>{description}</content></jingle>"
    )
