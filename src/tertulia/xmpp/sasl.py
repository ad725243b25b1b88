"""SASL as XMPP clients use it: ANONYMOUS, PLAIN and SCRAM (RFC 4505, 4616, 5802, 7677).

Both sides of SCRAM, without I/O: bytes in, bytes or an error out. Secrets are compared in constant
time, and an unknown user costs and looks the same as a wrong password.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import stringprep
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from tertulia.errors import PeerError

SCRAM_HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}
DEFAULT_ITERATIONS = 4096  # RFC 7677 §4; our internal passwords are long random strings
MAX_ITERATIONS = 200_000  # as a client: what a hostile server may make us compute
MAX_MESSAGE_BYTES = 4096


class SaslFailure(PeerError):
    """The login was refused; `condition` is one of RFC 6120 §6.5."""

    def __init__(self, condition: str, text: str = "") -> None:
        super().__init__(text)
        self.failure = condition


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What a server keeps of a password (RFC 5802 §3): enough to check it, not to use it."""

    hash_name: str
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes

    @classmethod
    def derive(
        cls,
        password: str,
        hash_name: str,
        *,
        salt: bytes | None = None,
        iterations: int = DEFAULT_ITERATIONS,
    ) -> ScramKeys:
        """Compute the keys of a password. Raises: SaslFailure if it cannot be prepared."""
        salt = secrets.token_bytes(16) if salt is None else salt
        salted = _salted(password, hash_name, salt, iterations)
        client_key = _mac(hash_name, salted, b"Client Key")
        stored_key = hashlib.new(hash_name, client_key).digest()
        server_key = _mac(hash_name, salted, b"Server Key")
        return cls(hash_name, salt, iterations, stored_key, server_key)

    def matches(self, password: str) -> bool:
        derived = ScramKeys.derive(
            password, self.hash_name, salt=self.salt, iterations=self.iterations
        )
        return hmac.compare_digest(derived.stored_key, self.stored_key)


# Given a user name and a hash name, the keys and whether the user exists at all.
KeysOf = Callable[[str, str], tuple[ScramKeys, bool]]


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server's next message; the client owes a response."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Success:
    """The client is `username` ("" for an anonymous one); `data` goes with the success."""

    username: str
    data: bytes | None = None


class ServerMechanism(Protocol):
    """The server's side of one login attempt."""

    def step(self, data: bytes) -> Challenge | Success:
        """Take the client's message. Raises: SaslFailure."""


class ServerAnonymous:
    """RFC 4505; the trace information is ignored."""

    def step(self, data: bytes) -> Challenge | Success:
        _text(data)
        return Success("")


class ServerPlain:
    """RFC 4616, checked against SCRAM keys so that no password has to be kept."""

    def __init__(self, keys_of: KeysOf) -> None:
        self._keys_of = keys_of

    def step(self, data: bytes) -> Challenge | Success:
        parts = _text(data).split("\0")
        if len(parts) != 3 or not parts[1] or not parts[2]:
            raise SaslFailure("malformed-request", "PLAIN is authzid NUL authcid NUL password")
        authzid, username, password = parts
        if authzid.partition("@")[0] not in ("", username):
            raise SaslFailure("invalid-authzid", "nobody may act for somebody else")
        keys, known = self._keys_of(_prepared(username), "sha256")
        if not (keys.matches(password) and known):
            raise SaslFailure("not-authorized", "wrong user name or password")
        return Success(_prepared(username))


class ServerScram:
    """RFC 5802 without channel binding (the TLS stack gives no `tls-exporter`)."""

    def __init__(self, hash_name: str, keys_of: KeysOf, nonce: str = "") -> None:
        self._hash = hash_name
        self._keys_of = keys_of
        self._nonce = nonce or secrets.token_urlsafe(18)
        self._keys: ScramKeys | None = None
        self._known = False
        self._username = ""
        self._gs2 = ""
        self._transcript = ""

    def step(self, data: bytes) -> Challenge | Success:
        return self._first(_text(data)) if self._keys is None else self._final(_text(data))

    def _first(self, message: str) -> Challenge:
        flag, comma, rest = message.partition(",")
        if flag.startswith("p="):
            raise SaslFailure("malformed-request", "channel binding was not offered")
        authzid, second_comma, bare = rest.partition(",")
        if flag not in ("n", "y") or not comma or not second_comma:
            raise SaslFailure("malformed-request", "not a SCRAM client-first message")
        fields = _fields(bare)
        if [key for key, _ in fields[:2]] != ["n", "r"]:  # also refuses `m=` (RFC 5802 §5.1)
            raise SaslFailure("malformed-request", "user name and nonce were expected")
        self._username = _prepared(_unescape(fields[0][1]))
        if authzid:
            key, _, value = authzid.partition("=")
            if key != "a" or _unescape(value).partition("@")[0] != self._username:
                raise SaslFailure("invalid-authzid", "nobody may act for somebody else")
        self._gs2 = f"{flag},{authzid},"
        self._nonce = fields[1][1] + self._nonce
        self._keys, self._known = self._keys_of(self._username, self._hash)
        salt = base64.b64encode(self._keys.salt).decode()
        first = f"r={self._nonce},s={salt},i={self._keys.iterations}"
        self._transcript = f"{bare},{first}"
        return Challenge(first.encode())

    def _final(self, message: str) -> Success:
        assert self._keys is not None
        without_proof, found, encoded = message.rpartition(",p=")
        fields = dict(_fields(without_proof)) if found else {}
        if not found or _unbase64(fields.get("c", "")) != self._gs2.encode():
            raise SaslFailure("malformed-request", "not a SCRAM client-final message")
        if not hmac.compare_digest(fields.get("r", "").encode(), self._nonce.encode()):
            raise SaslFailure("not-authorized", "the nonce is not ours")
        auth = f"{self._transcript},{without_proof}".encode()
        keys = self._keys
        signature = _mac(keys.hash_name, keys.stored_key, auth)
        proof = _unbase64(encoded)
        if len(proof) != len(signature):
            raise SaslFailure("not-authorized", "wrong user name or password")
        client_key = _xor(proof, signature)
        candidate = hashlib.new(keys.hash_name, client_key).digest()
        if not (hmac.compare_digest(candidate, keys.stored_key) and self._known):
            raise SaslFailure("not-authorized", "wrong user name or password")
        verifier = base64.b64encode(_mac(keys.hash_name, keys.server_key, auth))
        return Success(self._username, b"v=" + verifier)


class ClientScram:
    """The client's side of SCRAM; proves the password and has the server prove it too."""

    GS2: ClassVar[str] = "n,,"

    def __init__(self, hash_name: str, username: str, password: str, nonce: str = "") -> None:
        self._hash = hash_name
        self._password = password
        self._nonce = nonce or secrets.token_urlsafe(18)
        escaped = _prepared(username).replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={escaped},r={self._nonce}"
        self._signature: bytes | None = None

    def first(self) -> bytes:
        return (self.GS2 + self._bare).encode()

    def final(self, challenge: bytes) -> bytes:
        """Answer the server's challenge. Raises: SaslFailure if it is not sound."""
        first = _text(challenge)
        fields = dict(_fields(first))
        nonce, salt = fields.get("r", ""), _unbase64(fields.get("s", ""))
        if "m" in fields or not nonce.startswith(self._nonce) or nonce == self._nonce or not salt:
            raise SaslFailure("malformed-request", "not a SCRAM challenge to our message")
        iterations = (
            int(fields["i"])
            if fields.get("i", "").isascii()
            and fields.get("i", "").isdigit()
            and len(fields["i"]) < 8
            else 0
        )
        if not DEFAULT_ITERATIONS <= iterations <= MAX_ITERATIONS:
            raise SaslFailure("malformed-request", f"{iterations} iterations are not acceptable")
        salted = _salted(self._password, self._hash, salt, iterations)
        client_key = _mac(self._hash, salted, b"Client Key")
        stored_key = hashlib.new(self._hash, client_key).digest()
        without_proof = f"c={base64.b64encode(self.GS2.encode()).decode()},r={nonce}"
        auth = f"{self._bare},{first},{without_proof}".encode()
        proof = _xor(client_key, _mac(self._hash, stored_key, auth))
        self._signature = _mac(self._hash, _mac(self._hash, salted, b"Server Key"), auth)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, data: bytes) -> None:
        """Check the server's proof. Raises: SaslFailure: then it does not know our password."""
        expected = self._signature
        given = _unbase64(dict(_fields(_text(data))).get("v", ""))
        if expected is None or not hmac.compare_digest(given, expected):
            raise SaslFailure("not-authorized", "the server could not prove that it knows us")


def decode(text: str) -> bytes:
    """The base64 content of an `<auth/>` or `<response/>`; `=` is the empty one (RFC 6120 §6.4.2).

    Raises: SaslFailure `incorrect-encoding`.
    """
    text = text.strip()
    if len(text) > MAX_MESSAGE_BYTES:
        raise SaslFailure("malformed-request", "a SASL message is too long")
    if text in ("", "="):
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SaslFailure("incorrect-encoding", "not base64") from None


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode() if data else "="


def saslprep(text: str) -> str:
    """Prepare a user name or password (RFC 4013). Raises: ValueError for what it prohibits."""
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c)
    )
    prepared = unicodedata.normalize("NFKC", mapped)
    prohibited = (
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
        stringprep.in_table_a1,
    )
    for character in prepared:
        if any(refuses(character) for refuses in prohibited):
            raise ValueError("a character that SASLprep prohibits")
    if any(map(stringprep.in_table_d1, prepared)) and (
        any(map(stringprep.in_table_d2, prepared))
        or not (stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1]))
    ):
        raise ValueError("mixed writing directions")
    return prepared


def _prepared(text: str) -> str:
    try:
        prepared = saslprep(text)
    except ValueError as error:
        raise SaslFailure("malformed-request", str(error)) from None
    if not prepared or len(prepared) > 255:
        raise SaslFailure("malformed-request", "an empty or overlong name or password")
    return prepared


def _salted(password: str, hash_name: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac(hash_name, _prepared(password).encode(), salt, iterations)


def _mac(hash_name: str, key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, hash_name)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _text(data: bytes) -> str:
    if len(data) > MAX_MESSAGE_BYTES:
        raise SaslFailure("malformed-request", "a SASL message is too long")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SaslFailure("malformed-request", "not UTF-8") from None


def _fields(message: str) -> list[tuple[str, str]]:
    fields = []
    for part in message.split(","):
        key, equals, value = part.partition("=")
        if len(key) != 1 or not equals:
            raise SaslFailure("malformed-request", "not a SCRAM message")
        fields.append((key, value))
    return fields


def _unescape(name: str) -> str:
    if "=" in name.replace("=2C", "").replace("=3D", ""):
        raise SaslFailure("malformed-request", "a user name is not escaped as RFC 5802 says")
    return name.replace("=2C", ",").replace("=3D", "=")


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SaslFailure("malformed-request", "not base64") from None
