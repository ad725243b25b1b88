"""Public keys for tokens that are fetched from where the web application keeps them.

Either a key server, which is asked for each key by the SHA-256 of its id (Jitsi's
`asap_key_server`), or one JWK set (RFC 7517 §5). What was fetched is remembered, what is missing as
well, and of keys that nobody has heard of only so many are asked for: a stranger who makes up ids
costs the key server little and the others nothing. The fetching itself is passed in.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tertulia.accounts.tokens import TokenKey, public_key_of
from tertulia.errors import ConfigError, TertuliaError
from tertulia.xmpp.pace import TokenBucket

log = logging.getLogger("tertulia.accounts")

# The body at an address, None when there is nothing there. Raises: TertuliaError.
Fetch = Callable[[str], Awaitable[bytes | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DistantKeyLimits:
    keys: int = 200  # that are remembered; the one unused for longest goes first
    missing: int = 1_000  # ids without a key that are remembered
    fresh_s: float = 3600.0  # after so long a key is asked for again
    stale_s: float = 24 * 3600.0  # so long it is used while the server does not answer
    again_s: float = 60.0  # before what was missing, or failed, is asked for again
    unknown_per_minute: int = 30  # requests because of ids that have no key yet
    kid_characters: int = 200


class Source(Protocol):
    """Where keys are."""

    def url(self, kid: str) -> str:
        """Where to look for this one."""

    def read(self, body: bytes, kid: str) -> Mapping[str, TokenKey]:
        """What was found there, by id. Raises: ConfigError when it is of no use."""


@dataclass(frozen=True, slots=True)
class KeyServer:
    """A folder of `sha256(kid).pem`."""

    base: str

    def url(self, kid: str) -> str:
        return f"{self.base.rstrip('/')}/{hashlib.sha256(kid.encode()).hexdigest()}.pem"

    def read(self, body: bytes, kid: str) -> Mapping[str, TokenKey]:
        return {kid: public_key_of(body, named=self.url(kid))}


@dataclass(frozen=True, slots=True)
class KeySet:
    """A JWK set; keys without an id, and those that are not for signatures, are left out."""

    address: str

    def url(self, kid: str) -> str:
        return self.address

    def read(self, body: bytes, kid: str) -> Mapping[str, TokenKey]:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
            raise ConfigError(f"{self.address} is no JWK set")
        found = {}
        for each in document["keys"]:
            if isinstance(each, dict) and isinstance(each.get("kid"), str):
                key = _of_jwk(each, self.address)
                if key is not None:
                    found[each["kid"]] = key
        return found


@dataclass(slots=True)
class _Fetched:
    """What an address gave."""

    keys: Mapping[str, TokenKey]
    at: float  # when it last gave something
    asked: float  # when it was last asked


class DistantKeys:
    """`Keys` whose `prepare` has to be waited for before `key` is asked."""

    def __init__(
        self,
        source: Source,
        fetch: Fetch,
        clock: Callable[[], float],
        limits: DistantKeyLimits | None = None,
    ) -> None:
        """
        Args:
            clock: seconds, from any moment on.
        """
        self._source = source
        self._fetch = fetch
        self._clock = clock
        self._limits = limits or DistantKeyLimits()
        self._known: OrderedDict[str, _Fetched] = OrderedDict()  # by address
        self._missing: OrderedDict[str, float] = OrderedDict()  # id -> when that was found
        self._under_way: dict[str, asyncio.Task[None]] = {}  # by address
        per_minute = self._limits.unknown_per_minute
        self._unknown = TokenBucket(per_minute / 60, per_minute, clock())

    def key(self, kid: str) -> TokenKey | None:
        known = self._known.get(self._source.url(kid)) if self._may_be(kid) else None
        if known is None or self._clock() - known.at > self._limits.stale_s:
            return None
        return known.keys.get(kid)

    async def prepare(self, kid: str) -> None:
        """Fetch the key of this id unless it is known, or known to be missing. Never raises."""
        if not self._may_be(kid):
            return
        url, now, limits = self._source.url(kid), self._clock(), self._limits
        known = self._known.get(url)
        if known is not None and kid in known.keys:
            self._known.move_to_end(url)
            if now - known.at < limits.fresh_s or now - known.asked < limits.again_s:
                return
        elif now - self._missing.get(kid, -limits.again_s) < limits.again_s:
            return
        elif url not in self._under_way and not self._unknown.take(now):
            log.warning("Keys of tokens are not asked for: too many (unknown_per_minute)")
            return
        task = self._under_way.get(url)
        if task is None:
            task = self._under_way[url] = asyncio.create_task(self._ask(url, kid))
        await asyncio.shield(task)
        if self.key(kid) is None:
            self._missing[kid] = self._clock()
            if len(self._missing) > limits.missing:
                self._missing.popitem(last=False)

    def _may_be(self, kid: str) -> bool:
        return 0 < len(kid) <= self._limits.kid_characters

    async def _ask(self, url: str, kid: str) -> None:
        try:
            body = await self._fetch(url)
            if body is None:
                self._known.pop(url, None)
                log.info("There is no key for tokens: url=%s kid=%r", url, kid)
                return
            keys = self._source.read(body, kid)
        except TertuliaError as error:
            log.warning("A key for tokens was not fetched: kid=%r reason=%s", kid, error)
            known = self._known.get(url)
            if known is not None:
                known.asked = self._clock()
            return
        finally:
            del self._under_way[url]
        self._known[url] = _Fetched(keys, self._clock(), self._clock())
        self._known.move_to_end(url)
        for each in keys:
            self._missing.pop(each, None)
        if len(self._known) > self._limits.keys:
            self._known.popitem(last=False)


def _of_jwk(document: Mapping[str, Any], named: str) -> TokenKey | None:
    from joserfc.errors import JoseError  # noqa: PLC0415  # takes long to load
    from joserfc.jwk import ECKey, RSAKey  # noqa: PLC0415

    kty = document.get("kty")
    if kty not in ("RSA", "EC") or document.get("use", "sig") != "sig":
        return None
    try:
        key: RSAKey | ECKey = (RSAKey if kty == "RSA" else ECKey).import_key(dict(document))
        pem = key.as_pem(private=False)
        found = public_key_of(pem, named=named)
    except (JoseError, ConfigError, ValueError, TypeError, KeyError) as error:
        log.warning("A key of a JWK set is of no use: kid=%r reason=%s", document["kid"], error)
        return None
    return found if document.get("alg", found.algorithm) == found.algorithm else None
