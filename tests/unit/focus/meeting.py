"""A conference core with a scripted bridge and people: the arrangement of the focus' tests."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from tertulia.focus import features as F
from tertulia.focus.answers import bridge_answered
from tertulia.focus.brewery import Brewery
from tertulia.focus.conference import Conference
from tertulia.focus.limits import ConferenceLimits
from tertulia.focus.mute_requests import mute_request
from tertulia.focus.orders import Answer, AskBridge, AskOccupant, LeaveRoom, Order, Publish
from tertulia.focus.participant import Occupant
from tertulia.focus.requests import jingle_request
from tertulia.focus.timers import next_timeout, tick
from tertulia.xmpp.colibri2 import (
    ConferenceModified,
    EndpointReport,
    MediaSource,
    Refusal,
)
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle import Action, Content, Jingle
from tertulia.xmpp.jingle_ice import Candidate, Fingerprint, IceUdpTransport
from tertulia.xmpp.jingle_rtp import EndpointSources, Media, RtpDescription, Source
from tertulia.xmpp.xml import Element, parse_document

ROOM = Jid("plaza", "conference.meet.example")
BREWERY = Jid("jvbbrewery", "internal.auth.meet.example")
BROWSER = frozenset({F.AUDIO, F.VIDEO, F.RTX, F.TRANSPORT_CC, F.JSON_SOURCES})
TRANSPORT = IceUdpTransport(
    ufrag="bridge",
    pwd="p" * 24,
    fingerprints=(Fingerprint(hash="sha-256", value="AB:CD"),),
    candidates=(Candidate(ip="192.0.2.1", port=10000, priority=1),),
    web_sockets=("wss://meet.example/colibri-ws/br1/9f3c/x?pwd=y",),
    rtcp_mux=True,
)
FEEDBACK = tuple(
    MediaSource(id=name, type=kind, sources=(Source(ssrc=ssrc, name=name),))
    for name, kind, ssrc in (("jvb-a0", Media.AUDIO, 901), ("jvb-v0", Media.VIDEO, 902))
)


def announcement(**stats: str) -> Element:
    values = {"drain": "false", "stress_level": "0.1", "relay_id": "br1"} | stats
    text = "".join(f"<stat name='{name}' value='{value}'/>" for name, value in values.items())
    return parse_document(
        "<presence xmlns='jabber:client'>"
        f"<stats xmlns='http://jitsi.org/protocol/colibri'>{text}</stats></presence>"
    )


def voice(nick: str, ssrc: int) -> EndpointSources:
    return EndpointSources(
        audio=(Source(ssrc=ssrc, name=f"{nick}-a0", msid=f"{nick}-audio-{ssrc} t"),)
    )


def as_contents(sources: EndpointSources) -> tuple[Content, ...]:
    return tuple(
        Content(
            name=media.value,
            description=RtpDescription(
                media=media, sources=sources.of(media)[0], groups=sources.of(media)[1]
            ),
        )
        for media in Media
    )


@dataclass
class Meeting:
    """Drives one `Conference`; keeps all orders it gave, and what happened at what time."""

    limits: ConferenceLimits = field(default_factory=ConferenceLimits)
    bridges: tuple[str, ...] = ("br1",)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.brewery = Brewery()
        for name in self.bridges:
            self.bridge_arrives(name)
        self.known = F.FeatureCache()
        numbers = itertools.count(1)
        self.conference = Conference(
            ROOM,
            meeting_id="m1",
            brewery=self.brewery,
            known_features=self.known,
            new_id=lambda: f"id{next(numbers)}",
            now=self.now,
            created_ms=0,
            limits=self.limits,
        )
        self.orders: list[Order] = []
        self.bridge_answers = True

    # -- what happens

    def bridge_arrives(self, name: str, **stats: str) -> Jid:
        jid = BREWERY.with_resource(name)
        self.brewery.announced(jid, announcement(**stats), self.now)
        return jid

    def note(self, orders: list[Order]) -> list[Order]:
        """Keep orders; the bridge answers its own at once, if it does at all."""
        self.orders += orders
        for order in orders:
            if isinstance(order, AskBridge) and self.bridge_answers:
                self.answer(order, self.success(order))
        return orders

    def success(self, order: AskBridge) -> ConferenceModified:
        reports = [
            EndpointReport(id=e.id, transport=TRANSPORT if e.create else None)
            for e in order.modify.endpoints
        ]
        return ConferenceModified(endpoints=tuple(reports), sources=FEEDBACK)

    def answer(self, order: AskBridge, answer: ConferenceModified | Refusal | None) -> None:
        self.note(bridge_answered(self.conference, order, answer, self.now))

    def joins(self, nick: str, features: frozenset[str] = BROWSER, **facts: Any) -> None:
        jid = Jid(nick, "meet.example", "r")
        occupant = Occupant(nick=nick, jid=jid, **facts)
        self.note(self.conference.occupant_present(occupant, self.now))
        self.note(self.conference.features_known(jid, nick, features, self.now))

    def leaves(self, nick: str) -> None:
        self.note(self.conference.occupant_left(nick, self.now))

    def says(self, nick: str, jingle: Jingle) -> PeerAnswer:
        return self.sends(nick, jingle.element())

    def sends(self, nick: str, payload: Element) -> PeerAnswer:
        request = Element("iq", {"type": "set", "id": f"{nick}-{len(self.orders)}"})
        request.append(payload)
        if payload.name == "mute":
            self.note(mute_request(self.conference, nick, request, payload))
        else:
            self.note(jingle_request(self.conference, nick, request, payload, self.now))
        return PeerAnswer(self, request)

    def accepts(self, nick: str, sources: EndpointSources | None = None) -> PeerAnswer:
        return self.says(nick, self.accepting(nick, sources))

    def accepting(self, nick: str, sources: EndpointSources | None = None) -> Jingle:
        transport = IceUdpTransport(
            ufrag="cl13",
            pwd="q" * 24,
            fingerprints=(Fingerprint(hash="sha-256", value="12:34", setup="active"),),
        )
        contents = as_contents(sources or EndpointSources())
        first = Content(name="audio", description=contents[0].description, transport=transport)
        return Jingle(
            action=Action.SESSION_ACCEPT, sid=self.sid(nick), contents=(first, *contents[1:])
        )

    def everybody(self, *nicks: str) -> None:
        """All join, and accept, each with one voice."""
        for nick in nicks:
            self.joins(nick)
        for number, nick in enumerate(nicks):
            self.accepts(nick, voice(nick, 100 + number))

    def passes(self, seconds: float) -> None:
        """Let time pass, with every timer on the way."""
        until = self.now + seconds
        while (due := next_timeout(self.conference)) is not None and due <= until:
            self.now = max(due, self.now)
            self.note(tick(self.conference, self.now))
        self.now = until

    def source_change(self, nick: str, action: Action, sources: EndpointSources) -> PeerAnswer:
        return self.says(
            nick, Jingle(action=action, sid=self.sid(nick), contents=as_contents(sources))
        )

    # -- what can be seen

    def sid(self, nick: str) -> str:
        return self.conference.participants[nick].sid

    def told(self, nick: str, action: Action | None = None) -> list[Jingle]:
        """The Jingle an occupant received, in order."""
        found = [
            Jingle.parse(order.payload)
            for order in self.orders
            if isinstance(order, AskOccupant)
            and order.nick == nick
            and order.payload.name == "jingle"
        ]
        return [each for each in found if action in (None, each.action)]

    def asked(self) -> list[AskBridge]:
        return [order for order in self.orders if isinstance(order, AskBridge)]

    def published(self) -> list[str]:
        """The names of what the focus' last presence held beside the properties."""
        last = [order for order in self.orders if isinstance(order, Publish)][-1]
        return [child.name for child in last.children[1:]]

    @property
    def has_ended(self) -> bool:
        return any(isinstance(order, LeaveRoom) for order in self.orders)


@dataclass
class PeerAnswer:
    meeting: Meeting
    request: Element

    @property
    def conditions(self) -> list[str]:
        """One per answer to the request: "result" or the error's condition."""
        return [
            "result" if order.error is None else order.error.condition
            for order in self.meeting.orders
            if isinstance(order, Answer) and order.request is self.request
        ]
