"""Who may log in where: guests on the host's own domain, internal accounts on `auth.`."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from tertulia.xmpp.sasl import (
    DEFAULT_ITERATIONS,
    SCRAM_HASHES,
    ScramKeys,
    ServerAnonymous,
    ServerMechanism,
    ServerPlain,
    ServerScram,
)

_DIGEST_BYTES = {"sha1": 20, "sha256": 32}


class Accounts:
    """Internal accounts in memory, each as SCRAM keys for every hash we offer."""

    def __init__(self) -> None:
        self._keys: dict[str, dict[str, ScramKeys]] = {}
        self._decoy = secrets.token_bytes(32)  # gives unknown users a salt that stays the same

    def add(self, username: str, password: str) -> None:
        """Create or replace an account; the password itself is not kept."""
        self._keys[username.lower()] = {
            name: ScramKeys.derive(password, name) for name in SCRAM_HASHES.values()
        }

    def remove(self, username: str) -> None:
        self._keys.pop(username.lower(), None)

    def keys(self, username: str, hash_name: str) -> tuple[ScramKeys, bool]:
        """The keys of a user and True, or plausible ones and False, so that names do not leak."""
        kept = self._keys.get(username.lower())
        if kept is not None:
            return kept[hash_name], True
        salt = hmac.digest(self._decoy, f"{hash_name}:{username}".encode(), hashlib.sha256)[:16]
        nothing = secrets.token_bytes(_DIGEST_BYTES[hash_name])
        return ScramKeys(hash_name, salt, DEFAULT_ITERATIONS, nothing, nothing), False


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginDomain:
    """One domain that streams can be opened to."""

    name: str
    anonymous: bool = False  # SASL ANONYMOUS: a fresh UUID as user name
    accounts: Accounts | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """All login domains of this server."""

    domains: dict[str, LoginDomain] = field(default_factory=dict)

    @classmethod
    def of(cls, domains: Iterable[LoginDomain]) -> Credentials:
        return cls({domain.name.lower(): domain for domain in domains})

    def mechanisms(self, domain: str, *, secure: bool) -> list[str]:
        """What to offer, strongest first; PLAIN only inside TLS (RFC 6120 §6.3.4 and §13.8)."""
        login = self.domains[domain]
        offered: list[str] = []
        if login.accounts is not None:
            offered += ["SCRAM-SHA-256", "SCRAM-SHA-1"]
            if secure:
                offered.append("PLAIN")
        if login.anonymous:
            offered.append("ANONYMOUS")
        return offered

    def begin(self, domain: str, mechanism: str) -> ServerMechanism:
        """Start a login with a mechanism that was offered."""
        login = self.domains[domain]
        if mechanism == "ANONYMOUS":
            return ServerAnonymous()
        assert login.accounts is not None
        if mechanism == "PLAIN":
            return ServerPlain(login.accounts.keys)
        return ServerScram(SCRAM_HASHES[mechanism], login.accounts.keys)
