"""The times that a conference has set; `timers` acts on them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Deadlines:
    """On the clock of the conference; None while nothing is due."""

    start_by: float | None  # somebody has to have come
    idle_at: float | None = None  # the session of who is alone ends
    retry_at: float | None = None  # a bridge is looked for again
    without_bridge_since: float | None = None  # somebody waits for one
