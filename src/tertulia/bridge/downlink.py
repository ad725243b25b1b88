"""Whether a receiver's bandwidth estimate is to be believed.

The engine's estimator is delay-based: on a busy machine it takes late feedback for a full link,
and then climbs back too slowly for anybody to wait. Video switched off on good links is a known
complaint (reference bridge 7.2, row 10). So the estimate counts while the path itself shows
congestion, packets lost or a standing queue, and for a while after; else the downlink is taken
for wide enough (reference bridge 8: no limit is allowed on a LAN).
"""

from __future__ import annotations

from dataclasses import dataclass

LOSS_IS_CONGESTION = 0.02  # the lower threshold of loss-based control (reference bridge 2.9)
QUEUE_IS_CONGESTION_MS = 150.0  # over the least round trip seen
BELIEVED_FOR_S = 10.0


@dataclass(frozen=True, slots=True)
class PathReport:
    """What the engine last measured towards one receiver."""

    rtt_ms: float  # 0.0 while unknown
    loss: float  # fraction of what was sent, last interval


class Downlink:
    """The path to one receiver."""

    def __init__(self) -> None:
        self._least_rtt_ms: float | None = None
        self._congested_until = float("-inf")

    def observe(self, report: PathReport, now: float) -> None:
        """Take one report."""
        if report.rtt_ms > 0:
            least = self._least_rtt_ms
            self._least_rtt_ms = report.rtt_ms if least is None else min(least, report.rtt_ms)
        queue_ms = report.rtt_ms - (self._least_rtt_ms or report.rtt_ms)
        if report.loss > LOSS_IS_CONGESTION or queue_ms > QUEUE_IS_CONGESTION_MS:
            self._congested_until = now + BELIEVED_FOR_S

    def budget_bps(self, estimate_bps: int | None, now: float) -> int | None:
        """What may be sent; None: no limit is known."""
        return estimate_bps if now < self._congested_until else None
