"""Who may log in where, and as whom: guests, people with accounts, and internal accounts."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Origin
from tertulia.xmpp.sasl import (
    DEFAULT_ITERATIONS,
    SCRAM_HASHES,
    Challenge,
    KeysOf,
    SaslFailure,
    ScramKeys,
    ServerAnonymous,
    ServerMechanism,
    ServerPlain,
    ServerScram,
    Success,
)
from tertulia.xmpp.xml import Element

_DIGEST_BYTES = {"sha1": 20, "sha256": 32}


class KeyBook(Protocol):
    """Where the keys of passwords are."""

    @property
    def is_empty(self) -> bool:
        """Nobody can log in: passwords are not asked for."""

    def keys(self, username: str, hash_name: str) -> tuple[ScramKeys, bool]:
        """The keys of a user and True, or plausible ones and False, so that names do not leak."""


class Attempts(Protocol):
    """Counts wrong passwords."""

    def check(self, username: str, remote_ip: str) -> None:
        """Whether another one may be tried. Raises: SaslFailure."""

    def wrong(self, username: str, remote_ip: str) -> None: ...

    def right(self, username: str, remote_ip: str) -> None: ...


class Accounts:
    """Internal accounts in memory, each as SCRAM keys for every hash we offer."""

    def __init__(self) -> None:
        self._keys: dict[str, dict[str, ScramKeys]] = {}
        self._decoy = secrets.token_bytes(32)  # gives unknown users a salt that stays the same

    @property
    def is_empty(self) -> bool:
        return not self._keys

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


def _anybody(origin: Origin) -> bool:
    return True


def _nothing(jid: Jid) -> Sequence[Element]:
    return ()


def _as_guest(username: str, origin: Origin, earlier: Origin | None) -> Admission:
    return GUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginDomain:
    """One domain that streams can be opened to.

    `takes_guests` tells whether SASL ANONYMOUS is offered to a client that came like this, where
    the domain is `anonymous` at all. `admit` tells as whom a login lets somebody in; it is given
    the user name ("" for ANONYMOUS), how the client came, and how it had come for the session that
    it proves to have had (XEP-0198), and raises SaslFailure to refuse. `greeting` gives what a
    client is sent just before it is told that it has bound this address: stock clients read
    messages while they wait for that (signalling reference 1.8).
    """

    name: str
    anonymous: bool = False  # SASL ANONYMOUS: a fresh UUID as user name
    takes_guests: Callable[[Origin], bool] = _anybody
    accounts: KeyBook | None = None
    attempts: Attempts | None = None
    admit: Callable[[str, Origin, Origin | None], Admission] = _as_guest
    greeting: Callable[[Jid], Sequence[Element]] = _nothing


@dataclass(frozen=True, slots=True)
class Credentials:
    """All login domains of this server."""

    domains: dict[str, LoginDomain] = field(default_factory=dict)

    @classmethod
    def of(cls, domains: Iterable[LoginDomain]) -> Credentials:
        return cls({domain.name.lower(): domain for domain in domains})

    def mechanisms(self, domain: str, *, secure: bool, origin: Origin) -> list[str]:
        """What to offer, strongest first; PLAIN only inside TLS (RFC 6120 §6.3.4 and §13.8)."""
        login = self.domains[domain]
        offered: list[str] = []
        if login.accounts is not None and not login.accounts.is_empty:
            offered += ["SCRAM-SHA-256", "SCRAM-SHA-1"]
            if secure:
                offered.append("PLAIN")
        if login.anonymous and login.takes_guests(origin):
            offered.append("ANONYMOUS")
        return offered

    def begin(self, domain: str, mechanism: str, origin: Origin) -> ServerMechanism:
        """Start a login with a mechanism that was offered."""
        login = self.domains[domain]
        if mechanism == "ANONYMOUS":
            return ServerAnonymous()
        assert login.accounts is not None
        if login.attempts is None:
            return _password_mechanism(mechanism, login.accounts.keys)
        return _Counted(mechanism, login.accounts.keys, login.attempts, origin.remote_ip)

    def admit(
        self, domain: str, username: str, origin: Origin, earlier: Origin | None
    ) -> Admission:
        """As whom a login that succeeded lets somebody in. Raises: SaslFailure."""
        return self.domains[domain].admit(username, origin, earlier)

    def greeting(self, jid: Jid) -> Sequence[Element]:
        """What to send before the answer to the bind request of this address."""
        return self.domains[jid.domain].greeting(jid)


class _Counted:
    """A mechanism whose wrong passwords are counted, and refused when there were too many."""

    def __init__(self, name: str, keys_of: KeysOf, attempts: Attempts, remote_ip: str) -> None:
        self._mechanism = _password_mechanism(name, self._keys)
        self._keys_of = keys_of
        self._attempts = attempts
        self._remote_ip = remote_ip
        self._username = ""

    def step(self, data: bytes) -> Challenge | Success:
        try:
            outcome = self._mechanism.step(data)
        except SaslFailure as failure:
            if self._username and failure.failure == "not-authorized":
                self._attempts.wrong(self._username, self._remote_ip)
            raise
        if isinstance(outcome, Success):
            self._attempts.right(self._username, self._remote_ip)
        return outcome

    def _keys(self, username: str, hash_name: str) -> tuple[ScramKeys, bool]:
        self._attempts.check(username, self._remote_ip)
        self._username = username
        return self._keys_of(username, hash_name)


def _password_mechanism(name: str, keys_of: KeysOf) -> ServerMechanism:
    return ServerPlain(keys_of) if name == "PLAIN" else ServerScram(SCRAM_HASHES[name], keys_of)
