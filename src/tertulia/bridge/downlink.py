"""How much of a receiver's bandwidth estimate may be spent on pictures.

The engine estimates what the path carries in all, from what the receiver's feedback says arrived
(docs/decisions/0017-estimate-by-standing-queue.md). What is lost on the way is sent again, and
that too has to fit, as the voices have to, which are sent first; pictures get that much less.
"""

from __future__ import annotations

from dataclasses import dataclass

SMOOTHING = 0.25  # the part of each new report in the loss that counts
STEP = 0.05  # smaller changes of loss are not worth another allocation
MOST_REPAIRED = 0.5  # the engine answers no more retransmissions than this


@dataclass(frozen=True, slots=True)
class PathReport:
    """What the engine last measured towards one receiver."""

    rtt_ms: float  # 0.0 while unknown
    loss: float  # fraction of what was sent, last interval


class Downlink:
    """The path to one receiver."""

    def __init__(self) -> None:
        self._loss = 0.0

    def observe(self, report: PathReport) -> None:
        """Take one report; they come at even distances."""
        self._loss += (report.loss - self._loss) * SMOOTHING

    def budget_bps(self, estimate_bps: int | None, voices_bps: int = 0) -> int | None:
        """What pictures may take; None: no estimate is known, and no limit.

        Args:
            voices_bps: what is forwarded of audio, which no estimate makes less.
        """
        if estimate_bps is None:
            return None
        repaired = min(round(self._loss / STEP) * STEP, MOST_REPAIRED)
        return max(0, int(estimate_bps * (1 - repaired)) - voices_bps)
