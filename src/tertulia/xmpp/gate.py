"""How many connections one address may open, and hold open without logging in."""

from __future__ import annotations

from collections import Counter, OrderedDict

from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.pace import TokenBucket

_REMEMBERED = 10_000  # addresses whose rate is known; the one unseen for longest is forgotten


class ConnectionGate:
    """Counts per IP address. Every admitted connection is `released` exactly once."""

    def __init__(self, limits: XmppLimits) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()
        self._rates: OrderedDict[str, TokenBucket] = OrderedDict()

    def arrive(self, ip: str, now: float) -> bool:
        """Count a new connection; False when they come too fast."""
        bucket = self._rates.get(ip)
        if bucket is None:
            limits = self._limits
            bucket = TokenBucket(
                limits.connections_per_ip_per_s, limits.connections_per_ip_burst, now
            )
            self._rates[ip] = bucket
            if len(self._rates) > _REMEMBERED:
                self._rates.popitem(last=False)
        self._rates.move_to_end(ip)
        return bucket.take(now)

    def admit(self, ip: str) -> bool:
        """Take one of the places for those not logged in; False when all are taken."""
        if self._open[ip] >= self._limits.unauthenticated_per_ip:
            return False
        self._open[ip] += 1
        return True

    def release(self, ip: str) -> None:
        """The connection has logged in, or is gone."""
        self._open[ip] -= 1
        if self._open[ip] <= 0:
            del self._open[ip]
