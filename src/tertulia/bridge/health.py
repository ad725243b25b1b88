"""Whether this bridge is well: healthy, degraded (it works, somebody should look), or down.

Down means that no media can flow through it: the focus then takes nobody here, and moves away who
is. A bridge that merely lost the server goes on with its conferences, so that is degraded.
"""

from __future__ import annotations

from dataclasses import dataclass

from tertulia.monitoring import Health, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthLimits:
    engine_silent_s: float = 3.0  # the packet engine must answer a probe within
    loop_lag_s: float = 0.5  # how late timers may run before somebody should look
    stress: float = 1.0


class HealthMonitor:
    """Judges from what it is told. Times are seconds of one monotonic clock.

    The engine is probed: a datagram of ours to its sockets has to wake its thread. That shows a
    thread that died or hangs, and a socket that receives nothing any more.
    """

    def __init__(self, limits: HealthLimits | None = None) -> None:
        self._limits = limits or HealthLimits()
        self._probed_at: float | None = None
        self._wakeups = -1
        self._unanswered_since: float | None = None
        self._probe_failure = ""
        self._lag_s = 0.0

    def probed(self, wakeups: int, now: float, failure: str = "") -> None:
        """A probe was sent; `failure` says why it could not be, `wakeups` what was counted."""
        self._probe_failure = failure
        if self._probed_at is None:
            self._probed_at, self._wakeups = now, wakeups

    def seen(self, wakeups: int, now: float) -> None:
        """What the engine's last snapshot says, to be called after probes."""
        if self._probed_at is None:
            return
        if wakeups != self._wakeups:
            self._probed_at, self._unanswered_since = None, None
        elif now - self._probed_at > self._limits.engine_silent_s:
            self._unanswered_since = self._probed_at

    def lagged(self, seconds: float) -> None:
        """A timer of the event loop ran this late."""
        self._lag_s = max(self._lag_s, seconds)

    def judge(self, now: float, *, not_seated: str, stress: float, short_of: str = "") -> Health:
        """The verdict over the time since the last one.

        Args:
            not_seated: why the bridge is not in the brewery; "" when it is.
            short_of: what it has too little of to take more people, in words.
        """
        lag_s, self._lag_s = self._lag_s, 0.0
        down = []
        if self._probe_failure:
            down.append(f"the media socket cannot be reached: {self._probe_failure}")
        if self._unanswered_since is not None:
            down.append(
                f"the packet engine has not answered for {now - self._unanswered_since:.0f} s"
            )
        degraded = []
        if not_seated:
            degraded.append(f"not in the brewery: {not_seated}")
        if lag_s > self._limits.loop_lag_s:
            degraded.append(f"timers run {lag_s:.1f} s late; the machine is too busy")
        if stress > self._limits.stress:
            degraded.append(f"overloaded: stress {stress:.2f}")
        if short_of:
            degraded.append(f"takes nobody more, short of {short_of}")
        if down:
            return Health(Status.DOWN, (*down, *degraded))
        return Health(Status.DEGRADED if degraded else Status.HEALTHY, tuple(degraded))
