"""Times and sizes of a conference on a bridge."""

from __future__ import annotations

from dataclasses import dataclass, field

from tertulia.bridge.speech import SpeechPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceLimits:
    """Sources: reference bridge 2.3, 2.11, 1.5."""

    reallocate_after_s: float = 5.0
    estimate_step: float = 0.15  # smaller moves of the estimate change nothing
    connection_stats_s: float = 10.0
    empty_s: float = 20.0  # how long it lives without ever having had an endpoint
    first_packet_s: float = 15.0
    inactive_s: float = 8.0
    stats_to_all_up_to: int = 20  # endpoints; beyond, EndpointStats go to those who look
    max_ssrcs_per_endpoint: int = 50
    max_candidates: int = 20  # taken at a time; checks find the rest (reference bridge 1.1)
    unreachable: int = 1000  # ids remembered to tell that they are back
    # What one endpoint tells others by its channels; some of them have a thin line.
    relayed_bytes_per_s: float = 64 * 1024
    relayed_bytes_burst: int = 512 * 1024
    speech: SpeechPolicy = field(default_factory=SpeechPolicy)
