"""One conference as the focus leads it: who is there, on which bridge, told of what.

A core without sockets and clock: room presence, answers and requests in, orders out
(`focus.orders`); `next_timeout` says when it wants `tick`. States: reference bridge 5.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tertulia.focus import features as F
from tertulia.focus import speech
from tertulia.focus.brewery import Brewery, Bridge
from tertulia.focus.limits import ConferenceLimits
from tertulia.focus.offer import media_offer
from tertulia.focus.orders import (
    Answer,
    AskBridge,
    AskOccupant,
    Discover,
    LeaveRoom,
    Noted,
    Order,
    Publish,
    Purpose,
)
from tertulia.focus.participant import Occupant, Participant, RateLimit, SessionState
from tertulia.focus.sources import ConferenceSources, for_bridge
from tertulia.focus.stay import BridgeStay
from tertulia.focus.telling import Telling
from tertulia.focus.totals import Totals
from tertulia.xmpp import ns as NS
from tertulia.xmpp.colibri2 import (
    SOURCE_NAMES,
    ConferenceModify,
    EndpointOrder,
    TransportOrder,
)
from tertulia.xmpp.errors import ResourceConstraint
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle import Action, BridgeSession, Jingle, Reason
from tertulia.xmpp.jingle_ice import IceUdpTransport
from tertulia.xmpp.jingle_rtp import EndpointSources
from tertulia.xmpp.xml import Element

FOCUS_NICK = "focus"


class Conference:
    """The conference of one room. Times are seconds of one monotonic clock."""

    def __init__(
        self,
        room: Jid,
        *,
        meeting_id: str,
        brewery: Brewery,
        known_features: F.FeatureCache,
        new_id: Callable[[], str],
        now: float,
        created_ms: int,
        limits: ConferenceLimits | None = None,
        totals: Totals | None = None,
    ) -> None:
        self.room = room
        self.meeting_id = meeting_id
        self.limits = limits or ConferenceLimits()
        self.totals = totals if totals is not None else Totals()
        self.participants: dict[str, Participant] = {}
        self.sources = ConferenceSources()
        self.telling = Telling(self.sources, self.participants, self.limits, self._say_sources)
        self.has_ended = False
        self.brewery = brewery
        self._known_features = known_features
        self._new_id = new_id
        self._created_ms = created_ms
        self.stay: BridgeStay | None = None
        self._start_by: float | None = now + self.limits.start_timeout_s
        self._idle_at: float | None = None
        self._without_bridge_since: float | None = None
        self._retry_at: float | None = None
        self._says_unavailable = False
        self._moves = RateLimit(0.0, 10)
        self._orders: list[Order] = []
        self._published = self._facts()

    # -- what others may ask

    @property
    def bridge(self) -> Bridge | None:
        return self.stay.bridge if self.stay is not None else None

    @property
    def is_bridge_reachable(self) -> bool:
        return self.stay is not None and self.stay.is_reachable

    @property
    def bridge_session_id(self) -> str:
        return self.stay.id if self.stay is not None else ""

    @property
    def focus_jid(self) -> Jid:
        """The occupant address clients know the focus by."""
        return self.room.with_resource(FOCUS_NICK)

    def presence(self) -> tuple[Element, ...]:
        """The children of the focus' own presence (reference signalling 4.5)."""
        values = {
            "support-terminate-restart": "true",
            "bridge-count": "1" if self.stay is not None else "0",
            "created-ms": str(self._created_ms),
        }
        properties = Element("conference-properties", ns=NS.FOCUS)
        for key, value in values.items():
            properties.append(Element("property", {"key": key, "value": value}))
        if not self._says_unavailable:
            return (properties,)
        return (properties, Element("bridgeNotAvailable", ns=NS.FOCUS))

    def _facts(self) -> tuple[bool, bool]:
        """What can change in `presence`."""
        return self.stay is not None, self._says_unavailable

    # -- the room

    def requested(self, now: float) -> None:
        """Somebody was told that this conference is ready: keep it until it can have joined."""
        self._start_by = now + self.limits.start_timeout_s

    def occupant_present(self, occupant: Occupant, now: float) -> list[Order]:
        """An available presence: somebody joined, or changed role or capabilities."""
        known = self.participants.get(occupant.nick)
        if known is not None and known.occupant.jid == occupant.jid:
            known.occupant = occupant
            return self.taken()
        if known is not None:  # the nick changed hands without a farewell
            self._forget(known, now)
        participant = Participant(occupant, features_by=now + self.limits.features_timeout_s)
        self.participants[occupant.nick] = participant
        self.totals.participants += 1
        self._start_by = None
        participant.features = self._known_features.get(occupant.caps)
        if participant.features is None:
            self.order(Discover(occupant.nick, occupant.jid, occupant.caps))
        self._idle_at = None
        self.invite_all(now)
        return self.taken()

    def occupant_left(self, nick: str, now: float) -> list[Order]:
        participant = self.participants.get(nick)
        if participant is None:
            return []
        self._forget(participant, now)
        if not self.participants:
            if self._start_by is None:
                self._end("the last participant left")
        elif len(self.participants) < self.limits.min_participants:
            self._idle_at = now + self.limits.idle_timeout_s
        return self.taken()

    def _forget(self, participant: Participant, now: float) -> None:
        self.leave_bridge(participant, SessionState.ENDED)
        del self.participants[participant.nick]
        # At once: a client with SSRC rewriting does not remove the sources of who left by itself.
        self.telling.all(now, at_once=True)

    def features_known(self, jid: Jid, nick: str, features: F.Features, now: float) -> list[Order]:
        """The answer to `Discover`, or what to assume without one."""
        participant = self.participants.get(nick)
        if participant is not None and participant.occupant.jid == jid:
            self._set_features(participant, features, now)
        return self.taken()

    def _set_features(self, participant: Participant, features: F.Features, now: float) -> None:
        if participant.features is None:
            participant.features = features
            self.invite_all(now)

    def end(self, reason: str) -> list[Order]:
        """End the conference: the room is gone, or the focus shuts down."""
        self._end(reason)
        return self.taken()

    def _end(self, reason: str) -> None:
        if self.has_ended:
            return
        self.has_ended = True
        self._expire_stay()
        self.order(LeaveRoom(reason))

    # -- invitations

    def invite_all(self, now: float) -> None:
        if len(self.participants) < self.limits.min_participants or self.has_ended:
            self._without_bridge_since, self._says_unavailable = None, False
            return
        for participant in list(self.participants.values()):
            if participant.state is SessionState.NONE and participant.features is not None:
                self._allocate(participant, participant.features, now)

    def _allocate(self, participant: Participant, features: F.Features, now: float) -> None:
        media = media_offer(features)
        if not media:
            participant.state = SessionState.ENDED
            return
        stay = self.stay or self._choose_bridge(now)
        if stay is None or not stay.is_reachable:
            self._miss_bridge(now)
            return
        order = EndpointOrder(
            id=participant.nick,
            stats_id=participant.occupant.stats_id,
            muc_role=participant.occupant.muc_role,
            create=True,
            capabilities=frozenset({SOURCE_NAMES}),
            media=media,
            transport=TransportOrder(ice_controlling=True),
        )
        participant.state = SessionState.ALLOCATING
        participant.serial += 1
        self.ask_bridge(
            Purpose.ALLOCATE,
            ConferenceModify(
                meeting_id=self.meeting_id,
                name=str(self.room) if not stay.is_created else "",
                create=not stay.is_created,
                endpoints=(order,),
            ),
            participant,
        )
        stay.is_created = True
        stay.endpoints.add(participant.nick)
        self.brewery.endpoint_added(stay.bridge.jid, now)

    def _choose_bridge(self, now: float) -> BridgeStay | None:
        bridge = self.brewery.select(now, self._region())
        if bridge is None:
            return None
        self.stay = BridgeStay(bridge, self._new_id())
        self._retry_at = None
        self.note(f"Selected bridge: {bridge} room={self.room} meeting={self.meeting_id}")
        return self.stay

    def _miss_bridge(self, now: float) -> None:
        """Somebody waits for a bridge and there is none: try again, alarm after a while."""
        self._retry_at = now + self.limits.bridge_retry_s
        if self._without_bridge_since is None:
            self._without_bridge_since = now
            self.note(f"No bridge available: room={self.room}", is_warning=True)

    def _region(self) -> str:
        """The region of who came first among those who tell one."""
        return next(
            (p.occupant.region for p in self.participants.values() if p.occupant.region), ""
        )

    def offer(self, participant: Participant, transport: IceUdpTransport) -> None:
        """The bridge has a transport for this participant: send the session-initiate."""
        stay = self.stay
        if stay is None:
            return
        self._without_bridge_since, self._says_unavailable = None, False
        participant.told = self.telling.wanted_by(participant)
        participant.sid = self._new_id()
        participant.state = SessionState.OFFERED
        offer = speech.initiate(
            participant,
            self.focus_jid,
            transport=transport,
            feedback=stay.feedback,
            bridge_session=BridgeSession(id=stay.id, region=stay.bridge.region),
        )
        self._say(participant, offer, serial=participant.serial)

    def offer_failed(self, nick: str, serial: int, now: float) -> list[Order]:
        """A session-initiate was refused or not acknowledged."""
        participant = self.participants.get(nick)
        if participant is not None and participant.serial == serial:
            self.totals.invitations_failed += 1
            self.note(f"Invitation failed: room={self.room} endpoint={nick}", is_warning=True)
            self.leave_bridge(participant, SessionState.ENDED)
            self.telling.all(now)
        return self.taken()

    def renew_transport(self, participant: Participant, transport: IceUdpTransport) -> None:
        """Pass on the bridge's new credentials of an ICE restart in place."""
        self._say(participant, speech.transport_info(participant, self.focus_jid, transport))

    # -- bridges

    def bridges_changed(self, now: float) -> list[Order]:
        """A bridge appeared: the one we lost, perhaps, or one to go to."""
        stay = self.stay
        if stay is None:
            self.invite_all(now)
        elif stay.lost_at is not None:
            back = self.brewery.get(stay.bridge.jid)
            if back is not None and back.instance and back.instance == stay.bridge.instance:
                self._resume(stay, back, now)
            elif self.brewery.select(now, self._region()) is not None:
                self.move(now, expire=False)
        elif stay.bridge.is_shutting_down:
            self.bridge_closing(stay.bridge.jid, now)
        return self.taken()

    def bridge_lost(self, jid: Jid, now: float) -> list[Order]:
        """A bridge left the brewery, or does not work: move elsewhere if we were there.

        Without another bridge nothing is ended yet. Only the way to us may be cut: then media goes
        on, and the bridge comes back with it; else it comes back without, and we move to it.
        """
        stay = self.stay
        if stay is None or stay.bridge.jid != jid:
            return []
        if stay.lost_at is None:
            self.note(f"Bridge lost: room={self.room} {stay.bridge}", is_warning=True)
            stay.lost_at = now
        if self.brewery.select(now, self._region()) is not None:
            self.move(now, expire=self.brewery.get(jid) is not None)
        return self.taken()

    def bridge_closing(self, jid: Jid, now: float) -> list[Order]:
        """A bridge shuts down: move elsewhere, if there is somewhere else."""
        if self.stay is not None and self.stay.bridge.jid == jid:
            other = self.brewery.select(now, self._region())
            if other is not None and other.jid != jid:
                self.move(now, expire=True)
        return self.taken()

    def _resume(self, stay: BridgeStay, bridge: Bridge, now: float) -> None:
        """The bridge was cut off and is back with its conferences: bring both sides to agree."""
        self.note(f"Bridge is back: room={self.room} {bridge}")
        stay.bridge, stay.lost_at = bridge, None
        for nick in stay.endpoints - self.participants.keys():
            self._expire_endpoint(stay, nick)
        for participant in self.participants.values():
            if participant.state is SessionState.ACTIVE:
                # What is gone there is refused, and then invited anew.
                sources = for_bridge(self.sources.of(participant.nick))
                order = EndpointOrder(id=participant.nick, sources=sources)
                modify = ConferenceModify(meeting_id=self.meeting_id, endpoints=(order,))
                self.ask_bridge(Purpose.UPDATE, modify, participant)
            elif participant.state.is_on_bridge:
                self._terminate(participant, Reason("success", "moving"))
                self.leave_bridge(participant, SessionState.NONE)
        self.invite_all(now)

    def move(self, now: float, *, expire: bool) -> None:
        """Leave the bridge with everybody and invite them anew (reference signalling 5.8).

        Args:
            expire: tell the bridge to forget the conference.
        """
        if self.stay is not None and not self._moves.allow(now):
            self.brewery.failed(self.stay.bridge.jid, now)  # it refuses again and again
        if expire:
            self._expire_stay()
        moving = [p for p in self.participants.values() if p.state.is_on_bridge]
        for participant in moving:
            self._terminate(participant, Reason("success", "moving"))
            self.sources.forget(participant.nick)
            participant.end_session(SessionState.NONE)
        self.stay = None
        self.totals.participants_moved += len(moving)
        self.invite_all(now)

    def endpoint_lost(self, participant: Participant, reason: str, now: float) -> None:
        """The bridge gave this endpoint up. Unless its person is leaving just now, invite again."""
        self.totals.endpoints_lost += 1
        self.note(
            f"Endpoint lost by its bridge: room={self.room} endpoint={participant.nick} "
            f"reason={reason!r}",
            is_warning=True,
        )
        if self.stay is not None:
            self.stay.endpoints.discard(participant.nick)
        participant.lost_at = now

    def _expire_stay(self) -> None:
        if self.stay is not None and self.stay.is_created:
            modify = ConferenceModify(meeting_id=self.meeting_id, expire=True)
            self.ask_bridge(Purpose.EXPIRE, modify)
        self.stay = None

    def leave_bridge(self, participant: Participant, state: SessionState) -> None:
        """Take one participant off the bridge; it is told nothing here."""
        was_on_bridge = participant.state.is_on_bridge
        self.sources.forget(participant.nick)
        participant.end_session(state)
        stay = self.stay
        if stay is None or not was_on_bridge:
            return
        if stay.is_reachable and not stay.endpoints - {participant.nick}:
            # The bridge expires an empty conference by itself; to say it keeps both sides sure.
            self._expire_stay()
            return
        self._expire_endpoint(stay, participant.nick)

    def _expire_endpoint(self, stay: BridgeStay, nick: str) -> None:
        order = EndpointOrder(id=nick, expire=True)
        modify = ConferenceModify(meeting_id=self.meeting_id, endpoints=(order,))
        self.ask_bridge(Purpose.EXPIRE, modify)
        if stay.is_reachable:
            stay.endpoints.discard(nick)

    def reinvite(self, participant: Participant, now: float) -> None:
        """Give one participant a new session, unless that happens too often."""
        self._terminate(participant, Reason("success", "moving"))
        allowed = participant.reinvites.allow(now)
        self.leave_bridge(participant, SessionState.NONE if allowed else SessionState.ENDED)
        self.telling.all(now)
        self.invite_all(now)

    def _terminate(self, participant: Participant, reason: Reason) -> None:
        if participant.state.is_signalled:
            self._say(
                participant,
                speech.terminate(participant, self.focus_jid, reason, self.bridge_session_id),
            )

    # -- time

    def next_timeout(self) -> float | None:
        """When `tick` is wanted at the latest."""
        times = [
            self._start_by,
            self._idle_at,
            self._retry_at,
            self._alarm_at(),
            self._hold_until(),
        ]
        for participant in self.participants.values():
            times.append(participant.tell_at)
            times.append(self._reinvite_at(participant))
            if participant.features is None:
                times.append(participant.features_by)
        return min((time for time in times if time is not None), default=None)

    def tick(self, now: float) -> list[Order]:
        """Do what is due at `now`."""
        if self._start_by is not None and now >= self._start_by:
            self._start_by = None
            if not self.participants:
                self._end("nobody came")
                return self.taken()
        if self._idle_at is not None and now >= self._idle_at:
            self._idle_at = None
            self._end_idle_session()
        for participant in list(self.participants.values()):
            if participant.features is None and now >= participant.features_by:
                self._set_features(participant, F.UNKNOWN_CLIENT, now)
            reinvite_at = self._reinvite_at(participant)
            if reinvite_at is not None and now >= reinvite_at:
                self.reinvite(participant, now)
            if participant.tell_at is not None and now >= participant.tell_at:
                self.telling.one(participant)
        hold_until = self._hold_until()
        if hold_until is not None and now >= hold_until:
            self.note(f"Bridge did not come back: room={self.room}", is_warning=True)
            self.move(now, expire=False)
        alarm_at = self._alarm_at()
        if alarm_at is not None and now >= alarm_at:
            self._says_unavailable = True
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self.invite_all(now)
        return self.taken()

    def _alarm_at(self) -> float | None:
        """When the participants are told that there is no bridge."""
        if self._without_bridge_since is None or self._says_unavailable:
            return None
        return self._without_bridge_since + self.limits.bridge_grace_s

    def _hold_until(self) -> float | None:
        """Until when a bridge that is cut off is believed to come back with its media."""
        if self.stay is None or self.stay.lost_at is None:
            return None
        return self.stay.lost_at + self.limits.lost_bridge_s

    def _reinvite_at(self, participant: Participant) -> float | None:
        """When who was lost by its bridge is invited again, if it is still here then."""
        if participant.lost_at is None:
            return None
        return participant.lost_at + self.limits.lost_endpoint_s

    def _end_idle_session(self) -> None:
        for participant in self.participants.values():
            if participant.state.is_on_bridge:
                self._terminate(participant, Reason("expired", "Idle session timeout"))
                self.leave_bridge(participant, SessionState.NONE)

    # -- within

    def ask_bridge(
        self,
        purpose: Purpose,
        modify: ConferenceModify,
        participant: Participant | None = None,
        request: Element | None = None,
    ) -> None:
        stay = self.stay
        if stay is None:
            return
        if not stay.is_reachable:
            # Nobody would get it. `_resume` says all anew; who waits for the answer asks again.
            if request is not None:
                self.order(Answer(request, ResourceConstraint("the bridge cannot be reached now")))
            return
        limits = self.limits
        is_awaited = purpose is Purpose.ACCEPT
        self.order(
            AskBridge(
                bridge=stay.bridge.jid,
                modify=modify,
                purpose=purpose,
                bridge_session=stay.id,
                nick=participant.nick if participant is not None else "",
                serial=participant.serial if participant is not None else 0,
                request=request,
                timeout_s=limits.accept_timeout_s if is_awaited else limits.bridge_timeout_s,
            )
        )

    def _say(self, participant: Participant, jingle: Jingle, serial: int | None = None) -> None:
        self.order(AskOccupant(nick=participant.nick, payload=jingle.element(), serial=serial))

    def _say_sources(
        self, participant: Participant, action: Action, sources: Mapping[str, EndpointSources]
    ) -> None:
        self._say(participant, speech.change_sources(participant, self.focus_jid, action, sources))

    def order(self, order: Order) -> None:
        self._orders.append(order)

    def note(self, text: str, *, is_warning: bool = False) -> None:
        self.order(Noted(text, is_warning))

    def taken(self) -> list[Order]:
        """The orders since the last call, with the presence they make necessary."""
        if self._facts() != self._published and not self.has_ended:
            self._published = self._facts()
            self.order(Publish(self.presence()))
        orders, self._orders = self._orders, []
        return orders
