"""The local accounts of a site, in memory: a login never waits for the database."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable

from tertulia.accounts.errors import AccountError
from tertulia.accounts.passwords import ITERATIONS, Account, account_name
from tertulia.xmpp.sasl import ScramKeys

_DIGEST_BYTES = {"sha1": 20, "sha256": 32}


class Directory:
    """Accounts by name. `replace` is called whenever the database has others."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._decoy = secrets.token_bytes(32)  # gives unknown users a salt that stays the same

    def replace(self, accounts: Iterable[Account]) -> list[str]:
        """Take the accounts of the database; the names of those that are gone, or have another
        password than before."""
        before = self._accounts
        self._accounts = {each.name: each for each in accounts}
        return [
            name
            for name, account in before.items()
            if name not in self._accounts or self._accounts[name].keys != account.keys
        ]

    def account(self, name: str) -> Account | None:
        return self._accounts.get(name)

    @property
    def is_empty(self) -> bool:
        return not self._accounts

    def keys(self, username: str, hash_name: str) -> tuple[ScramKeys, bool]:
        """The keys of a user and True, or plausible ones and False, so that names do not leak."""
        try:
            name = account_name(username)
        except AccountError:
            name = ""
        account = self._accounts.get(name)
        if account is not None:
            return account.keys[hash_name], True
        salt = hmac.digest(self._decoy, f"{hash_name}:{username}".encode(), hashlib.sha256)[:16]
        nothing = secrets.token_bytes(_DIGEST_BYTES[hash_name])
        return ScramKeys(hash_name, salt, ITERATIONS, nothing, nothing), False
