"""How often a password may be guessed: wrong ones are counted by account and by address.

An account is never locked for its owner: what is counted by account and address together is what a
single guesser runs into, the account alone only stops many addresses at once.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from tertulia.accounts.errors import TooManyGuesses
from tertulia.xmpp.pace import TokenBucket

_REMEMBERED = 20_000  # buckets; the one unseen for longest is forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessLimits:
    """Wrong passwords in an hour; as many may come at once."""

    wrong_passwords: int = 10  # for one account from one address
    wrong_passwords_per_address: int = 60  # for all accounts; a school behind NAT is one address
    wrong_passwords_per_account: int = 200  # from all addresses


class Guesses:
    """Times are passed in, in seconds."""

    def __init__(self, limits: GuessLimits | None = None) -> None:
        self._limits = limits or GuessLimits()
        self._buckets: OrderedDict[tuple[str, str], TokenBucket] = OrderedDict()

    def check(self, account: str, address: str, now: float) -> None:
        """Whether another password may be tried. Raises: TooManyGuesses."""
        for key, per_hour, limit in self._keys(account, address):
            bucket = self._buckets.get(key)
            if bucket is not None and bucket.level(now) < 1:
                raise TooManyGuesses(f"{limit}: {per_hour} an hour")

    def wrong(self, account: str, address: str, now: float) -> None:
        """A password was wrong."""
        for key, per_hour, _ in self._keys(account, address):
            bucket = self._buckets.get(key)
            if bucket is None:
                bucket = self._buckets[key] = TokenBucket(per_hour / 3600, per_hour, now)
                if len(self._buckets) > _REMEMBERED:
                    self._buckets.popitem(last=False)
            self._buckets.move_to_end(key)
            bucket.spend(now)

    def right(self, account: str, address: str) -> None:
        """The right one came: who mistyped it before starts afresh."""
        self._buckets.pop((account, _network(address)), None)

    def _keys(self, account: str, address: str) -> tuple[tuple[tuple[str, str], int, str], ...]:
        limits, network = self._limits, _network(address)
        return (
            ((account, network), limits.wrong_passwords, "wrong_passwords"),
            (
                ("", network),
                limits.wrong_passwords_per_address,
                "wrong_passwords_per_address",
            ),
            ((account, ""), limits.wrong_passwords_per_account, "wrong_passwords_per_account"),
        )


class CountedAttempts:
    """`Guesses` with a clock, as logins ask (`xmpp.credentials.Attempts`)."""

    def __init__(self, guesses: Guesses, clock: Callable[[], float]) -> None:
        self._guesses = guesses
        self._clock = clock

    def check(self, username: str, remote_ip: str) -> None:
        self._guesses.check(username.lower(), remote_ip, self._clock())

    def wrong(self, username: str, remote_ip: str) -> None:
        self._guesses.wrong(username.lower(), remote_ip, self._clock())

    def right(self, username: str, remote_ip: str) -> None:
        self._guesses.right(username.lower(), remote_ip)


def _network(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "?"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False).network_address)
    return str(parsed)
