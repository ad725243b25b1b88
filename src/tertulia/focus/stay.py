"""The time a conference spends on one bridge, from its creation there to its expiry."""

from __future__ import annotations

from dataclasses import dataclass, field

from tertulia.focus.brewery import Bridge
from tertulia.xmpp.jingle_rtp import EndpointSources


@dataclass(slots=True)
class BridgeStay:
    bridge: Bridge
    id: str  # of the bridge session, as clients know it
    endpoints: set[str] = field(default_factory=set)
    is_created: bool = False
    feedback: EndpointSources = field(default_factory=EndpointSources)
    # Since when the bridge is out of the brewery. Its media may flow all the same: a network that
    # parts it from us need not part it from the clients.
    lost_at: float | None = None

    @property
    def is_reachable(self) -> bool:
        return self.lost_at is None

    @property
    def should_end(self) -> bool:
        """True when the conference had better be elsewhere."""
        return self.lost_at is not None or self.bridge.is_shutting_down
