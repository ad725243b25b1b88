"""JSON Web Tokens: who somebody is by the word of a web application (signalling reference 2).

A key decides its algorithm, never the token: a shared secret HS256, an RSA key RS256, a key on the
curve P-256 ES256. What a token says counts only after its signature, its issuer, its audience and
its time were found good.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote

from tertulia.accounts.errors import TokenRefused
from tertulia.errors import ConfigError
from tertulia.xmpp.admission import ANY_ROOM, Admission

SHORTEST_SECRET_BYTES = 32  # RFC 7518 §3.2
_KID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_ELEMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_KEEPS = "!~*'()"  # what encodeURIComponent leaves alone: room names are encoded by it


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLimits:
    characters: int = 8_192  # of a whole token
    leeway_s: float = 10.0  # by which clocks may differ
    user_keys: int = 30  # of `context.user`
    value_characters: int = 1_000  # of each of them
    features: int = 100


@dataclass(frozen=True)
class TokenKey:
    """A key and the one algorithm that it is for."""

    algorithm: str
    material: bytes  # a secret, or a public key as PEM

    @cached_property
    def key(self) -> Any:
        """As joserfc takes it."""
        from joserfc.jwk import ECKey, OctKey, RSAKey  # noqa: PLC0415  # takes long to load

        if self.algorithm == "HS256":
            return OctKey.import_key(self.material)
        return (RSAKey if self.algorithm == "RS256" else ECKey).import_key(self.material)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """What a token of one origin has to say; `*` accepts anything."""

    issuers: tuple[str, ...]
    audiences: tuple[str, ...] = ("*",)
    subject: str = ""  # required, or `*` in the token; "": not looked at


class Keys(Protocol):
    def key(self, kid: str) -> TokenKey | None:
        """The key for a token whose header names this one ("": none); None if there is none."""


class OneKey:
    """A site with a single key, whatever the header calls it."""

    def __init__(self, key: TokenKey) -> None:
        self._key = key

    def key(self, kid: str) -> TokenKey | None:
        return self._key


class KeyFolder:
    """Public keys as `KID.pem`; one that is put there while we run is found when it is named."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, TokenKey] = {}
        for file in sorted(folder.glob("*.pem")):
            self._keys[file.stem] = public_key(file)

    def key(self, kid: str) -> TokenKey | None:
        if not _KID.fullmatch(kid):
            return None
        known = self._keys.get(kid)
        file = self._folder / f"{kid}.pem"
        if known is None and file.is_file():
            try:
                known = self._keys[kid] = public_key(file)
            except ConfigError:
                return None
        return known


@dataclass(frozen=True, slots=True)
class Origin:
    """Tokens of one origin: who signs them, and what they have to say.

    `prepare` fetches the key of an id, where keys are not here; it never raises.
    """

    keys: Keys
    rules: TokenRules
    prepare: Callable[[str], Awaitable[None]] | None = None


class Tokens:
    """Checks tokens. Without any I/O but that of keys; the time is passed in."""

    def __init__(
        self,
        own: Mapping[str, Origin],
        foreign: Origin | None = None,
        limits: TokenLimits | None = None,
    ) -> None:
        """
        Args:
            own: origins of our own tokens by the `kid` that their headers name.
            foreign: the web application's, for all others.
        """
        self._own = own
        self._foreign = foreign
        self._limits = limits or TokenLimits()

    @property
    def are_expected(self) -> bool:
        """Whether a web application gives people tokens."""
        return self._foreign is not None

    async def prepare(self, token: str) -> None:
        """Have the key of a token at hand, before `admission` is asked. Never raises."""
        if self._foreign is None or self._foreign.prepare is None:
            return
        if 0 < len(token) <= self._limits.characters:
            with suppress(TokenRefused):
                _, kid = _header(token)
                if kid not in self._own:
                    await self._foreign.prepare(kid)

    def admission(self, token: str, now: float) -> Admission:
        """As whom a token lets somebody in.

        Args:
            now: seconds since the epoch.
        Raises: TokenRefused with a text for the person who holds it.
        """
        if len(token) > self._limits.characters:
            raise TokenRefused(f"the token is over {self._limits.characters} characters")
        header, kid = _header(token)
        origin = self._own.get(kid, self._foreign)
        key = origin.keys.key(kid) if origin is not None else None
        if origin is None or key is None:
            raise TokenRefused("the token is signed with a key that is not known here")
        if header.get("alg") != key.algorithm:
            raise TokenRefused(f"the token has to be signed with {key.algorithm}")
        claims = _verified(token, key)
        self._check(claims, origin.rules, now)
        return self._admission(claims)

    def _check(self, claims: Mapping[str, Any], rules: TokenRules, now: float) -> None:
        issuer, audience = claims.get("iss"), claims.get("aud")
        if not isinstance(issuer, str) or not _accepts(rules.issuers, [issuer]):
            raise TokenRefused("the token is of an issuer that is not accepted here")
        audiences = audience if isinstance(audience, list) else [audience]
        named = [each for each in audiences if isinstance(each, str) and each]
        if not named or not _accepts(rules.audiences, named):
            raise TokenRefused("the token is for another audience")
        expires, begins = _seconds(claims, "exp"), _seconds(claims, "nbf")
        if expires is None:
            raise TokenRefused("the token does not say when it expires")
        if now >= expires + self._limits.leeway_s:
            raise TokenRefused("the token has expired")
        if begins is not None and now < begins - self._limits.leeway_s:
            raise TokenRefused("the token is not valid yet")
        if rules.subject and claims.get("sub") not in ("*", rules.subject):
            raise TokenRefused("the token is for another site")

    def _admission(self, claims: Mapping[str, Any]) -> Admission:
        room = claims.get("room")
        if not isinstance(room, str) or not room.strip():
            raise TokenRefused("the token does not say for which room it is")
        context = claims.get("context", {})
        if not isinstance(context, dict):
            raise TokenRefused("the token's context is no object")
        user = context.get("user", {})
        if not isinstance(user, dict):
            raise TokenRefused("the token's context.user is no object")
        group = context.get("group", "")
        return Admission(
            is_authenticated=True,
            user=self._user(user),
            group=self._text(group) if isinstance(group, str) else "",
            room=room_node(room),
            moderates=_moderates(user),
            features=self._features(context.get("features")),
        )

    def _user(self, user: Mapping[Any, Any]) -> dict[str, str]:
        """The values as text, by keys that can be the names of elements; the rest is left out."""
        texts = {}
        for key, value in list(user.items())[: self._limits.user_keys]:
            if isinstance(value, bool):
                value = str(value).lower()  # noqa: PLW2901
            elif isinstance(value, int):
                value = str(value)  # noqa: PLW2901
            if isinstance(key, str) and isinstance(value, str) and _ELEMENT_NAME.fullmatch(key):
                texts[key] = self._text(value)
        return texts

    def _text(self, text: str) -> str:
        kept = (c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Cn"))
        return "".join(kept)[: self._limits.value_characters]

    def _features(self, features: Any) -> dict[str, bool] | None:
        if features is None:
            return None
        if not isinstance(features, dict) or len(features) > self._limits.features:
            raise TokenRefused("the token's features are no object, or too many")
        read = {True: True, False: False, "true": True, "false": False}
        return {
            name: read[value]
            for name, value in features.items()
            if isinstance(value, bool | str) and value in read
        }


def secret_key(secret: bytes, *, named: str) -> TokenKey:
    """A shared secret. Raises: ConfigError when it is too short to protect anything."""
    if len(secret) < SHORTEST_SECRET_BYTES:
        raise ConfigError(
            f"{named}: has {len(secret)} bytes; a secret that signs tokens has at least "
            f"{SHORTEST_SECRET_BYTES}, such as `openssl rand -hex 32` gives"
        )
    return TokenKey("HS256", secret)


def public_key(file: Path) -> TokenKey:
    """A PEM file with a public key or certificate. Raises: ConfigError."""
    try:
        return public_key_of(file.read_bytes(), named=str(file))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from None


def public_key_of(text: bytes, *, named: str) -> TokenKey:
    """A public key or certificate as PEM: RSA of 2048 bits and more, or P-256.

    Args:
        named: where it is from, for whoever has to mend it.
    Raises: ConfigError.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415

    try:
        is_certificate = b"BEGIN CERTIFICATE" in text
        key = (
            x509.load_pem_x509_certificate(text).public_key()
            if is_certificate
            else serialization.load_pem_public_key(text)
        )
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{named}: is no public key in PEM form") from None
    pem = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
        return TokenKey("RS256", pem)
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return TokenKey("ES256", pem)
    raise ConfigError(f"{named}: expected an RSA key of at least 2048 bits or one on P-256")


def room_node(room: str) -> str:
    """The node of the address of a room that a person or a program names (docs/protocols.md)."""
    if room == ANY_ROOM:
        return room
    name = unicodedata.normalize("NFKC", unquote(room)).strip().lower()
    return quote(name, safe=_KEEPS).lower()


def _header(token: str) -> tuple[Mapping[str, Any], str]:
    """And the id of the key that it names, "" for none. Raises: TokenRefused."""
    from joserfc.errors import JoseError  # noqa: PLC0415
    from joserfc.jws import extract_compact  # noqa: PLC0415

    try:
        header = extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        raise TokenRefused("the token is malformed") from None
    kid = header.get("kid", "")
    if not isinstance(kid, str):
        raise TokenRefused("the token is malformed")
    return header, kid


def _verified(token: str, key: TokenKey) -> Mapping[str, Any]:
    from joserfc import jwt  # noqa: PLC0415
    from joserfc.errors import JoseError  # noqa: PLC0415

    try:
        return jwt.decode(token, key.key, algorithms=[key.algorithm]).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise TokenRefused("the token's signature is not right") from None


def _accepts(accepted: Sequence[str], named: Sequence[str]) -> bool:
    return "*" in accepted or any(each in accepted for each in named)


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TokenRefused(f"the token's {name} is no number of seconds")
    return value


def _moderates(user: Mapping[Any, Any]) -> bool | None:
    """Claims that many sites use and stock servers leave to plug-ins (signalling reference 2.2)."""
    said = (user.get("affiliation"), user.get("moderator"))
    if said[0] == "owner" or said[1] in (True, "true"):
        return True
    if said[0] in ("member", "none") or said[1] in (False, "false"):
        return False
    return None
