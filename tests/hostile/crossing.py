"""What somebody who leads one meeting may try against people of another, and how it is answered.

Whatever is tried carries a word, to look for in what people of both meetings are told.

Source: invariant I3 of the security reference (A4): nothing crosses rooms.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from html import unescape

import aiohttp
from tests.hostile.acts import CALL, PING, TO_ALL, Act, Victim, invitation
from tests.hostile.channels import refused
from tests.hostile.crook import ANSWER_WITHIN_S, Crook

WORD = "through-the-wall"
OUTSIDE = "not-acceptable"  # XEP-0045 §7.4: only occupants
Report = Callable[[str, str, str], None]

_MUC = "http://jabber.org/protocol/muc"
_MEET = "http://jitsi.org/jitmeet"
_GROUP = re.compile(r'"jid":"([^"@]+@breakout\.[^"]+)"')
_BODY = f"<body>{WORD}</body>"
_CALL = CALL.replace("made-up", WORD)


def from_next_door(crook: Crook, victim: Victim, room: str, group: str, host: str) -> list[Act]:
    """What a moderator of another room says to `room`, its people, and its own parts about them.

    Args:
        group: a breakout room of the crook's own meeting.
    """
    its, focus = f"{room}/{victim.nick}", f"{room}/focus"

    def admin(name: str, item: str) -> Act:
        query = f"<query xmlns='{_MUC}#admin'><item {item}><reason>{WORD}</reason></item></query>"
        return Act(name, OUTSIDE, "iq", room, query)

    def mute(name: str, answer: str, to: str) -> Act:
        payload = f"<mute xmlns='{_MEET}/audio' jid='{its}'>true</mute>"
        return Act(name, answer, "iq", to, payload)

    def breakout(name: str, kind: str, attributes: str) -> Act:
        order = f"<breakout_rooms type='features/breakout-rooms/{kind}' {attributes}/>"
        return Act(name, "item-not-found", "message", f"breakout.{host}", order)

    form = f"<field var='muc#roomconfig_roomsecret'><value>{WORD}</value></field>"
    form = f"<x xmlns='jabber:x:data' type='submit'>{form}</x>"
    correction = f"{_BODY}<replace xmlns='urn:xmpp:message-correct:0' id='{victim.line}'/>"
    return [
        Act("wall-line", OUTSIDE, "message", room, _BODY, TO_ALL),
        Act("wall-subject", OUTSIDE, "message", room, f"<subject>{WORD}</subject>", TO_ALL),
        Act("wall-correction", OUTSIDE, "message", room, correction, TO_ALL),
        Act("wall-whisper", OUTSIDE, "message", its, _BODY, "type='chat'"),
        Act("wall-direct", "service-unavailable", "message", victim.jid, _BODY, "type='chat'"),
        Act("wall-ping", OUTSIDE, "iq", its, PING, "type='get'"),
        Act("wall-call", OUTSIDE, "iq", its, _CALL),
        Act("wall-direct-call", "service-unavailable", "iq", victim.jid, _CALL),
        Act("wall-focus", OUTSIDE, "iq", focus, _CALL),
        Act("wall-presence", OUTSIDE, "presence", f"{room}/{crook.endpoint}", f"<y>{WORD}</y>"),
        Act("wall-invitation", OUTSIDE, "message", room, invitation(f"eve@{host}/x")),
        admin("wall-kick", f"nick='{victim.nick}' role='none'"),
        admin("wall-ban", f"jid='{victim.jid}' affiliation='outcast'"),
        admin("wall-owner", f"jid='{crook.jid.partition('/')[0]}' affiliation='owner'"),
        Act("wall-form", OUTSIDE, "iq", room, f"<query xmlns='{_MUC}#owner'>{form}</query>"),
        mute("wall-mute", OUTSIDE, focus),
        mute("wall-mute-by-own-focus", "item-not-found", crook.own("focus")),
        breakout("wall-fetch", "move-to-room", f"participantJid='{victim.jid}' roomJid='{group}'"),
        breakout(
            "wall-assign", "assign", f"participantJid='{victim.jid}' breakoutRoomJid='{group}'"
        ),
    ]


def into_group(crook: Crook, group: str, host: str) -> list[Act]:
    """What somebody of another meeting tries, to get into a breakout room."""
    conference = (
        f"<conference xmlns='http://jitsi.org/protocol/focus' room='{group}' machine-uid='{WORD}'/>"
    )
    join = f"<x xmlns='{_MUC}'/>"
    return [
        Act("wall-group-asked-for", "forbidden", "iq", f"focus.{host}", conference),
        Act("wall-group", "not-allowed", "presence", f"{group}/{crook.endpoint}", join),
        Act("wall-group-line", "item-not-found", "message", group, _BODY, TO_ALL),
    ]


async def group_of(leading: Crook, host: str) -> str:
    """The address of a breakout room that somebody makes in its own meeting."""
    order = "<breakout_rooms type='features/breakout-rooms/add' subject='Own'/>"
    await leading.say(Act("own-group", "", "message", f"breakout.{host}", order).frame())

    def told() -> list[str]:
        return [found for frame in leading.heard for found in _GROUP.findall(unescape(frame))]

    async with asyncio.timeout(ANSWER_WITHIN_S):
        await leading._until(lambda: told() != [])
    return told()[0]


async def through_the_wall(
    leading: Crook,
    beside: Crook,
    people: Sequence[Crook],
    *,
    line: str,
    host: str,
    report: Report,
) -> None:
    """Try all of it and report the answers, then how often anybody was told.

    Args:
        leading: leads another meeting.
        beside: is in that meeting, too.
        people: of the meeting that is attacked, the one that it is tried on first.
        line: id of something said there.
    """
    (target, outsider), everybody = people, (*people, beside)
    for each in (*everybody, leading):
        each.heard.clear()
    group = await group_of(leading, host)
    victim = Victim(target.endpoint, target.jid, line)
    for crook, acts in (
        (leading, from_next_door(leading, victim, target.muc, group, host)),
        (outsider, into_group(outsider, group, host)),
    ):
        for act in acts:
            await crook.say(act.frame())
        # It is not answered: presences past rooms go nowhere (RFC 6121 §8.5).
        await crook.say(Act("", "", "presence", target.jid, f"<y>{WORD}</y>").frame())
        for act in acts:
            report(act.name, act.answer, await crook.refusal(act.name))

    # Whatever was on its way to them has come when they are answered.
    for each in everybody:
        await each.say(Act("", "", "iq", host, PING, "type='get'").frame("wall-over"))
    for each in everybody:
        await each.refusal("wall-over")
        words = (WORD,) if each is beside else (WORD, group)
        told = [f for f in each.heard if any(word in unescape(f) for word in words)]
        told = [f for f in told if "type='error'" not in f and 'type="error"' not in f]
        report("wall-told", "[]", str(told))


async def stolen_channels(
    http: aiohttp.ClientSession, leading: Crook, target: Crook, report: Report
) -> None:
    """Channels of another conference, or of an endpoint there, with a password of one's own."""
    own, _, password = leading.channel.partition("?")
    theirs = target.channel.partition("?")[0]

    def at(conference: str, endpoint: str) -> str:
        return f"{conference.rpartition('/')[0]}/{endpoint}?{password}"

    for name, url in (
        ("wall-channel", at(theirs, target.endpoint)),
        ("wall-channel-own-id", at(theirs, leading.endpoint)),
        ("wall-channel-stolen-id", at(own, target.endpoint)),
    ):
        report(name, "403", await refused(http, url))
