"""The bridges as they announce themselves in the brewery room, and which one to take.

Presence in, choice out (reference bridge 4.1, 4.2; one bridge for a conference,
in its region if possible).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tertulia.xmpp import ns as NS
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element


@dataclass(frozen=True, slots=True)
class BreweryLimits:
    """When a bridge is passed over."""

    failure_memory_s: float = 60.0  # after an allocation failed on it
    presence_timeout_s: float = 45.0  # without presence it counts as unhealthy
    recent_endpoints_s: float = 20.0  # endpoints this new are not yet in the reported stress
    default_participant_stress: float = 0.01
    overloaded: float = 0.8  # a stress from which on others are preferred, wherever they are


@dataclass(slots=True)
class Bridge:
    """One bridge: its occupant address in the brewery and what its last presence said."""

    jid: Jid
    last_seen: float
    stats: dict[str, str] = field(default_factory=dict)
    failed_at: float | None = None
    recent: deque[float] = field(default_factory=deque)  # when endpoints were added

    @property
    def name(self) -> str:
        return self.jid.resource

    @property
    def stress(self) -> float:
        return _fraction(self.stats.get("stress_level", ""), 0.0)

    @property
    def region(self) -> str:
        return self.stats.get("region", "")

    @property
    def relay_id(self) -> str:
        return self.stats.get("relay_id", "")

    @property
    def version(self) -> str:
        return self.stats.get("version", "")

    @property
    def instance(self) -> str:
        """Names the process: one that returns with it has kept its conferences; "" if unknown."""
        return self.stats.get("instance", "")

    @property
    def channel_url(self) -> str:
        """Where the server's edge relays bridge channels to; "" when not announced."""
        return self.stats.get("channel_url", "")

    @property
    def is_draining(self) -> bool:
        # Before its first statistics a bridge counts as draining (reference 4.1).
        return self.stats.get("drain", "true") == "true"

    @property
    def is_shutting_down(self) -> bool:
        return self.stats.get("shutting_down") == "true"

    @property
    def in_graceful_shutdown(self) -> bool:
        return self.stats.get("graceful_shutdown") == "true"

    @property
    def is_healthy(self) -> bool:
        return self.stats.get("healthy", "true") == "true"

    @property
    def state(self) -> str:
        """What it says of itself, in a word or two."""
        states = {
            "unhealthy": not self.is_healthy,
            "shutting down": self.is_shutting_down,
            "in graceful shutdown": self.in_graceful_shutdown,
            "draining": self.is_draining,
        }
        return next((state for state, holds in states.items() if holds), "running")

    def __str__(self) -> str:
        return (
            f"Bridge[jid={self.jid}, relayId={self.relay_id or 'none'}, "
            f"region={self.region or 'none'}, stress={self.stress:.2f}]"
        )


class Brewery:
    """The bridges that are there now. Times are seconds of one monotonic clock."""

    def __init__(
        self,
        limits: BreweryLimits | None = None,
        region_groups: Sequence[frozenset[str]] = (),
    ) -> None:
        """`region_groups`: regions that are near each other."""
        self._region_groups = region_groups
        self._limits = limits or BreweryLimits()
        self._bridges: dict[Jid, Bridge] = {}

    @property
    def bridges(self) -> list[Bridge]:
        return list(self._bridges.values())

    def get(self, jid: Jid) -> Bridge | None:
        return self._bridges.get(jid)

    def by_name(self, name: str) -> Bridge | None:
        """The bridge with this relay id or nickname."""
        for bridge in self._bridges.values():
            if name in (bridge.relay_id, bridge.name):
                return bridge
        return None

    def announced(self, jid: Jid, presence: Element, now: float) -> bool:
        """Note an available presence. Returns: True when the bridge is new."""
        is_new = jid not in self._bridges
        bridge = self._bridges.setdefault(jid, Bridge(jid, now))
        bridge.last_seen = now
        stats = presence.find("stats", NS.COLIBRI)
        if stats is not None:
            bridge.stats |= {s.get("name"): s.get("value") for s in stats.find_all("stat")}
        return is_new

    def left(self, jid: Jid) -> Bridge | None:
        """Forget a bridge whose unavailable presence came."""
        return self._bridges.pop(jid, None)

    def clear(self) -> list[Bridge]:
        """Forget all: the focus itself is out of the room."""
        gone, self._bridges = self.bridges, {}
        return gone

    def failed(self, jid: Jid, now: float) -> None:
        """Note that a bridge did not do what it was asked; it is passed over for a while."""
        if jid in self._bridges:
            self._bridges[jid].failed_at = now

    def endpoint_added(self, jid: Jid, now: float) -> None:
        if jid in self._bridges:
            recent = self._bridges[jid].recent
            recent.append(now)
            self._forget_old(recent, now)

    def _forget_old(self, recent: deque[float], now: float) -> None:
        while recent and now - recent[0] >= self._limits.recent_endpoints_s:
            recent.popleft()

    def why_not(self, bridge: Bridge, now: float) -> str:
        """Why a bridge gets no new conferences, as far as one can tell."""
        if bridge.state == "running" and not self.is_operational(bridge, now):
            return "failed lately"
        return bridge.state

    def is_operational(self, bridge: Bridge, now: float) -> bool:
        limits = self._limits
        failed = bridge.failed_at is not None and now - bridge.failed_at < limits.failure_memory_s
        silent = now - bridge.last_seen > limits.presence_timeout_s
        return bridge.is_healthy and not failed and not silent

    def select(self, now: float, region: str = "") -> Bridge | None:
        """The bridge for a conference whose people are in `region` (reference bridge 4.2).

        Operational and staying; then not draining; then, of those that are not overloaded, one in
        the region, else in a region of the same group, else any; of equals the least stressed.
        """
        usable = [
            bridge
            for bridge in self._bridges.values()
            if self.is_operational(bridge, now) and not bridge.is_shutting_down
        ]
        usable = [b for b in usable if not b.in_graceful_shutdown] or usable
        usable = [b for b in usable if not b.is_draining] or usable
        stress = {bridge.jid: self.corrected_stress(bridge, now) for bridge in usable}
        usable = [b for b in usable if stress[b.jid] < self._limits.overloaded] or usable
        near = [b for b in usable if region and b.region == region]
        group = next((g for g in self._region_groups if region in g), frozenset())
        usable = near or [b for b in usable if b.region in group] or usable
        return min(usable, key=lambda b: stress[b.jid], default=None)

    def has_other_than(self, jid: Jid, now: float) -> bool:
        """Whether a conference could go to another bridge than this one."""
        return any(
            bridge.jid != jid and self.is_operational(bridge, now) and not bridge.is_shutting_down
            for bridge in self._bridges.values()
        )

    def corrected_stress(self, bridge: Bridge, now: float) -> float:
        """The reported stress plus what the endpoints of the last seconds will add."""
        limits = self._limits
        self._forget_old(bridge.recent, now)
        each = _fraction(
            bridge.stats.get("average_participant_stress", ""), limits.default_participant_stress
        )
        return bridge.stress + len(bridge.recent) * each


def _fraction(text: str, default: float) -> float:
    """A share as text; anything that is no sensible number counts as `default`."""
    try:
        value = float(text)
    except ValueError:
        return default
    return value if 0.0 <= value < 1e6 else default
