"""How often something may happen: token buckets, with the time passed in."""

from __future__ import annotations

from dataclasses import replace

from tertulia.xmpp.limits import XmppLimits


class TokenBucket:
    """`rate_per_s` events per second on average, `burst` at once. Times are in seconds."""

    __slots__ = ("_level", "_then", "burst", "rate_per_s")

    def __init__(self, rate_per_s: float, burst: float, now: float) -> None:
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._level = burst
        self._then = now

    def level(self, now: float) -> float:
        """How many events are left at this moment; negative after `spend` beyond the burst."""
        if now > self._then:
            self._level = min(self.burst, self._level + (now - self._then) * self.rate_per_s)
            self._then = now
        return self._level

    def take(self, now: float) -> bool:
        """Count one event if it is within the limit; False, and nothing counted, if not."""
        if self.level(now) < 1:
            return False
        self._level -= 1
        return True

    def spend(self, now: float, events: int = 1) -> float:
        """Count events in any case; seconds to wait until the level is not below zero again."""
        self._level = self.level(now) - events
        return max(0.0, -self._level / self.rate_per_s)


class StanzaPace:
    """What one session sends: a pause to keep, or the end when it is ignored for long."""

    __slots__ = ("_bytes", "_joining_until", "_limits", "_over_since", "_stanzas")

    def __init__(self, limits: XmppLimits, now: float) -> None:
        self._limits = limits
        self._stanzas = TokenBucket(limits.stanzas_per_s, limits.stanzas_burst_joining, now)
        self._bytes = TokenBucket(limits.sent_bytes_per_s, limits.sent_bytes_burst, now)
        self._joining_until = now + limits.joining_s
        self._over_since: float | None = None

    @classmethod
    def of_account(cls, limits: XmppLimits, now: float) -> StanzaPace:
        """The pace of an internal account, such as a bridge's."""
        return cls(
            replace(
                limits,
                stanzas_per_s=limits.account_stanzas_per_s,
                stanzas_burst=limits.account_stanzas_burst,
                stanzas_burst_joining=limits.account_stanzas_burst,
                sent_bytes_per_s=limits.account_bytes_per_s,
                sent_bytes_burst=int(limits.account_bytes_per_s),
            ),
            now,
        )

    def count(self, now: float, stanzas: int, size: int = 0) -> float:
        """Count stanzas just received, in so many bytes; seconds in which no more shall be read."""
        if now > self._joining_until:
            self._stanzas.burst = self._limits.stanzas_burst
        pause_s = max(self._stanzas.spend(now, stanzas), self._bytes.spend(now, size))
        if pause_s > 0:
            self._over_since = now if self._over_since is None else self._over_since
        elif all(each.level(now) > each.burst / 2 for each in (self._stanzas, self._bytes)):
            self._over_since = None
        return pause_s

    def is_overloaded(self, now: float) -> bool:
        """True when the session stayed at its limit for longer than `overload_s`."""
        return self._over_since is not None and now - self._over_since > self._limits.overload_s
