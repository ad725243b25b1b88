"""Signing in at the house's own provider: the code flow of OpenID Connect with PKCE, without I/O.

The provider says who somebody is; what that opens here is a token of our own, as a personal link
has it. Sources: OpenID Connect Core 1.0 §3.1 and Discovery 1.0 §4, RFC 7636, RFC 9207.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from tertulia.errors import TertuliaError

# What a provider may sign with; neither `none` nor a shared secret is ever taken.
ALGORITHMS = ("RS256", "ES256", "PS256")
WELL_KNOWN = "/.well-known/openid-configuration"


class SignInFailed(TertuliaError):
    """It cannot go on. `reason` is one of the words that the page explains to people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInLimits:
    finished: int = 10_000  # that are remembered, so that no answer counts twice
    pending_s: float = 600.0  # for which one may take
    leeway_s: float = 10.0  # by which clocks may differ
    answer_bytes: int = 256 * 1024  # of the provider's answers
    value_characters: int = 200  # of a name or address


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """As what we are known to the provider, and by what we know who leads and who administers."""

    issuer: str
    client_id: str
    secret: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    lead_claim: str = ""  # "": everybody who signs in leads
    lead_values: frozenset[str] = frozenset()
    admin_claim: str = ""  # "": nobody who signs in is an administrator
    admin_values: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What a provider says of itself."""

    issuer: str
    authorization: str
    token: str
    keys: str
    names_itself: bool = False  # in its answers, as RFC 9207 has it

    @classmethod
    def read(cls, document: Any, issuer: str) -> Provider:
        """Raises: SignInFailed."""
        if not isinstance(document, dict) or document.get("issuer") != issuer:
            raise SignInFailed("provider", "the provider's description is of another issuer")
        try:
            provider = cls(
                issuer=issuer,
                authorization=_address(document["authorization_endpoint"]),
                token=_address(document["token_endpoint"]),
                keys=_address(document["jwks_uri"]),
                names_itself=bool(document.get("authorization_response_iss_parameter_supported")),
            )
        except KeyError as missing:
            raise SignInFailed("provider", f"the provider does not tell {missing}") from None
        return provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who has signed in."""

    subject: str
    name: str
    email: str
    leads: bool
    administers: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in under way."""

    state: str
    nonce: str
    verifier: str
    room: str
    back: str  # where the provider sends the browser
    began: float


class SignIns:
    """Sign-ins under way are kept by the browsers themselves, in a cookie that we have sealed:
    whoever begins thousands of them costs nobody else theirs.

    The cookie's owner may read it (the verifier is its own), and cannot change it.
    """

    def __init__(self, client: Client, limits: SignInLimits | None = None) -> None:
        self.client = client
        self.limits = limits or SignInLimits()
        self._finished: OrderedDict[str, None] = OrderedDict()  # states, each good for one answer
        self._seal = secrets.token_bytes(32)  # after a restart one signs in again

    def begin(self, provider: Provider, room: str, back: str, now: float) -> tuple[str, str]:
        """The address to send the browser to, and its cookie."""
        pending = Pending(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            room=room,
            back=back,
            began=now,
        )
        challenge = hashlib.sha256(pending.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": back,
            "scope": " ".join(self.client.scopes),
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": _base64(challenge),
            "code_challenge_method": "S256",
        }
        separator = "&" if urlsplit(provider.authorization).query else "?"
        return f"{provider.authorization}{separator}{urlencode(query)}", self._sealed(pending)

    def end(
        self, provider: Provider, query: Mapping[str, str], cookie: str, now: float
    ) -> tuple[str, Pending]:
        """The code with which to ask for the tokens, from the provider's answer; once only.

        Raises: SignInFailed.
        """
        if "error" in query:  # some providers forget the state here
            raise SignInFailed("refused", f"the provider refused: {query['error'][:100]}")
        pending = self._opened(cookie)
        if pending is None or not _same(pending.state, query.get("state", "")):
            raise SignInFailed("expired", "no sign-in of this browser is under way")
        if now > pending.began + self.limits.pending_s:
            raise SignInFailed("expired", "the sign-in took too long (pending_s)")
        if pending.state in self._finished:
            raise SignInFailed("expired", "this sign-in has been finished")
        self._finished[pending.state] = None
        if len(self._finished) > self.limits.finished:
            self._finished.popitem(last=False)
        if provider.names_itself and query.get("iss") != provider.issuer:
            raise SignInFailed("provider", "the answer is of another provider")
        code = query.get("code", "")
        if not code:
            raise SignInFailed("provider", "the provider gave no code")
        return code, pending

    def _sealed(self, pending: Pending) -> str:
        text = msgspec.json.encode(pending)
        return f"{_base64(text)}.{_base64(self._mark(text))}"

    def _opened(self, cookie: str) -> Pending | None:
        text, _, mark = cookie.partition(".")
        try:
            content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            return None
        if not _same(mark, _base64(self._mark(content))):
            return None
        return msgspec.json.decode(content, type=Pending)

    def _mark(self, content: bytes) -> bytes:
        return hmac.digest(self._seal, content, "sha256")

    def exchange(self, code: str, pending: Pending) -> dict[str, str]:
        """The form for the provider's token endpoint."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": pending.back,
            "client_id": self.client.client_id,
            "code_verifier": pending.verifier,
        }
        return {**form, "client_secret": self.client.secret} if self.client.secret else form

    def person(self, answer: Any, keys: Any, pending: Pending, now: float) -> Person:
        """Who it is, by the ID token of the token endpoint's answer.

        Args:
            keys: the provider's JWK set as it was fetched.
        Raises: SignInFailed.
        """
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise SignInFailed("provider", "the provider gave no ID token")
        claims = _claims(token, keys)
        self._check(claims, pending, now)
        name = claims.get("name") or claims.get("preferred_username") or ""
        return Person(
            subject=self._text(claims.get("sub")),
            name=self._text(name),
            email=self._text(claims.get("email")) if claims.get("email_verified", True) else "",
            leads=self._leads(claims),
            administers=self._administers(claims),
        )

    def _check(self, claims: Mapping[str, Any], pending: Pending, now: float) -> None:
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        expires, subject = claims.get("exp"), claims.get("sub")
        if claims.get("iss") != self.client.issuer:
            raise SignInFailed("provider", "the ID token is of another issuer")
        if self.client.client_id not in audiences:
            raise SignInFailed("provider", "the ID token is for another client")
        if len(audiences) > 1 and claims.get("azp") != self.client.client_id:
            raise SignInFailed("provider", "the ID token was made for another client")
        if not isinstance(expires, int | float) or isinstance(expires, bool):
            raise SignInFailed("provider", "the ID token does not say when it expires")
        if now >= expires + self.limits.leeway_s:
            raise SignInFailed("expired", "the ID token has expired")
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not _same(nonce, pending.nonce):
            raise SignInFailed("provider", "the ID token is of another sign-in")
        if not isinstance(subject, str) or not subject:
            raise SignInFailed("provider", "the ID token names nobody")

    def _leads(self, claims: Mapping[str, Any]) -> bool:
        if not self.client.lead_claim:
            return True
        return _has(claims, self.client.lead_claim, self.client.lead_values)

    def _administers(self, claims: Mapping[str, Any]) -> bool:
        claim = self.client.admin_claim
        # At some providers people may write any address there (Core §5.7).
        if not claim or (claim == "email" and claims.get("email_verified") is not True):
            return False
        return _has(claims, claim, self.client.admin_values)

    def _text(self, value: Any) -> str:
        return value[: self.limits.value_characters] if isinstance(value, str) else ""


def _has(claims: Mapping[str, Any], claim: str, wanted: frozenset[str]) -> bool:
    """Whether a claim is, or has among its values, one of those that are wanted."""
    value = claims.get(claim)
    values: Sequence[Any] = value if isinstance(value, list) else [value]
    return any(isinstance(each, str) and each in wanted for each in values)


def _claims(token: str, keys: Any) -> Mapping[str, Any]:
    from joserfc import jwt  # noqa: PLC0415  # takes long to load
    from joserfc.errors import JoseError  # noqa: PLC0415
    from joserfc.jwk import KeySet  # noqa: PLC0415

    try:
        return jwt.decode(token, KeySet.import_key_set(keys), algorithms=list(ALGORITHMS)).claims
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise SignInFailed("provider", "the ID token's signature is not good") from None


def _address(url: Any) -> str:
    """HTTPS, or the loopback. Raises: SignInFailed."""
    try:
        parts = urlsplit(url)
        is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    except (ValueError, TypeError, AttributeError):
        raise SignInFailed("provider", "an address of the provider is malformed") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise SignInFailed("provider", "an address of the provider is not https")
    return str(url)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
