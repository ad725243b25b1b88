"""What the focus counts since it started, for its metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Totals:
    conferences_created: int = 0
    participants: int = 0
    participants_moved: int = 0  # invited to another bridge because theirs went
    participants_ice_failed: int = 0  # clients that reported so
    restarts_requested: int = 0
    restarts_refused: int = 0  # asked for too often
    ice_restarts_requested: int = 0
    ice_restarts_relayed: int = 0
    endpoints_lost: int = 0  # given up by their bridge, not by the focus
    invitations_failed: int = 0
    conference_requests: int = 0
    bridges_lost: int = 0  # left without having said that they shut down
    bridge_timeouts: int = 0
    bridge_refusals: Counter[tuple[str, str]] = field(default_factory=Counter)  # condition, reason
