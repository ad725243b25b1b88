"""Names and passwords of local accounts, and what is kept of a password.

That is SCRAM keys and nothing else (decision 33): stock clients log in by SCRAM-SHA-1, for which
they are needed, and a stronger hash beside them would protect nothing. PLAIN is checked against the
same keys.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import stringprep
from dataclasses import dataclass

from tertulia.accounts.errors import AccountError
from tertulia.errors import MalformedInput
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.sasl import SCRAM_HASHES, SaslFailure, ScramKeys, saslprep

ITERATIONS = 10_000  # a login by PLAIN costs us 4 ms, one by SCRAM the client as much
SHORTEST = 8  # characters
LONGEST = 200
LONGEST_NAME = 64
_GENERATED = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is taken for something else


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    name: str  # as `account_name` leaves it
    display_name: str
    keys: dict[str, ScramKeys]  # by hash name
    created_ms: int = 0
    is_admin: bool = False  # may see and lead everything on the pages for administrators


def account_name(text: str) -> str:
    """The form in which a name is compared: SASLprep, lower case. Raises: AccountError."""
    try:
        name = saslprep(text).lower()
        if Jid.parse(f"{name}@localhost") != Jid(name, "localhost"):
            name = ""
    except (ValueError, MalformedInput):
        name = ""
    if not name or len(name) > LONGEST_NAME or any(map(stringprep.in_table_c11_c12, name)):
        raise AccountError(
            f"{text[:80]!r} cannot be the name of an account: up to {LONGEST_NAME} letters and "
            "digits, no spaces and none of \" & ' / : < > @"
        )
    return name


def keys_of(password: str, *, iterations: int = ITERATIONS) -> dict[str, ScramKeys]:
    """What to keep of a password, for each hash. Raises: AccountError."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise AccountError(f"a password has {SHORTEST} to {LONGEST} characters")
    try:
        return {
            name: ScramKeys.derive(password, name, iterations=iterations)
            for name in SCRAM_HASHES.values()
        }
    except SaslFailure as failure:
        raise AccountError(f"that cannot be a password: {failure}") from None


def generated_password() -> str:
    """Four groups of four: 79 bits, easy to read out."""
    groups = ("".join(secrets.choice(_GENERATED) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def written(keys: ScramKeys) -> str:
    """As it stands in the database: `iterations$salt$stored key$server key`, base64."""
    parts = (keys.salt, keys.stored_key, keys.server_key)
    return "$".join((str(keys.iterations), *(base64.b64encode(part).decode() for part in parts)))


def read(hash_name: str, text: str) -> ScramKeys:
    """What `written` gave. Raises: ValueError."""
    iterations, *parts = text.split("$")
    try:
        salt, stored, server = (base64.b64decode(part, validate=True) for part in parts)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    return ScramKeys(hash_name, salt, int(iterations), stored, server)
