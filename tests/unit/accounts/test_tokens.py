"""Tokens: what each claim has to be, and that nothing hostile gets past or breaks anything."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from tertulia.accounts.errors import TokenRefused
from tertulia.accounts.foreign_tokens import foreign_origin
from tertulia.accounts.links import ISSUER, KID, LinkKey, PersonalLink
from tertulia.accounts.tokens import (
    KeyFolder,
    OneKey,
    Origin,
    TokenRules,
    Tokens,
    public_key,
    room_node,
    secret_key,
)
from tertulia.config.people import Tokens as TokenSettings
from tertulia.errors import ConfigError
from tertulia.xmpp.admission import Admission

NOW = 1_800_000_000.0
SECRET = b"0123456789abcdef0123456789abcdef"
HOST = "meet.example"
GOOD = {"iss": "app", "aud": "jitsi", "exp": NOW + 60, "room": "plaza"}
LINKS = LinkKey(b"f" * 64, HOST)


def signed(claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """By the web application's secret."""
    key = OctKey.import_key(SECRET)
    return jwt.encode({"alg": "HS256", **(header or {})}, claims, key, algorithms=["HS256"])


def raw(header: object, claims: object, signature: bytes = b"") -> str:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return ".".join(
        (part(json.dumps(header).encode()), part(json.dumps(claims).encode()), part(signature))
    )


def tokens(**rules: Any) -> Tokens:
    wanted = TokenRules(**{"issuers": ("app",), **rules})
    foreign = Origin(OneKey(secret_key(SECRET, named="secret")), wanted)
    return Tokens({KID: LINKS.origin}, foreign)


def admission(claims: dict[str, Any], **rules: Any) -> Admission:
    return tokens(**rules).admission(signed(claims), NOW)


def test_a_good_token_lets_somebody_in_as_who_it_says() -> None:
    user = {"id": "7", "name": "Ana", "email": "ana@example.org", "avatar": "https://a/b.png"}
    context = {
        "user": {**user, "staff": True, "level": 3, "no name!": "x", "list": [1]},
        "group": "choir",
        "features": {"recording": "true", "livestreaming": False, "odd": "maybe"},
    }

    found = admission({**GOOD, "context": context})

    assert found == Admission(
        is_authenticated=True,
        user={**user, "staff": "true", "level": "3"},
        group="choir",
        room="plaza",
        features={"recording": True, "livestreaming": False},
    )
    assert found.is_moderator


@pytest.mark.parametrize(
    ("user", "moderates"),
    [
        ({}, None),
        ({"moderator": True}, True),
        ({"moderator": "true"}, True),
        ({"moderator": False}, False),
        ({"affiliation": "owner"}, True),
        ({"affiliation": "member"}, False),
        ({"affiliation": "owner", "moderator": False}, True),
        ({"affiliation": "teacher"}, None),
        ({"moderator": 1}, True),  # JSON of some libraries; 1 is true in every language
        ({"moderator": "yes"}, None),
    ],
)
def test_a_token_may_say_who_moderates(user: dict[str, Any], moderates: bool | None) -> None:
    assert admission({**GOOD, "context": {"user": user}}).moderates is moderates


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"iss": "other"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"iss": ["app"]}, "issuer"),
        ({"aud": None}, "audience"),
        ({"aud": ""}, "audience"),
        ({"aud": [7]}, "audience"),
        ({"exp": None}, "when it expires"),
        ({"exp": "1900000000"}, "exp is no number"),
        ({"exp": True}, "exp is no number"),
        ({"exp": NOW - 11}, "expired"),
        ({"exp": -1}, "expired"),
        ({"nbf": NOW + 11}, "not valid yet"),
        ({"nbf": "soon"}, "nbf is no number"),
        ({"room": None}, "which room"),
        ({"room": " "}, "which room"),
        ({"room": ["plaza"]}, "which room"),
        ({"context": []}, "context is no object"),
        ({"context": {"user": "ana"}}, "user is no object"),
        ({"context": {"features": ["recording"]}}, "features"),
    ],
)
def test_what_is_not_as_it_should_be_is_named(change: dict[str, Any], says: str) -> None:
    claims = {k: v for k, v in {**GOOD, **change}.items() if v is not None}

    with pytest.raises(TokenRefused, match=says) as refused:
        admission(claims)

    assert refused.value.failure == "not-allowed"


def test_clocks_may_differ_a_little() -> None:
    assert admission({**GOOD, "exp": NOW - 9, "nbf": NOW + 9})


@pytest.mark.parametrize(
    ("audience", "is_accepted"),
    [("jitsi", True), (["x", "jitsi"], True), ("x", False), (["x"], False), ([], False)],
)
def test_audiences_may_be_limited(audience: object, is_accepted: bool) -> None:
    check: Callable[[], Admission] = lambda: admission(  # noqa: E731
        {**GOOD, "aud": audience}, audiences=("jitsi", "meet")
    )
    if is_accepted:
        assert check()
    else:
        with pytest.raises(TokenRefused, match="audience"):
            check()


@pytest.mark.parametrize(("subject", "is_accepted"), [(HOST, True), ("*", True), ("x", False)])
def test_the_subject_counts_only_if_it_shall(subject: str, is_accepted: bool) -> None:
    assert admission({**GOOD, "sub": subject})
    if is_accepted:
        assert admission({**GOOD, "sub": subject}, subject=HOST)
    else:
        with pytest.raises(TokenRefused, match="another site"):
            admission({**GOOD, "sub": subject}, subject=HOST)


@pytest.mark.parametrize("algorithm", ["none", "None", "", "HS384", "RS256", None, 7, ["HS256"]])
def test_the_key_decides_the_algorithm_never_the_token(algorithm: object) -> None:
    for signature in (b"", b"\0" * 32):
        with pytest.raises(TokenRefused):
            tokens().admission(raw({"alg": algorithm}, GOOD, signature), NOW)


def test_another_secret_is_found_out() -> None:
    other = jwt.encode({"alg": "HS256"}, GOOD, OctKey.import_key(b"x" * 32))

    with pytest.raises(TokenRefused, match="signature"):
        tokens().admission(other, NOW)


def test_a_changed_claim_is_found_out() -> None:
    head, body, signature = signed(GOOD).split(".")
    other = raw({}, {**GOOD, "room": "*"}).split(".")[1]

    with pytest.raises(TokenRefused, match="signature"):
        tokens().admission(f"{head}.{other}.{signature}", NOW)
    assert body != other


@dataclass(frozen=True)
class Pair:
    public: bytes
    key: Any
    algorithm: str


def pair(kind: str) -> Pair:
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if kind == "ES256":
        private = ec.generate_private_key(ec.SECP256R1())
    else:
        private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = ECKey.import_key(pem) if kind == "ES256" else RSAKey.import_key(pem)
    return Pair(public, key, kind)


@pytest.mark.parametrize("kind", ["RS256", "ES256"])
def test_public_keys_check_what_private_ones_sign(kind: str, tmp_path: Path) -> None:
    made = pair(kind)
    file = tmp_path / "key.pem"
    file.write_bytes(made.public)
    checks = Tokens({}, Origin(OneKey(public_key(file)), TokenRules(issuers=("*",))))

    token = jwt.encode({"alg": kind}, GOOD, made.key, algorithms=[kind])

    assert checks.admission(token, NOW).room == "plaza"
    # The public key is no secret: used as one for HS256 it opens nothing.
    as_secret = raw({"alg": "HS256"}, GOOD).rpartition(".")[0]
    forged = hmac.digest(made.public, as_secret.encode(), "sha256")
    with pytest.raises(TokenRefused, match=f"signed with {kind}"):
        checks.admission(raw({"alg": "HS256"}, GOOD, forged), NOW)


def test_in_a_folder_keys_are_found_by_their_name_also_later(tmp_path: Path) -> None:
    first, second = pair("ES256"), pair("ES256")
    (tmp_path / "one.pem").write_bytes(first.public)
    checks = Tokens({}, Origin(KeyFolder(tmp_path), TokenRules(issuers=("*",))))

    def token(made: Pair, kid: str) -> str:
        header = {"alg": "ES256", "kid": kid}
        return jwt.encode(header, GOOD, made.key, algorithms=["ES256"])

    assert checks.admission(token(first, "one"), NOW)
    for kid in ("two", "", "../one", "one/../one", ".", "one.pem", "x" * 200, "on\0e"):
        with pytest.raises(TokenRefused, match="key that is not known"):
            checks.admission(token(second, kid), NOW)
    (tmp_path / "two.pem").write_bytes(second.public)
    assert checks.admission(token(second, "two"), NOW)
    with pytest.raises(TokenRefused, match="signature"):
        checks.admission(token(first, "two"), NOW)


def test_keys_too_weak_to_protect_anything_are_the_operators_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least 32"):
        secret_key(b"my_jitsi_app_secret", named="secret")
    short = rsa.generate_private_key(65537, 1024).public_key()
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    for key in (short, other):
        file = tmp_path / "key.pem"
        file.write_bytes(
            key.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        with pytest.raises(ConfigError, match="2048"):
            public_key(file)


@pytest.mark.parametrize(
    "settings",
    [
        TokenSettings(secret_file=Path("s")),
        TokenSettings(issuers=("a",)),
        TokenSettings(issuers=("a",), secret_file=Path("s"), public_keys=Path("p")),
        TokenSettings(key_server="https://app.example/keys"),
        TokenSettings(
            issuers=("a",), key_server="https://a.example/", key_set="https://a.example/"
        ),
        TokenSettings(issuers=("a",), secret_file=Path("s"), key_set="https://a.example/"),
        TokenSettings(issuers=("a",), secret_file=Path("/nowhere/at/all")),
        TokenSettings(issuers=("a",), public_keys=Path("/nowhere/at/all")),
    ],
)
def test_half_a_configuration_is_none(settings: TokenSettings) -> None:
    with pytest.raises(ConfigError):
        foreign_origin(settings, HOST)


def test_without_issuers_there_is_no_web_application() -> None:
    assert foreign_origin(TokenSettings(), HOST) is None
    with pytest.raises(TokenRefused, match="not known here"):
        Tokens({}).admission(signed(GOOD), NOW)


@pytest.mark.parametrize(
    ("named", "node"),
    [
        ("*", "*"),
        ("Plaza", "plaza"),
        ("Plaza Mayor", "plaza%20mayor"),
        ("plaza%20mayor", "plaza%20mayor"),
        ("Cañón", "ca%c3%b1%c3%b3n"),
    ],
)
def test_rooms_are_compared_as_they_stand_in_addresses(named: str, node: str) -> None:
    assert room_node(named) == node


# Our own links


def test_a_link_lets_its_holder_into_its_room_for_its_time() -> None:
    link = PersonalLink(room="Plaza", name="Ana", moderator=True, valid_s=7200)

    token = LINKS.token(link, NOW)

    found = Tokens({KID: LINKS.origin}).admission(token, NOW + 7100)
    assert (found.user["name"], found.room, found.moderates) == ("Ana", "plaza", True)
    with pytest.raises(TokenRefused, match="expired"):
        Tokens({KID: LINKS.origin}).admission(token, NOW + 7211)
    with pytest.raises(TokenRefused, match="signature"):
        Tokens({KID: LinkKey(b"g" * 64, HOST).origin}).admission(token, NOW)
    with pytest.raises(TokenRefused, match="audience"):
        Tokens({KID: LinkKey(b"f" * 64, "other.example").origin}).admission(token, NOW)


def test_a_web_application_does_not_speak_for_our_own_links() -> None:
    claims = {**GOOD, "iss": ISSUER, "aud": HOST}

    with pytest.raises(TokenRefused, match="signature"):
        tokens().admission(signed(claims, {"kid": KID}), NOW)


def test_the_key_of_links_is_kept_and_nobody_elses(tmp_path: Path) -> None:
    token = LinkKey.kept(tmp_path, HOST).token(PersonalLink(room="plaza"), NOW)

    assert Tokens({KID: LinkKey.kept(tmp_path, HOST).origin}).admission(token, NOW)
    assert (tmp_path / "links.secret").stat().st_mode & 0o777 == 0o600


# Whatever comes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=10,
)


@given(st.text(max_size=400) | st.binary(max_size=400).map(lambda b: b.decode("latin-1")))
def test_text_that_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(TokenRefused):
        tokens().admission(text, NOW)


@given(header=JSON, claims=JSON, signature=st.binary(max_size=64))
def test_nothing_is_let_in_without_a_signature(
    header: object, claims: object, signature: bytes
) -> None:
    with pytest.raises(TokenRefused):
        tokens().admission(raw(header, claims, signature), NOW)


@given(claims=st.dictionaries(st.sampled_from(["iss", "aud", "exp", "nbf", "sub", "room"]), JSON))
def test_signed_claims_of_any_kind_are_let_in_or_refused(claims: dict[str, Any]) -> None:
    try:
        found = admission({**GOOD, **claims})
    except (TokenRefused, ValueError):  # ValueError: what JSON cannot say (NaN), of the test's own
        return
    assert found.is_authenticated
    assert isinstance(found.room, str)


@given(context=st.dictionaries(st.sampled_from(["user", "group", "features"]), JSON))
def test_any_context_becomes_text_that_a_stanza_can_carry(context: dict[str, Any]) -> None:
    from tertulia.rooms.claims import identity
    from tertulia.xmpp.xml import parse_document, serialise

    try:
        found = admission({**GOOD, "context": context})
    except (TokenRefused, ValueError):
        return
    for element in identity(found):
        parse_document(serialise(element))


def test_deep_json_is_refused_and_nothing_else() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 3000).decode().rstrip("=")

    for token in (f"{deep}.e30.e30", f"{signed(GOOD).split('.')[0]}.{deep}.e30"):
        with pytest.raises(TokenRefused):
            tokens().admission(token, NOW)


def test_long_tokens_are_not_looked_at() -> None:
    with pytest.raises(TokenRefused, match="over 8192"):
        tokens().admission("a" * 8193, NOW)
