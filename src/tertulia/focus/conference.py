"""One conference as the focus leads it: who is there, on which bridge, told of what.

A core without sockets and clock: room presence, answers and requests in, orders out
(`focus.orders`); `next_timeout` says when it wants `tick`. States: reference bridge 5.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from tertulia.focus import features as F
from tertulia.focus import speech
from tertulia.focus.brewery import Brewery, Bridge
from tertulia.focus.limits import ConferenceLimits
from tertulia.focus.offer import feedback_sources, media_offer
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
from tertulia.focus.reaction import Reaction, reaction
from tertulia.focus.sources import ConferenceSources, difference
from tertulia.xmpp import ns as NS
from tertulia.xmpp.colibri2 import (
    SOURCE_NAMES,
    ConferenceModified,
    ConferenceModify,
    EndpointOrder,
    Refusal,
    TransportOrder,
)
from tertulia.xmpp.errors import BadRequest, Refused
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle import Action, BridgeSession, Jingle, Reason
from tertulia.xmpp.jingle_ice import IceUdpTransport
from tertulia.xmpp.jingle_rtp import EndpointSources, Media
from tertulia.xmpp.xml import Element

FOCUS_NICK = "focus"


@dataclass(slots=True)
class BridgeStay:
    """The time a conference spends on one bridge, from its creation there to its expiry."""

    bridge: Bridge
    id: str
    endpoints: set[str] = field(default_factory=set)
    is_created: bool = False
    feedback: EndpointSources = field(default_factory=EndpointSources)


class Gone(Refused):
    """The session was replaced or has ended (reference bridge 5.3)."""

    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "gone"


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
    ) -> None:
        self.room = room
        self.meeting_id = meeting_id
        self.limits = limits or ConferenceLimits()
        self.participants: dict[str, Participant] = {}
        self.sources = ConferenceSources()
        self.has_ended = False
        self._brewery = brewery
        self._known_features = known_features
        self._new_id = new_id
        self._created_ms = created_ms
        self._stay: BridgeStay | None = None
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
        return self._stay.bridge if self._stay is not None else None

    @property
    def bridge_session_id(self) -> str:
        return self._stay.id if self._stay is not None else ""

    @property
    def focus_jid(self) -> Jid:
        """The occupant address clients know the focus by."""
        return self.room.with_resource(FOCUS_NICK)

    def presence(self) -> tuple[Element, ...]:
        """The children of the focus' own presence (reference signalling 4.5)."""
        values = {
            "support-terminate-restart": "true",
            "bridge-count": "1" if self._stay is not None else "0",
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
        return self._stay is not None, self._says_unavailable

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
        self.tell_all(now, at_once=True)

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
        stay = self._stay or self._choose_bridge(now)
        if stay is None:
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
        self._brewery.endpoint_added(stay.bridge.jid, now)

    def _choose_bridge(self, now: float) -> BridgeStay | None:
        bridge = self._brewery.select(now)
        if bridge is None:
            self._retry_at = now + self.limits.bridge_retry_s
            if self._without_bridge_since is None:
                self._without_bridge_since = now
                self._note(f"No bridge available: room={self.room}", is_warning=True)
            return None
        self._stay = BridgeStay(bridge, self._new_id())
        self._retry_at = None
        self._note(f"Selected bridge: {bridge} room={self.room} meeting={self.meeting_id}")
        return self._stay

    def _offer(self, participant: Participant, transport: IceUdpTransport) -> None:
        stay = self._stay
        if stay is None:
            return
        participant.told = self._sources_for(participant)
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
            self._note(f"Invitation failed: room={self.room} endpoint={nick}", is_warning=True)
            self.leave_bridge(participant, SessionState.ENDED)
            self.tell_all(now)
        return self.taken()

    # -- bridges

    def bridges_changed(self, now: float) -> list[Order]:
        """A bridge appeared, or one that exists became better."""
        if self._stay is None:
            self.invite_all(now)
        return self.taken()

    def bridge_lost(self, jid: Jid, now: float) -> list[Order]:
        """A bridge left the brewery, or does not work: move elsewhere if we were there."""
        if self._stay is not None and self._stay.bridge.jid == jid:
            self._note(f"Bridge lost: room={self.room} {self._stay.bridge}", is_warning=True)
            self._move(now, expire=False)
        return self.taken()

    def bridge_closing(self, jid: Jid, now: float) -> list[Order]:
        """A bridge shuts down: move elsewhere, if there is somewhere else."""
        if self._stay is not None and self._stay.bridge.jid == jid:
            other = self._brewery.select(now)
            if other is not None and other.jid != jid:
                self._move(now, expire=True)
        return self.taken()

    def _move(self, now: float, *, expire: bool) -> None:
        """Leave the bridge with everybody and invite them anew (reference signalling 5.8)."""
        if self._stay is not None and not self._moves.allow(now):
            self._brewery.failed(self._stay.bridge.jid, now)  # it refuses again and again
        if expire:
            self._expire_stay()
        self._stay = None
        for participant in self.participants.values():
            if participant.state.is_on_bridge:
                self._terminate(participant, Reason("success", "moving"))
                self.sources.forget(participant.nick)
                participant.end_session(SessionState.NONE)
        self.invite_all(now)

    def _expire_stay(self) -> None:
        if self._stay is not None and self._stay.is_created:
            modify = ConferenceModify(meeting_id=self.meeting_id, expire=True)
            self.ask_bridge(Purpose.EXPIRE, modify)
        self._stay = None

    def leave_bridge(self, participant: Participant, state: SessionState) -> None:
        """Take one participant off the bridge; it is told nothing here."""
        was_on_bridge = participant.state.is_on_bridge
        self.sources.forget(participant.nick)
        participant.end_session(state)
        stay = self._stay
        if stay is None or not was_on_bridge:
            return
        stay.endpoints.discard(participant.nick)
        if not stay.endpoints:
            # The bridge expires an empty conference by itself; to say it keeps both sides sure.
            self._expire_stay()
            return
        order = EndpointOrder(id=participant.nick, expire=True)
        modify = ConferenceModify(meeting_id=self.meeting_id, endpoints=(order,))
        self.ask_bridge(Purpose.EXPIRE, modify, participant)

    def reinvite(self, participant: Participant, now: float) -> None:
        """Give one participant a new session, unless that happens too often."""
        self._terminate(participant, Reason("success", "moving"))
        allowed = participant.reinvites.allow(now)
        self.leave_bridge(participant, SessionState.NONE if allowed else SessionState.ENDED)
        self.tell_all(now)
        self.invite_all(now)

    def _terminate(self, participant: Participant, reason: Reason) -> None:
        if participant.state.is_signalled:
            self._say(
                participant,
                speech.terminate(participant, self.focus_jid, reason, self.bridge_session_id),
            )

    # -- the bridge's answers (reference bridge 3.3)

    def bridge_answered(
        self, ask: AskBridge, answer: ConferenceModified | Refusal | None, now: float
    ) -> list[Order]:
        """What came of `ask`; None when the bridge did not answer in time."""
        participant = self.participants.get(ask.nick)
        is_stale = (
            participant is None
            or participant.serial != ask.serial
            or ask.bridge_session != self.bridge_session_id
        )
        if ask.purpose is Purpose.EXPIRE:
            return []
        if participant is None or is_stale:
            if ask.request is not None:
                self.order(Answer(ask.request, Gone("the session was replaced")))
            return self.taken()
        if ask.purpose is Purpose.ACCEPT and ask.request is not None:
            self._accept_answered(participant, ask.request, answer, now)
        elif isinstance(answer, ConferenceModified) and ask.purpose is Purpose.ALLOCATE:
            self._allocated(participant, answer, now)
        if isinstance(answer, Refusal):
            self._refused(participant, ask, answer, now)
        elif answer is None:
            self._note(
                f"Bridge does not answer: room={self.room} bridge={ask.bridge} "
                f"request={ask.purpose}",
                is_warning=True,
            )
            if ask.purpose is Purpose.ALLOCATE:
                self._brewery.failed(ask.bridge, now)
                self._move(now, expire=False)
        return self.taken()

    def _allocated(self, participant: Participant, answer: ConferenceModified, now: float) -> None:
        stay = self._stay
        report = next((e for e in answer.endpoints if e.id == participant.nick), None)
        if stay is None or report is None or report.transport is None:
            self._note(f"Bridge gave no transport: room={self.room}", is_warning=True)
            self.leave_bridge(participant, SessionState.ENDED)
            return
        if answer.sources:
            ssrc = {s.type: s.sources[0].ssrc for s in answer.sources if s.sources}
            if set(ssrc) == set(Media):
                stay.feedback = feedback_sources(ssrc[Media.AUDIO], ssrc[Media.VIDEO])
                self.sources.reserve(ssrc.values())
        self._without_bridge_since, self._says_unavailable = None, False
        self._offer(participant, report.transport)

    def _accept_answered(
        self,
        participant: Participant,
        request: Element,
        answer: ConferenceModified | Refusal | None,
        now: float,
    ) -> None:
        if isinstance(answer, Refusal) and answer.condition == "bad-request":
            self.sources.forget(participant.nick)
            participant.state = SessionState.OFFERED
            self.order(Answer(request, BadRequest(answer.text)))
            return
        if isinstance(answer, Refusal):
            self.order(Answer(request))  # not the client's fault; `_refused` knows what to do
            return
        participant.state = SessionState.ACTIVE
        self.order(Answer(request))
        self._tell(participant)
        self.tell_all(now)

    def _refused(
        self, participant: Participant, ask: AskBridge, refusal: Refusal, now: float
    ) -> None:
        self._note(
            f"Bridge refused: room={self.room} bridge={ask.bridge} request={ask.purpose} "
            f"condition={refusal.condition} reason={refusal.reason}",
            is_warning=True,
        )
        match reaction(refusal):
            case Reaction.NOTHING:
                pass
            case Reaction.FAIL_SESSION:
                if ask.purpose is Purpose.ALLOCATE:
                    self.leave_bridge(participant, SessionState.ENDED)
            case Reaction.REINVITE_ONE:
                self.reinvite(participant, now)
            case Reaction.REINVITE_ALL:
                self._move(now, expire=False)
            case Reaction.EXPIRE_AND_REINVITE_ALL:
                self._move(now, expire=True)
            case Reaction.AVOID_BRIDGE:
                self._brewery.failed(ask.bridge, now)
                self._move(now, expire=refusal.reason is not None)

    # -- telling of sources

    def tell_all(self, now: float, *, at_once: bool = False) -> None:
        """The sources changed: tell the others, after the delay of a conference this size."""
        delay = 0.0
        for size, wait in self.limits.source_delays:
            if len(self.participants) >= size:
                delay = wait
        for participant in self.participants.values():
            if participant.state is not SessionState.ACTIVE:
                continue  # its offer, or the end of its acceptance, brings it up to date
            if at_once or delay == 0.0:
                self._tell(participant)
            elif participant.tell_at is None:
                participant.tell_at = now + delay

    def _sources_for(self, participant: Participant) -> dict[str, EndpointSources]:
        media = F.media_of(participant.features or F.UNKNOWN_CLIENT)
        return self.sources.told_to(participant.nick, media)

    def _tell(self, participant: Participant) -> None:
        wanted = self._sources_for(participant)
        removed, added = difference(participant.told, wanted)
        participant.told, participant.tell_at = wanted, None
        for action, sources in ((Action.SOURCE_REMOVE, removed), (Action.SOURCE_ADD, added)):
            if sources:
                self._say(
                    participant,
                    speech.change_sources(participant, self.focus_jid, action, sources),
                )

    # -- time

    def next_timeout(self) -> float | None:
        """When `tick` is wanted at the latest."""
        times = [self._start_by, self._idle_at, self._retry_at, self._alarm_at()]
        for participant in self.participants.values():
            times.append(participant.tell_at)
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
            if participant.tell_at is not None and now >= participant.tell_at:
                self._tell(participant)
        alarm_at = self._alarm_at()
        if alarm_at is not None and now >= alarm_at:
            self._says_unavailable = True
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self.invite_all(now)
        return self.taken()

    def _alarm_at(self) -> float | None:
        """When the participants are told that there is no bridge."""
        if self._without_bridge_since is None or self._says_unavailable or self._stay is not None:
            return None
        return self._without_bridge_since + self.limits.bridge_grace_s

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
        stay = self._stay
        if stay is None:
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

    def order(self, order: Order) -> None:
        self._orders.append(order)

    def _note(self, text: str, *, is_warning: bool = False) -> None:
        self.order(Noted(text, is_warning))

    def taken(self) -> list[Order]:
        """The orders since the last call, with the presence they make necessary."""
        if self._facts() != self._published and not self.has_ended:
            self._published = self._facts()
            self.order(Publish(self.presence()))
        orders, self._orders = self._orders, []
        return orders
