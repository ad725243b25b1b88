"""The timers and sizes of a conference, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceLimits:
    """Sources: reference bridge 5.1 to 5.4."""

    min_participants: int = 2
    start_timeout_s: float = 15.0  # the first participant has to come within
    idle_timeout_s: float = 20.0  # the session of a single participant lasts
    features_timeout_s: float = 3.0
    # Who was asked by a former process is asked again, and may be on its way back.
    features_after_restart_s: float = 15.0
    # A killed bridge is back, or another found, within this time; clients are not alarmed before.
    bridge_grace_s: float = 3.0
    bridge_retry_s: float = 5.0
    # A bridge that left without a word while there is no other: media may flow all the same, so
    # nobody's session is ended before. Clients that lost theirs say so and are invited anew.
    lost_bridge_s: float = 60.0
    # An endpoint that its bridge gave up: a browser that closes says so to the bridge first.
    lost_endpoint_s: float = 1.0
    bridge_timeout_s: float = 15.0
    accept_timeout_s: float = 8.0  # the client waits 10 s for the answer to its session-accept
    # Clients that can do it learn from the bridge which source comes in which of a few streams,
    # instead of being told every source by us (reference bridge 2.6).
    ssrc_rewriting: bool = False
    # Clients that can do it may repeat their voice's last frames in each packet (RFC 2198).
    opus_red: bool = False
    # (participants, delay): from that size on source changes are collected that long.
    source_delays: tuple[tuple[int, float], ...] = ((20, 0.25), (50, 0.5), (100, 1.0))
