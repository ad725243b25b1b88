"""One conference as the focus leads it: who is there, on which bridge, told of what.

A core without sockets and clock: room presence, answers and requests in, orders out
(`focus.orders`). What comes in is understood by its neighbours: `requests` for occupants, `answers`
and `moves` for bridges, `timers` for the time. States: reference bridge 5.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tertulia.focus import features as F
from tertulia.focus import speech
from tertulia.focus.brewery import Brewery, Bridge
from tertulia.focus.deadlines import Deadlines
from tertulia.focus.limits import ConferenceLimits
from tertulia.focus.muting import Muting, wanted
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
from tertulia.focus.sources import ConferenceSources
from tertulia.focus.stay import BridgeStay
from tertulia.focus.telling import Telling
from tertulia.focus.totals import Totals
from tertulia.xmpp.colibri2 import (
    SOURCE_NAMES,
    SSRC_REWRITING,
    ConferenceModify,
    EndpointOrder,
    ForceMute,
    TransportOrder,
)
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle import Action, Jingle, Reason
from tertulia.xmpp.jingle_rtp import EndpointSources
from tertulia.xmpp.xml import Element

_FORMER_SESSIONS = 200
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
        self.muting = Muting(room, self.participants, self.order, self._tell_bridge)
        self.has_ended = False
        self.brewery = brewery
        self._known_features = known_features
        self.new_id = new_id
        self.created_ms = created_ms
        self.stay: BridgeStay | None = None
        self.due = Deadlines(start_by=now + self.limits.start_timeout_s)
        self.says_unavailable = False
        self._expected: dict[Jid, float] = {}  # who was told to come in, and until when it may
        # Sessions of those who left, by their full JIDs: a client that resumes its connection comes
        # back with its own, which the bridge has forgotten.
        self.former: dict[Jid, str] = {}
        self.moves = RateLimit(0.0, 10)
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
        return speech.presence(
            has_bridge=self.stay is not None,
            is_unavailable=self.says_unavailable,
            created_ms=self.created_ms,
        )

    def published(self) -> None:
        """The focus' presence in the room says what `presence` gives now."""
        self._published = self._facts()

    def _facts(self) -> tuple[bool, bool]:
        """What can change in `presence`."""
        return self.stay is not None, self.says_unavailable

    # -- the room

    def requested(self, now: float, asked_by: Jid | None = None) -> None:
        """Somebody was told that this conference is ready: keep it until it can have joined."""
        until = now + self.limits.start_timeout_s
        self._expected = {jid: at for jid, at in self._expected.items() if at > now}
        if asked_by is not None:
            self._expected[asked_by] = until
        self.due.start_by = until

    def occupant_present(self, occupant: Occupant, now: float) -> list[Order]:
        """An available presence: somebody joined, or changed role or capabilities."""
        known = self.participants.get(occupant.nick)
        if known is not None and known.occupant.jid == occupant.jid:
            self.muting.occupant_changed(known, occupant)
            return self.taken()
        if known is not None:  # the nick changed hands without a farewell
            self._forget(known, now)
        participant = Participant(occupant, features_by=now + self.limits.features_timeout_s)
        self.participants[occupant.nick] = participant
        self._end_former_session(participant)
        self.totals.participants += 1
        self.due.start_by = None
        self._expected.pop(occupant.jid, None)
        self.muting.recall(participant)
        participant.features = self._known_features.get(occupant.caps)
        if participant.features is None:
            self.order(Discover(occupant.nick, occupant.jid, occupant.caps))
        self.due.idle_at = None
        self.invite_all(now)
        return self.taken()

    def occupant_left(self, nick: str, now: float) -> list[Order]:
        participant = self.participants.get(nick)
        if participant is None:
            return []
        self._forget(participant, now)
        if not self.participants:
            expected = [at for at in self._expected.values() if at > now]
            if expected:  # the last one leaves, another is on its way: the room must not be gone
                self.due.start_by = max(expected)
            elif self.due.start_by is None:
                self.finish("the last participant left")
        elif len(self.participants) < self.limits.min_participants:
            self.due.idle_at = now + self.limits.idle_timeout_s
        return self.taken()

    def _end_former_session(self, participant: Participant) -> None:
        """Tell a client that was away for long that the session it still has is over."""
        participant.sid = self.former.pop(participant.occupant.jid, "")
        if participant.sid:
            reason = Reason("gone", "away for too long")
            self.say(participant, speech.terminate(participant, self.focus_jid, reason, ""))
            participant.end_session(SessionState.NONE)

    def _forget(self, participant: Participant, now: float) -> None:
        if participant.state.is_signalled:
            self.former[participant.occupant.jid] = participant.sid
            if len(self.former) > _FORMER_SESSIONS:
                del self.former[next(iter(self.former))]
        self.leave_bridge(participant, SessionState.ENDED)
        del self.participants[participant.nick]
        self.muting.keep(participant)
        # At once: a client with SSRC rewriting does not remove the sources of who left by itself.
        self.telling.all(now, at_once=True)

    def features_known(self, jid: Jid, nick: str, features: F.Features, now: float) -> list[Order]:
        """The answer to `Discover`, or what to assume without one."""
        participant = self.participants.get(nick)
        if participant is not None and participant.occupant.jid == jid:
            self.set_features(participant, features, now)
        return self.taken()

    def set_features(self, participant: Participant, features: F.Features, now: float) -> None:
        if participant.features is None:
            participant.features = features
            self.invite_all(now)

    def end(self, reason: str) -> list[Order]:
        """End the conference: the room is gone, or the focus shuts down."""
        self.finish(reason)
        return self.taken()

    def finish(self, reason: str) -> None:
        if self.has_ended:
            return
        self.has_ended = True
        self.expire_stay()
        self.order(LeaveRoom(reason))

    # -- invitations

    def invite_all(self, now: float) -> None:
        if len(self.participants) < self.limits.min_participants or self.has_ended:
            self.due.without_bridge_since, self.says_unavailable = None, False
            return
        for participant in list(self.participants.values()):
            if participant.state is SessionState.NONE and participant.features is not None:
                self._allocate(participant, participant.features, now)

    def _allocate(self, participant: Participant, features: F.Features, now: float) -> None:
        media = media_offer(features, opus_red=self.limits.opus_red)
        if not media:
            participant.state = SessionState.ENDED
            return
        stay = self.stay or self._choose_bridge(now)
        if stay is None or not stay.is_reachable:
            self._miss_bridge(now)
            return
        capabilities, silenced = {SOURCE_NAMES}, wanted(participant)
        participant.rewrites = self.limits.ssrc_rewriting and F.SSRC_REWRITING in features
        if participant.rewrites:
            capabilities.add(SSRC_REWRITING)
        order = EndpointOrder(
            id=participant.nick,
            stats_id=participant.occupant.stats_id,
            muc_role=participant.occupant.muc_role,
            create=True,
            capabilities=frozenset(capabilities),
            media=media,
            transport=TransportOrder(ice_controlling=True),
            force_mute=silenced if silenced != ForceMute() else None,
        )
        participant.state, participant.media = SessionState.ALLOCATING, media
        participant.silenced = silenced
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
        bridge = self.brewery.select(now, self.region())
        if bridge is None:
            return None
        self.stay = BridgeStay(bridge, self.new_id())
        self.due.retry_at = None
        self.note(f"Selected bridge: {bridge} room={self.room} meeting={self.meeting_id}")
        return self.stay

    def _miss_bridge(self, now: float) -> None:
        """Somebody waits for a bridge and there is none: try again, alarm after a while."""
        self.due.retry_at = now + self.limits.bridge_retry_s
        if self.due.without_bridge_since is None:
            self.due.without_bridge_since = now
            self.note(f"No bridge available: room={self.room}", is_warning=True)

    def region(self) -> str:
        """The region of who came first among those who tell one."""
        return next(
            (p.occupant.region for p in self.participants.values() if p.occupant.region), ""
        )

    # -- bridges

    def expire_stay(self) -> None:
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
            self.expire_stay()
            return
        self.expire_endpoint(stay, participant.nick)

    def expire_endpoint(self, stay: BridgeStay, nick: str) -> None:
        order = EndpointOrder(id=nick, expire=True)
        modify = ConferenceModify(meeting_id=self.meeting_id, endpoints=(order,))
        self.ask_bridge(Purpose.EXPIRE, modify)
        if stay.is_reachable:
            stay.endpoints.discard(nick)

    def terminate(self, participant: Participant, reason: Reason) -> None:
        if participant.state.is_signalled:
            self.say(
                participant,
                speech.terminate(participant, self.focus_jid, reason, self.bridge_session_id),
            )

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
            # Nobody would get it. Sessions that are not established are offered anew once a
            # bridge is there; a refusal would be the end for stock clients (decision 22).
            if request is not None:
                self.order(Answer(request))
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

    def _tell_bridge(self, endpoints: Sequence[EndpointOrder]) -> bool:
        """Change several endpoints at once; False when there is no bridge to tell."""
        modify = ConferenceModify(meeting_id=self.meeting_id, endpoints=tuple(endpoints))
        self.ask_bridge(Purpose.UPDATE, modify)
        return self.is_bridge_reachable

    def say(self, participant: Participant, jingle: Jingle, serial: int | None = None) -> None:
        self.order(AskOccupant(nick=participant.nick, payload=jingle.element(), serial=serial))

    def _say_sources(
        self, participant: Participant, action: Action, sources: Mapping[str, EndpointSources]
    ) -> None:
        self.say(participant, speech.change_sources(participant, self.focus_jid, action, sources))

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
