"""What the conferences of one bridge count together, since it started."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

# The engine tells of each video source once a second; what came before a longer pause is not known.
_MOST_S = 2.0


class Restart(StrEnum):
    """What became of an ICE restart; the names are those of the metrics (reference bridge 6.3)."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # no path in time
    REJECTED = "rejected"  # the engine would not
    SUPERSEDED = "superseded"  # another one was asked for meanwhile
    NOT_ESTABLISHED = "not_established"  # there was no connection yet that could be restarted


@dataclass(slots=True)
class Counts:
    messages_received: int = 0  # on bridge channels
    disconnected: int = 0  # times an endpoint was heard no more
    reconnected: int = 0
    connected_relayed: int = 0  # endpoints that connected through a TURN server
    keyframes_ahead: int = 0  # asked of a new speaker before anybody's stage shows it
    keyframes_ahead_spared: int = 0  # not asked because nobody's stage follows the speaker
    layering_changes: int = 0  # times a sender changed what layers it sends
    video_s: float = 0.0  # summed over all encodings that arrived
    restarts: Counter[Restart] = field(default_factory=Counter)

    def video_arrived(self, encodings: int, seconds: float) -> None:
        """So many encodings of one source have arrived since it was last told of."""
        self.video_s += encodings * min(max(seconds, 0.0), _MOST_S)
