"""Signing in at a provider: what is sent there, and which of its answers are believed."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from tertulia.accounts.oidc import (
    Client,
    Pending,
    Person,
    Provider,
    SignInFailed,
    SignIns,
)

ISSUER = "https://id.example"
BACK = "https://meet.example/sign-in/back"
NOW = 1_000_000.0
KEY = RSAKey.generate_key(2048, {"kid": "one"})
KEYS = KeySet([KEY]).as_dict(private=False)
PROVIDER = Provider(
    issuer=ISSUER, authorization=f"{ISSUER}/auth", token=f"{ISSUER}/token", keys=f"{ISSUER}/keys"
)
CLIENT = Client(issuer=ISSUER, client_id="tertulia", secret="s" * 32)


def begun(sign_ins: SignIns) -> tuple[dict[str, str], str]:
    """The query that the provider gets, and the browser's cookie."""
    url, cookie = sign_ins.begin(PROVIDER, "plaza", BACK, NOW)
    return {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}, cookie


def pending_of(sign_ins: SignIns) -> Pending:
    query, cookie = begun(sign_ins)
    return sign_ins.end(PROVIDER, {"state": query["state"], "code": "c"}, cookie, NOW)[1]


def answer(pending: Pending, key: Any = KEY, algorithm: str = "RS256", **claims: Any) -> Any:
    said = {
        "iss": ISSUER,
        "aud": "tertulia",
        "sub": "ana",
        "exp": NOW + 60,
        "nonce": pending.nonce,
        "name": "Ana",
        "email": "ana@example.org",
        **claims,
    }
    said = {name: value for name, value in said.items() if value is not None}
    return {"id_token": jwt.encode({"alg": algorithm, "kid": "one"}, said, key)}


def test_the_code_is_bound_to_us_by_a_challenge() -> None:
    sign_ins = SignIns(CLIENT)
    query, cookie = begun(sign_ins)

    code, pending = sign_ins.end(PROVIDER, {"state": query["state"], "code": "c"}, cookie, NOW)

    form = sign_ins.exchange(code, pending)
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert query["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert (query["code_challenge_method"], form["redirect_uri"]) == ("S256", BACK)


def test_who_signed_in_is_believed_once() -> None:
    sign_ins = SignIns(CLIENT)
    query, cookie = begun(sign_ins)
    reply = {"state": query["state"], "code": "c"}
    _, pending = sign_ins.end(PROVIDER, reply, cookie, NOW)

    person = sign_ins.person(answer(pending), KEYS, pending, NOW)

    assert person == Person(subject="ana", name="Ana", email="ana@example.org", leads=True)
    with pytest.raises(SignInFailed):
        sign_ins.end(PROVIDER, reply, cookie, NOW)


@pytest.mark.parametrize(
    ("claim", "claims", "administers"),
    [
        ("groups", {"groups": ["staff", "it"]}, True),
        ("groups", {"groups": "it"}, True),
        ("groups", {"groups": ["staff"]}, False),
        ("groups", {"groups": {"it": True}}, False),
        ("groups", {}, False),
        ("email", {"email": "ana@example.org", "email_verified": True}, True),
        ("email", {"email": "ana@example.org", "email_verified": "true"}, False),
        ("email", {"email": "ana@example.org"}, False),  # anybody may have written it
        ("", {"groups": ["it"]}, False),
    ],
)
def test_who_administers(claim: str, claims: dict[str, Any], *, administers: bool) -> None:
    values = frozenset({"it", "ana@example.org"})
    sign_ins = SignIns(replace(CLIENT, admin_claim=claim, admin_values=values))
    pending = pending_of(sign_ins)

    person = sign_ins.person(answer(pending, **claims), KEYS, pending, NOW)

    assert person.administers is administers


def test_another_browser_does_not_finish_it() -> None:
    sign_ins = SignIns(CLIENT)
    query, _ = begun(sign_ins)
    with pytest.raises(SignInFailed):
        sign_ins.end(PROVIDER, {"state": query["state"], "code": "c"}, "another", NOW)


def test_it_is_over_in_time() -> None:
    sign_ins = SignIns(CLIENT)
    query, cookie = begun(sign_ins)
    with pytest.raises(SignInFailed):
        sign_ins.end(PROVIDER, {"state": query["state"], "code": "c"}, cookie, NOW + 601)


def test_thousands_that_others_begin_cost_nobody_theirs() -> None:
    sign_ins = SignIns(CLIENT)
    query, cookie = begun(sign_ins)
    for _ in range(5000):
        begun(sign_ins)
    assert sign_ins.end(PROVIDER, {"state": query["state"], "code": "c"}, cookie, NOW)[0] == "c"


def test_a_cookie_of_another_server_or_a_changed_one_is_refused() -> None:
    sign_ins = SignIns(CLIENT)
    query, cookie = begun(SignIns(CLIENT))
    reply = {"state": query["state"], "code": "c"}
    own, mine = begun(sign_ins)
    text, _, mark = mine.partition(".")
    other = cookie.partition(".")[0]
    for bad in (
        cookie,
        f"{other}.{mark}",
        f"{text}A.{mark}",
        text,
        mark,
        ".",
        "",
        "a.b",
        "\u00e9.x",
    ):
        for said in (reply, {"state": own["state"], "code": "c"}):
            with pytest.raises(SignInFailed):
                sign_ins.end(PROVIDER, said, bad, NOW)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["tertulia", "another"], "azp": "another"},
        {"exp": NOW - 60},
        {"exp": None},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"sub": None},
        {"sub": ""},
    ],
)
def test_an_id_token_that_is_not_for_us_is_refused(claims: dict[str, Any]) -> None:
    sign_ins = SignIns(CLIENT)
    pending = pending_of(sign_ins)
    with pytest.raises(SignInFailed):
        sign_ins.person(answer(pending, **claims), KEYS, pending, NOW)


def test_only_the_provider_s_own_keys_sign() -> None:
    sign_ins = SignIns(CLIENT)
    pending = pending_of(sign_ins)
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    shared = OctKey.import_key(b"s" * 32, {"kid": "one"})
    for forged in (
        answer(pending, stranger),
        answer(pending, shared, "HS256"),
        {"id_token": "eyJhbGciOiJub25lIn0.e30."},
        {},
        None,
    ):
        with pytest.raises(SignInFailed):
            sign_ins.person(forged, KEYS, pending, NOW)


def test_who_leads_may_depend_on_a_claim() -> None:
    sign_ins = SignIns(replace(CLIENT, lead_claim="groups", lead_values=frozenset({"staff"})))
    for groups, leads in ((["staff", "x"], True), ("staff", True), (["x"], False), (None, False)):
        pending = pending_of(sign_ins)
        person = sign_ins.person(answer(pending, groups=groups), KEYS, pending, NOW)
        assert person.leads is leads


def test_an_address_that_the_provider_does_not_vouch_for_is_not_taken() -> None:
    sign_ins = SignIns(CLIENT)
    pending = pending_of(sign_ins)
    person = sign_ins.person(answer(pending, email_verified=False), KEYS, pending, NOW)
    assert person.email == ""


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://id.example/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "https://[broken"},
    ],
)
def test_a_provider_s_description_is_checked(change: dict[str, Any]) -> None:
    document = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/auth",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/keys",
    }
    assert Provider.read(document, ISSUER) == PROVIDER
    with pytest.raises(SignInFailed):
        Provider.read({**document, **change}, ISSUER)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=8,
)


@pytest.mark.hypothesis
@given(description=_JSON, tokens=_JSON | st.fixed_dictionaries({"id_token": _JSON}), keys=_JSON)
def test_whatever_a_provider_answers_is_taken_or_refused(
    description: Any, tokens: Any, keys: Any
) -> None:
    sign_ins = SignIns(CLIENT)
    pending = pending_of(sign_ins)
    with pytest.raises(SignInFailed):
        Provider.read(description, ISSUER)
    with pytest.raises(SignInFailed):
        sign_ins.person(tokens, keys, pending, NOW)
