"""All conferences of this bridge, and COLIBRI2 as it changes them (reference bridge 3).

A request is checked whole before it changes anything; what is wrong with it becomes one of the
errors of the reference's table 3.3.
"""

from __future__ import annotations

import hmac
import itertools
import logging
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tertulia.bridge.conference import Conference
from tertulia.bridge.conference_limits import ConferenceLimits
from tertulia.bridge.counts import Counts, Restart
from tertulia.bridge.downlink import PathReport
from tertulia.bridge.endpoint import Endpoint
from tertulia.bridge.errors import MediaRefused
from tertulia.bridge.media import Media
from tertulia.bridge.shards import Shard
from tertulia.bridge.video import UNLIMITED
from tertulia.errors import PeerError
from tertulia.xmpp.colibri2 import (
    PRIVATE_ADDRESSES,
    SILENT,
    SOURCE_NAMES,
    BadRequest,
    BridgeFull,
    ConferenceAlreadyExists,
    ConferenceFull,
    ConferenceModified,
    ConferenceModify,
    ConferenceNotFound,
    EndpointConflict,
    EndpointOrder,
    EndpointReport,
    FeatureNotImplemented,
    GracefulShutdown,
    MediaSource,
    UnknownEndpoint,
)
from tertulia.xmpp.jingle_ice import IceUdpTransport
from tertulia.xmpp.jingle_rtp import Media as MediaType
from tertulia.xmpp.jingle_rtp import Source

log = logging.getLogger("tertulia.bridge")

# A handle is the number of its conference and, in the lower bits, its own: nothing need be kept to
# find the conference of an endpoint or source, however many came and went.
_HANDLE_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeLimits:
    """How much one bridge takes on; refusals name the limit that was reached.

    New conferences are refused first, because a conference can start elsewhere: between
    `max_stress` and a machine that drops packets there is room for those under way to grow.
    """

    max_conferences: int = 1000
    max_endpoints: int = 2000
    max_endpoints_per_conference: int = 500
    max_stress: float = 1.0
    max_memory_mib: int = 3072  # resident, of the whole process
    conference: ConferenceLimits = field(default_factory=ConferenceLimits)


@dataclass(slots=True)
class Totals:
    """Counted since the bridge started."""

    conferences_created: int = 0
    conferences_completed: int = 0
    conference_seconds: float = 0.0
    endpoints: int = 0
    ice_failed: int = 0
    dtls_failed: int = 0
    connected: int = 0
    dominant_speaker_changes: int = 0
    channel_messages_sent: int = 0
    channels_closed: Counter[str] = field(default_factory=Counter)  # "normal", "abnormal"
    visitors: int = 0
    lost: Counter[str] = field(default_factory=Counter)  # endpoints the engine gave up, by reason


@dataclass(frozen=True, slots=True)
class Lost:
    """An endpoint that the engine gave up, or hears nothing of; the focus does not know yet."""

    meeting_id: str
    endpoint: str
    reason: str
    shard: Shard  # whose conference it is, or was, in
    is_gone: bool = True  # False: it is still here, and its path might be renewed


class Videobridge:
    def __init__(
        self,
        media: Media,
        *,
        server_id: str,
        public_netloc: str,
        limits: BridgeLimits | None = None,
    ) -> None:
        """`public_netloc`: host[:port] of the edge for bridge channels, where no shard says it."""
        self.limits = limits or BridgeLimits()
        self.server_id = server_id
        self.totals = Totals()
        self.counts = Counts()
        self.in_graceful_shutdown = False
        self.is_draining = False
        self.stress = 0.0  # as last measured
        self.memory_mib = 0
        self.last_n = UNLIMITED  # videos that anybody receives at most
        self._lost: list[Lost] = []
        self._media = media
        self._own_shard = Shard(public_netloc=public_netloc)
        self._numbers = itertools.count(1)  # of conferences
        self._by_meeting: dict[tuple[Shard, str], Conference] = {}
        self._by_id: dict[str, Conference] = {}
        self._by_number: dict[int, Conference] = {}
        self._feedback = tuple(
            MediaSource(id=name, type=kind, sources=(Source(ssrc=_random_ssrc(), name=name),))
            for name, kind in (("jvb-a0", MediaType.AUDIO), ("jvb-v0", MediaType.VIDEO))
        )

    @property
    def conferences(self) -> list[Conference]:
        return list(self._by_meeting.values())

    @property
    def endpoints(self) -> int:
        return sum(len(each.endpoints) for each in self._by_meeting.values())

    @property
    def is_short_of_memory(self) -> bool:
        """Better to refuse people than to be killed with all who are here."""
        return self.memory_mib >= self.limits.max_memory_mib

    # -- COLIBRI2

    def modify(
        self, request: ConferenceModify, now: float, shard: Shard | None = None
    ) -> ConferenceModified:
        """Do what a focus asks. Raises: a Colibri2Error; then nothing has changed.

        Args:
            shard: whose focus it is; it reaches its own conferences only. None: nobody's, as when
                conferences are led without XMPP.
        """
        shard = shard or self._own_shard
        if request.has_relays or request.has_connects:
            raise FeatureNotImplemented("relays and connects are not supported")
        if request.create:
            conference = self._create(request, now, shard)
        else:
            found = self._by_meeting.get((shard, request.meeting_id))
            if found is None:
                raise ConferenceNotFound("no such conference")
            conference = found
        if request.expire:
            self._expire(conference, now)
            return ConferenceModified()
        try:
            self._check(conference, request)
            reports = [r for o in request.endpoints for r in self._change(conference, o, now)]
        except PeerError as error:
            if request.create:
                self._expire(conference, now)
            if isinstance(error, MediaRefused):
                raise BadRequest(str(error)) from None
            raise
        if any(order.expire for order in request.endpoints) and not conference.endpoints:
            self._expire(conference, now)
        creates = request.create or any(order.create for order in request.endpoints)
        return ConferenceModified(
            endpoints=tuple(reports), sources=self._feedback if creates else ()
        )

    def _create(self, request: ConferenceModify, now: float, shard: Shard) -> Conference:
        if (shard, request.meeting_id) in self._by_meeting:
            raise ConferenceAlreadyExists("the conference exists")
        if self.in_graceful_shutdown:
            raise GracefulShutdown("no new conferences")
        limits = self.limits
        if len(self._by_meeting) >= limits.max_conferences:
            raise BridgeFull(f"max_conferences is reached: {limits.max_conferences}")
        if self.endpoints >= limits.max_endpoints:
            raise BridgeFull(f"max_endpoints is reached: {limits.max_endpoints}")
        if self.stress >= limits.max_stress:
            raise BridgeFull(f"max_stress is reached: {self.stress:.2f} of {limits.max_stress:g}")
        if self.is_short_of_memory:
            raise BridgeFull(f"max_memory_mib is reached: {limits.max_memory_mib}")
        number = next(self._numbers)
        conference = Conference(
            id=secrets.token_hex(8),
            meeting_id=request.meeting_id,
            name=request.name,
            media=self._media,
            new_handle=itertools.count(number << _HANDLE_BITS).__next__,
            now=now,
            limits=self.limits.conference,
            counts=self.counts,
            shard=shard,
        )
        self._by_meeting[shard, conference.meeting_id] = conference
        self._by_id[conference.id] = conference
        self._by_number[number] = conference
        self.totals.conferences_created += 1
        return conference

    def _check(self, conference: Conference, request: ConferenceModify) -> None:
        if sum(order.is_single for order in request.endpoints) > 1:
            raise FeatureNotImplemented("one endpoint at a time")
        for order in request.endpoints:
            self._check_order(conference, order)

    def _check_order(self, conference: Conference, order: EndpointOrder) -> None:
        endpoint = conference.endpoints.get(order.id)
        if order.transport is not None and order.transport.sctp:
            raise FeatureNotImplemented("data channels are not supported")
        if order.create:
            if endpoint is not None:
                raise EndpointConflict("the endpoint exists", endpoint=order.id)
            if order.transport is None or SOURCE_NAMES not in order.capabilities:
                raise BadRequest("a new endpoint needs a transport and source names")
            if len(conference.endpoints) >= self.limits.max_endpoints_per_conference:
                most = self.limits.max_endpoints_per_conference
                raise ConferenceFull(f"max_endpoints_per_conference is reached: {most}")
            if self.endpoints >= self.limits.max_endpoints:
                raise ConferenceFull(f"max_endpoints is reached: {self.limits.max_endpoints}")
            if self.is_short_of_memory:
                raise ConferenceFull(f"max_memory_mib is reached: {self.limits.max_memory_mib}")
        elif order.is_single and endpoint is None and not order.expire:
            raise UnknownEndpoint("no such endpoint", endpoint=order.id)
        elif endpoint is not None and order.media:
            conference.check_offers(endpoint, order.media)
        if order.sources:
            is_visitor = endpoint.is_visitor if endpoint else order.muc_role == "visitor"
            if is_visitor:
                raise BadRequest("visitors send nothing")
            conference.check_sources(order.id, order.sources)

    def _change(
        self, conference: Conference, order: EndpointOrder, now: float
    ) -> list[EndpointReport]:
        """Carry out one checked order. Returns: what has to be reported."""
        if order.expire:
            conference.remove_endpoint(order.id, now)
            return [EndpointReport(id=order.id, expire=True)]
        reports = []
        if order.create and order.transport is not None:
            controlling = order.transport.ice_controlling
            endpoint = conference.add_endpoint(order, now, controlling=controlling)
            self.totals.endpoints += 1
            self.totals.visitors += endpoint.is_visitor
            endpoint.is_beside = PRIVATE_ADDRESSES in order.capabilities
            transport = self._transport(conference, endpoint)
            reports.append(EndpointReport(id=order.id, transport=transport))
        else:
            found = conference.endpoints.get(order.id)
            if found is None:
                return []  # force-mute of an unknown endpoint is no error
            endpoint = found
            if order.media:
                conference.add_offers(endpoint, order.media)
            if order.transport is not None and order.transport.ice_restart:
                reports.append(self._restarted(conference, endpoint))
        if order.transport is not None and order.transport.ice is not None:
            conference.set_transport(endpoint, order.transport.ice)
        if order.sources is not None:
            conference.set_sources(endpoint, order.sources, now)
        if order.force_mute is not None:
            mute = order.force_mute
            conference.set_muted(endpoint, audio=mute.audio, video=mute.video)
        if order.initial_last_n is not None:
            endpoint.initial_last_n(order.initial_last_n)
        return reports

    def _restarted(self, conference: Conference, endpoint: Endpoint) -> EndpointReport:
        """New credentials, or those it began with, or none: that is how a restart is refused."""
        restart = endpoint.restart
        if not endpoint.is_connected:
            self.counts.restarts[Restart.NOT_ESTABLISHED] += 1
            return EndpointReport(id=endpoint.id, transport=self._transport(conference, endpoint))
        if not restart.begin(endpoint.handle, self._media, self.counts):
            return EndpointReport(id=endpoint.id)
        transport = replace(
            self._transport(conference, endpoint),
            ufrag=restart.ufrag,
            pwd=restart.pwd,
            ice_generation=restart.generation,
        )
        return EndpointReport(id=endpoint.id, transport=transport)

    def _transport(self, conference: Conference, endpoint: Endpoint) -> IceUdpTransport:
        path = f"{self.server_id}/{conference.id}/{endpoint.id}?pwd={endpoint.channel_pwd}"
        return IceUdpTransport(
            ufrag=endpoint.ufrag,
            pwd=endpoint.pwd,
            fingerprints=(self._media.fingerprint(),),
            candidates=self._media.candidates(private=endpoint.is_beside),
            web_sockets=(f"wss://{conference.shard.public_netloc}/colibri-ws/{path}",),
            rtcp_mux=True,
        )

    def _expire(self, conference: Conference, now: float) -> None:
        key = conference.shard, conference.meeting_id
        if self._by_meeting.get(key) is not conference:
            return
        del self._by_meeting[key]
        del self._by_id[conference.id]
        conference.close()
        for number in [n for n, each in self._by_number.items() if each is conference]:
            del self._by_number[number]
        self.totals.conferences_completed += 1
        self.totals.conference_seconds += now - conference.created_at
        self.totals.dominant_speaker_changes += conference.dominant_changes

    def close(self, now: float) -> None:
        """Expire everything."""
        for conference in self.conferences:
            self._expire(conference, now)

    # -- the bridge channel

    def admit(
        self, conference_id: str, endpoint_id: str, pwd: str
    ) -> tuple[Conference, Endpoint] | None:
        """Who a channel belongs to. None, whatever was wrong: a guess learns nothing from it."""
        conference = self._by_id.get(conference_id)
        endpoint = conference.endpoints.get(endpoint_id) if conference is not None else None
        expected = endpoint.channel_pwd if endpoint is not None else "-"
        is_right = hmac.compare_digest(expected.encode(), pwd.encode())
        if conference is None or endpoint is None or not is_right:
            return None
        return conference, endpoint

    # -- time and the engine

    @property
    def most_forwarded(self) -> int:
        """The largest number of videos that anybody receives."""
        return max(
            (len(e.forwarded) for c in self.conferences for e in c.endpoints.values()), default=0
        )

    def forward_at_most(self, last_n: int, now: float) -> None:
        """Limit the videos that anybody receives; -1: as many as they want."""
        if last_n != self.last_n:
            log.info("Videos to anybody: at_most=%d stress=%g", last_n, self.stress)
            self.last_n = last_n
        for conference in self.conferences:
            conference.forward_at_most(last_n, now)

    def tick(self, now: float) -> None:
        for conference in self.conferences:
            conference.tick(now)
            if conference.has_expired(now):
                self._expire(conference, now)

    def observe_paths(self, reports: Mapping[int, PathReport], now: float) -> None:
        for conference in self.conferences:
            conference.observe_paths(reports, now)

    def check_activity(self, idle_s: Mapping[int, float | None], now: float) -> None:
        for conference in self.conferences:
            self._lost += [
                Lost(
                    conference.meeting_id,
                    endpoint.id,
                    SILENT,
                    conference.shard,
                    is_gone=False,
                )
                for endpoint in conference.check_activity(idle_s, now)
            ]

    def endpoint_failed(self, handle: int, reason: str, now: float) -> Lost | None:
        """The engine dropped an endpoint. Returns: which, if it is known."""
        if reason == "ice-failed":
            self.totals.ice_failed += 1
        elif reason in ("dtls-failed", "fingerprint-mismatch"):
            self.totals.dtls_failed += 1
        conference = self.home(handle)
        endpoint = conference.failed(handle, now) if conference is not None else None
        if conference is None or endpoint is None:
            return None
        self.totals.lost[reason] += 1
        if not conference.endpoints:
            self._expire(conference, now)
        lost = Lost(conference.meeting_id, endpoint.id, reason, conference.shard)
        self._lost.append(lost)
        return lost

    def take_lost(self) -> list[Lost]:
        """The endpoints lost since the last call."""
        lost, self._lost = self._lost, []
        return lost

    def conference(self, meeting_id: str) -> Conference | None:
        """One that is led without XMPP."""
        return self._by_meeting.get((self._own_shard, meeting_id))

    def home(self, handle: int) -> Conference | None:
        """The conference that an endpoint or source belongs to."""
        return self._by_number.get(handle >> _HANDLE_BITS)


def _random_ssrc() -> int:
    return secrets.randbelow(2**32 - 1) + 1
