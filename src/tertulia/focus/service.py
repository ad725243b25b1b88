"""The focus as a part of the control process: a session in the router around the conference cores.

It is bound as `focus@auth.H/focus`, answers conference requests at `focus.H` and sits in the
brewery room; what the cores order is carried out in `focus.carrying`. No rule of
the protocol lives here.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence

from tertulia.errors import MalformedInput
from tertulia.focus.answers import bridge_reported
from tertulia.focus.asking import Asking, Then
from tertulia.focus.brewery import Brewery, Bridge
from tertulia.focus.bridges import Bridges
from tertulia.focus.carrying import Carrier
from tertulia.focus.component import Entrance, OpenEntrance
from tertulia.focus.conference import FOCUS_NICK, Conference
from tertulia.focus.features import Caps, FeatureCache
from tertulia.focus.moves import bridge_closing, bridge_lost, bridges_changed
from tertulia.focus.mute_requests import mute_request
from tertulia.focus.muting import NAMESPACES
from tertulia.focus.participant import Occupant, shares_screen
from tertulia.focus.reception import Reception, no_breakouts
from tertulia.focus.requests import jingle_request
from tertulia.focus.settings import FocusAddresses, FocusSettings
from tertulia.focus.surviving import ConferenceState, ParticipantState, load
from tertulia.focus.totals import Totals
from tertulia.focus.voice import Voice
from tertulia.rooms.rights import EVERY_KIND, MediaKind
from tertulia.xmpp import ns as NS
from tertulia.xmpp.colibri2 import ConferenceModified
from tertulia.xmpp.disco import DiscoInfo, Identity
from tertulia.xmpp.errors import BadRequest
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Router
from tertulia.xmpp.stanza import address, payload_of
from tertulia.xmpp.xml import Element, iq_result

log = logging.getLogger("tertulia.focus")

_TURN_S = 0.002  # of each turn of the event loop, for what many say at once

_DISCO = DiscoInfo(
    identities=(Identity(category="client", type="bot", name="focus"),),
    features=(NS.DISCO_INFO, NS.PING, NS.JINGLE),
)


class Focus:
    """Bind it with `start`; it routes through `router` from then on."""

    def __init__(
        self,
        *,
        router: Router,
        addresses: FocusAddresses,
        settings: FocusSettings | None = None,
        entrance: Entrance | None = None,
        meeting_id_of: Callable[[Jid], str | None] = lambda room: None,
        may_send: Callable[[Jid, str], frozenset[MediaKind]] = lambda room, nick: EVERY_KIND,
        may_hold_breakout: Callable[[Jid, Jid | None], None] = no_breakouts,
        on_asked: Callable[[Jid, str], None] = lambda asked_by, machine_uid: None,
        on_created: Callable[[Jid, int | None, int | None], None] = lambda room, audio, video: None,
    ) -> None:
        """
        Args:
            entrance: who may have a conference; without it everybody may.
            meeting_id_of: tells the id that an open room has given its meeting, if it has one.
            may_send: tells what a room lets somebody send, by the nickname; whoever gives it calls
                `rights_changed` when the answers are others.
            may_hold_breakout: raises PeerError unless the breakout room may be held, because this
                one asks for it.
            on_asked: told who asks for a conference, and the id its browser keeps.
            on_created: told a new conference's room, and from how many people on newcomers shall
                start without microphone and without camera, as far as who asked for it said so.
        """
        self.addresses = addresses
        self.settings = settings or FocusSettings()
        self.brewery = Brewery(self.settings.brewery, self.settings.region_groups)
        self.conferences: dict[Jid, Conference] = {}
        self.totals = Totals()
        self._router = router
        self._may_send = may_send
        self._voice = Voice(router, addresses.jid)
        self._asking = Asking(self._voice.send)
        self._features = FeatureCache()
        self._carrier = Carrier(
            self.conferences, self._voice, self._asking, self._features, self.settings
        )
        self.reception = Reception(
            router=router,
            voice=self._voice,
            addresses=addresses,
            settings=self.settings,
            conferences=self.conferences,
            totals=self.totals,
            entrance=entrance or OpenEntrance(),
            meeting_id_of=meeting_id_of,
            may_hold_breakout=may_hold_breakout,
            on_asked=on_asked,
            on_created=on_created,
            new_conference=self._new,
            carry_out=self._carrier.carry_out,
        )
        self._inbox: deque[Element] = deque()
        self._bridges = Bridges(
            self.brewery,
            self._asking,
            self.totals,
            sender=self.jid,
            interval_s=self.settings.health_interval_s,
            timeout_s=self.settings.health_timeout_s,
            on_gone=self._bridge_gone,
            on_news=self._bridge_news,
        )
        self._is_stopping = False

    # -- life

    @property
    def jid(self) -> Jid:
        return self.addresses.jid

    def start(self) -> None:
        """Bind the session, serve the component, join the brewery. Needs a running loop."""
        self._router.bind(self)
        self._router.serve(self.addresses.component.domain, self.reception.handle)
        self._voice.join(self.addresses.brewery)

    def stop(self) -> None:
        """End all conferences and leave; what bridges answer is not waited for."""
        self._is_stopping = True
        for conference in list(self.conferences.values()):
            self._carrier.carry_out(conference, conference.end("the server stops"))
        self._voice.leave(self.addresses.brewery)
        self._router.unbind(self)
        self._asking.close()
        self._bridges.close()
        self._carrier.close()

    def watch(self, on_touched: Callable[[Conference], None]) -> None:
        """Have it told of each conference that may have changed."""
        self._carrier.on_touched = on_touched

    def restore(self, state: ConferenceState, participants: Sequence[ParticipantState]) -> None:
        """Go on with a conference of a former process; its room has been taken over before."""
        conference = self._new(state.room, state.meeting_id, state.created_ms)
        load(conference, state, participants, self._now())
        self.conferences[state.room] = conference
        self._carrier.carry_out(conference, conference.taken())
        # The room may have been written down a moment later than we: it tells who is there.
        self._voice.join(state.room, *conference.presence())

    def can_meet(self, now: float) -> bool:
        """Whether a conference asked for at `now` would find a bridge."""
        bridge = self.brewery.select(now)
        return bridge is not None and bool(bridge.stats)

    def ask_bridge(self, request: Element, within_s: float, then: Then) -> None:
        """Send an IQ to a bridge in our name; `then` is called with the answer, or None."""
        request.attrs["from"] = str(self.jid)
        self._asking.ask(request, within_s, then)

    # -- stanzas in

    def deliver(self, stanza: Element) -> None:
        """Queue a stanza for the focus user (`Session`)."""
        if self._is_stopping:
            return
        if not self._inbox:
            asyncio.get_running_loop().call_soon(self._drain)
        self._inbox.append(stanza)

    def settle(self) -> None:
        """Look at once at everything that was delivered."""
        while self._inbox:
            self._receive(self._inbox.popleft())

    def _drain(self) -> None:
        until = self._now() + _TURN_S
        try:
            while self._inbox and self._now() < until:
                self._receive(self._inbox.popleft())
        finally:  # a bug in one stanza's handling must not cost the others theirs
            if self._inbox:
                asyncio.get_running_loop().call_soon(self._drain)

    def _receive(self, stanza: Element) -> None:
        sender = address(stanza.get("from"))
        if sender is None:
            return
        if stanza.name == "presence":
            if sender.bare == self.addresses.brewery:
                self._brewery_presence(sender, stanza)
            elif sender.domain in (self.addresses.rooms, self.addresses.breakouts):
                self._room_presence(sender, stanza)
        elif stanza.name == "iq" and stanza.get("type") in ("get", "set"):
            self._request(sender, stanza)
        elif stanza.name == "iq":
            self._asking.feed(stanza)

    def _request(self, sender: Jid, request: Element) -> None:
        payload = payload_of(request)
        conference = self.conferences.get(sender.bare)
        if payload is None:
            self._voice.refuse(request, BadRequest("one payload was expected"))
        elif self.brewery.get(sender) is not None and payload.name == "conference-modified":
            self._bridge_reports(sender, request, payload)
        elif conference is not None and (payload.name, payload.ns) == ("jingle", NS.JINGLE):
            orders = jingle_request(conference, sender.resource, request, payload, self._now())
            self._carrier.carry_out(conference, orders)
        elif conference is not None and payload.name == "mute" and payload.ns in NAMESPACES:
            orders = mute_request(conference, sender.resource, request, payload)
            self._carrier.carry_out(conference, orders)
        else:
            self._voice.answer(request, payload, _DISCO)

    def _new(self, room: Jid, meeting_id: str, created_ms: int) -> Conference:
        return Conference(
            room,
            meeting_id=meeting_id,
            brewery=self.brewery,
            known_features=self._features,
            new_id=lambda: secrets.token_hex(8),
            now=self._now(),
            created_ms=created_ms,
            limits=self.settings.conference,
            totals=self.totals,
        )

    def rights_changed(self, room: Jid, actor: str) -> None:
        """`may_send` answers differently for somebody in this room, because of `actor`."""
        conference = self.conferences.get(room)
        if conference is not None:
            may_send = {nick: self._may_send(room, nick) for nick in conference.participants}
            conference.muting.rights_changed(may_send, actor)
            self._carrier.carry_out(conference, conference.taken())

    # -- presence

    def _room_presence(self, sender: Jid, presence: Element) -> None:
        conference = self.conferences.get(sender.bare)
        if conference is None:
            return
        kind = presence.get("type")
        if sender.resource == FOCUS_NICK:
            if kind in ("unavailable", "error"):
                log.warning("Focus is out of the room: room=%s", sender.bare)
                self._carrier.carry_out(conference, conference.end("the focus was removed"))
            return
        if kind == "unavailable":
            orders = conference.occupant_left(sender.resource, self._now())
        elif kind == "":
            occupant = self._occupant(sender, presence)
            if occupant is None:
                return
            orders = conference.occupant_present(occupant, self._now())
        else:
            return
        self._carrier.carry_out(conference, orders)

    def _occupant(self, sender: Jid, presence: Element) -> Occupant | None:
        about = presence.find("x", NS.MUC_USER)
        item = about.find("item") if about is not None else None
        jid = address(item.get("jid")) if item is not None else None
        if item is None or jid is None:
            return None
        origin = self._router.origin(jid)
        stats_id = presence.find("stats-id", "*")
        region = presence.find("jitsi_participant_region", "*")
        return Occupant(
            nick=sender.resource,
            jid=jid,
            is_moderator=item.get("role") == "moderator",
            is_owner=item.get("affiliation") == "owner",
            caps=Caps.of(presence),
            stats_id=stats_id.text[:64] if stats_id is not None else "",
            region=region.text[:64] if region is not None else "",
            host=origin.host if origin is not None and origin.host else None,
            is_internal=jid.domain == self.jid.domain,
            may_send=self._may_send(sender.bare, sender.resource),
            shares_screen=shares_screen(presence),
        )

    def _brewery_presence(self, sender: Jid, presence: Element) -> None:
        if sender.resource != FOCUS_NICK:
            self._bridges.presence(sender, presence)
        elif presence.get("type") in ("unavailable", "error"):
            log.error("Focus is out of the brewery: room=%s", sender.bare)
            self._bridges.all_gone()

    def _bridge_news(self, bridge: Bridge, is_new: bool) -> None:
        now = self._now()
        for conference in list(self.conferences.values()):
            if bridge.is_shutting_down:
                self._carrier.carry_out(conference, bridge_closing(conference, bridge.jid, now))
            elif is_new:
                self._carrier.carry_out(conference, bridges_changed(conference, now))

    def _bridge_gone(self, jid: Jid) -> None:
        for conference in list(self.conferences.values()):
            self._carrier.carry_out(conference, bridge_lost(conference, jid, self._now()))

    def _bridge_reports(self, sender: Jid, request: Element, payload: Element) -> None:
        """Endpoints that a bridge gave up by itself (`ConferenceModified`)."""
        try:
            report = ConferenceModified.parse(payload)
        except MalformedInput as error:
            self._voice.refuse(request, BadRequest(str(error)))
            return
        self._voice.send(iq_result(request))
        for conference in self.conferences.values():
            bridge = conference.bridge
            is_its = bridge is not None and bridge.jid == sender
            if conference.meeting_id == report.meeting_id and is_its:
                orders = bridge_reported(conference, report.endpoints, self._now())
                self._carrier.carry_out(conference, orders)
                break

    # -- within

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
