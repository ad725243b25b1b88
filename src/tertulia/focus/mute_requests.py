"""Requests to mute (signalling reference 6.1): who may ask for what, and what comes of it."""

from __future__ import annotations

from tertulia.errors import MalformedInput, PeerError
from tertulia.focus.conference import Conference
from tertulia.focus.muting import NAMESPACES
from tertulia.focus.orders import Answer, Noted, Order
from tertulia.focus.participant import Participant
from tertulia.focus.requests import sender_of
from tertulia.rooms.rights import MediaKind
from tertulia.xmpp.errors import BadRequest, ItemNotFound, NotAllowed
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element


def mute_request(
    conference: Conference, nick: str, request: Element, payload: Element
) -> list[Order]:
    """Obey `<mute/>`: a moderator mutes somebody, or somebody changes itself.

    A `jid` that is the room's own address means everybody but the sender: one request instead of
    one for each, which is ours; those who are muted get what stock clients expect.
    """
    try:
        kind = NAMESPACES[payload.ns]
        sender = sender_of(conference, nick)
        targets = _targets(conference, sender, payload)
        wants_mute = payload.text.strip() == "true"
        if targets != [sender]:
            if not wants_mute:
                raise NotAllowed("nobody can be unmuted by another")
            if not sender.occupant.is_moderator:
                raise NotAllowed("only moderators mute others")
            conference.order(Answer(request))
            conference.muting.mute(targets, kind, nick)
            names = ",".join(each.nick for each in targets)
            conference.order(
                Noted(f"Muted: room={conference.room} kind={kind} endpoint={names} by={nick}")
            )
        elif wants_mute:
            conference.order(Answer(request))  # nothing to do for us: its client sends nothing
        else:
            _unmute(conference, sender, kind, request)
    except PeerError as error:
        conference.order(Answer(request, error))
    return conference.taken()


def _unmute(
    conference: Conference, participant: Participant, kind: MediaKind, request: Element
) -> None:
    if kind not in participant.occupant.may_send:
        raise NotAllowed(f"a moderator has to allow you to send {kind}")
    conference.order(Answer(request))
    conference.muting.unmute(participant, kind)


def _targets(conference: Conference, sender: Participant, payload: Element) -> list[Participant]:
    text = payload.get("jid")
    if not text:
        return [sender]
    try:
        jid = Jid.parse(text)
    except MalformedInput:
        raise BadRequest("the jid to mute is not an address") from None
    if jid == conference.room:
        return [
            each
            for each in conference.participants.values()
            if each is not sender and not each.occupant.is_internal
        ]
    target = conference.participants.get(jid.resource)
    if target is None or jid.bare != conference.room:
        raise ItemNotFound("nobody of that name is in the conference")
    return [target]
