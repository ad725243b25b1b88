"""Keys of tokens that are fetched: from a key server or a JWK set, and rarely."""

import hashlib
import json
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tertulia.accounts.distant_keys import DistantKeyLimits, DistantKeys, KeyServer, KeySet, Source
from tertulia.accounts.errors import TokenRefused
from tertulia.accounts.tokens import Origin, TokenRules, Tokens
from tertulia.errors import TertuliaError

SERVER = "https://app.example/keys/"
SET = "https://app.example/jwks.json"
NOW = 1_800_000_000
FOLDER = KeyServer(SERVER)
LIMITS = DistantKeyLimits(keys=2, missing=2, unknown_per_minute=3)


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
PRIVATE_PEM = RSA.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


def address(kid: str) -> str:
    return f"{SERVER}{hashlib.sha256(kid.encode()).hexdigest()}.pem"


class Web:
    """Other people's servers."""

    def __init__(self, pages: Mapping[str, bytes], source: Source = FOLDER) -> None:
        self.pages = dict(pages)
        self.asked: list[str] = []
        self.is_down = False
        self.now = 0.0
        self.keys = DistantKeys(source, self.fetch, lambda: self.now, LIMITS)

    async def fetch(self, url: str) -> bytes | None:
        self.asked.append(url)
        if self.is_down:
            raise TertuliaError("the server does not answer")
        return self.pages.get(url)

    async def has(self, kid: str) -> bool:
        await self.keys.prepare(kid)
        return self.keys.key(kid) is not None


async def test_a_key_is_asked_for_by_the_hash_of_its_id_and_remembered() -> None:
    web = Web({address("jitsi/one"): pem_of(RSA)})

    assert await web.has("jitsi/one")
    assert await web.has("jitsi/one")

    key = web.keys.key("jitsi/one")
    assert key is not None
    assert key.algorithm == "RS256"
    assert web.asked == [address("jitsi/one")]


async def test_a_token_is_good_once_its_key_is_there() -> None:
    web = Web({address("one"): pem_of(RSA)})
    rules = TokenRules(issuers=("portal",))
    tokens = Tokens({}, Origin(web.keys, rules, web.keys.prepare))
    claims = {"iss": "portal", "aud": "jitsi", "exp": NOW + 60, "room": "plaza"}
    token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.import_key(PRIVATE_PEM))

    with pytest.raises(TokenRefused, match="not known here"):
        tokens.admission(token, NOW)
    await tokens.prepare(token)

    assert tokens.admission(token, NOW).room == "plaza"


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "x" * 20_000])
async def test_nobody_is_asked_because_of_what_is_no_token(token: str) -> None:
    web = Web({})

    await Tokens({}, Origin(web.keys, TokenRules(issuers=("a",)), web.keys.prepare)).prepare(token)

    assert web.asked == []


@pytest.mark.parametrize(
    "page", [b"", b"<html>", pem_of(ec.generate_private_key(ec.SECP384R1())), PRIVATE_PEM]
)
async def test_what_is_no_public_key_of_ours_is_none(page: bytes) -> None:
    assert not await Web({address("one"): page}).has("one")


async def test_what_is_missing_is_not_asked_for_again_at_once() -> None:
    web = Web({})
    assert not await web.has("one")
    web.pages[address("one")] = pem_of(RSA)

    assert not await web.has("one")
    web.now += LIMITS.again_s

    assert await web.has("one")


async def test_ids_that_somebody_makes_up_are_asked_for_only_so_often() -> None:
    web = Web({address("good"): pem_of(RSA)})
    assert await web.has("good")

    for number in range(10):
        assert not await web.has(f"made-up-{number}")

    assert len(web.asked) == LIMITS.unknown_per_minute
    assert await web.has("good")


@pytest.mark.parametrize("kid", ["", "x" * 201])
async def test_nobody_is_asked_for_an_id_that_cannot_be(kid: str) -> None:
    web = Web({})

    assert not await web.has(kid)
    assert web.asked == []


async def test_a_key_is_used_for_a_while_when_the_server_does_not_answer() -> None:
    web = Web({address("one"): pem_of(RSA)})
    assert await web.has("one")

    web.is_down = True
    web.now += LIMITS.fresh_s
    assert await web.has("one")
    assert await web.has("one")
    assert len(web.asked) == 2  # it is given time to come back
    web.now += LIMITS.stale_s

    assert not await web.has("one")


async def test_a_key_that_was_withdrawn_is_good_no_more() -> None:
    web = Web({address("one"): pem_of(RSA)})
    assert await web.has("one")

    del web.pages[address("one")]
    web.now += LIMITS.fresh_s

    assert not await web.has("one")


async def test_only_so_many_keys_are_remembered() -> None:
    web = Web({address(kid): pem_of(RSA) for kid in ("one", "two", "three")})

    for kid in ("one", "two", "three"):
        assert await web.has(kid)

    assert [web.keys.key(kid) is not None for kid in ("one", "two", "three")] == [False, True, True]


def key_set(*keys: Mapping[str, object]) -> bytes:
    return json.dumps({"keys": keys}).encode()


RSA_JWK = dict(RSAKey.import_key(pem_of(RSA)).as_dict(private=False))
CURVE_JWK = dict(ECKey.import_key(pem_of(CURVE)).as_dict(private=False))


async def test_a_key_set_is_fetched_once_for_all_its_keys() -> None:
    page = key_set({**RSA_JWK, "kid": "r", "use": "sig"}, {**CURVE_JWK, "kid": "e"})
    web = Web({SET: page}, KeySet(SET))

    assert await web.has("r")
    assert await web.has("e")

    found = [web.keys.key(kid) for kid in ("r", "e")]
    assert [key.algorithm for key in found if key is not None] == ["RS256", "ES256"]
    assert web.asked == [SET]


async def test_a_key_that_is_new_in_the_set_is_found() -> None:
    web = Web({SET: key_set({**RSA_JWK, "kid": "old"})}, KeySet(SET))
    assert await web.has("old")
    web.pages[SET] = key_set({**RSA_JWK, "kid": "old"}, {**RSA_JWK, "kid": "new"})

    assert await web.has("new")


@pytest.mark.parametrize(
    "key",
    [
        {**RSA_JWK, "kid": "one", "use": "enc"},
        {**RSA_JWK, "kid": "one", "alg": "RS512"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "one"},
        {"kty": "RSA", "kid": "one"},
        {"kty": ["RSA"], "kid": "one"},
        {"kid": 1},
        "text",
    ],
)
async def test_keys_of_a_set_that_are_not_for_tokens_are_left_out(
    key: Mapping[str, object],
) -> None:
    assert not await Web({SET: key_set(key)}, KeySet(SET)).has("one")


@pytest.mark.parametrize("page", [b"", b"{}", b"[]", b'{"keys":{}}', b"[" * 100_000])
async def test_what_is_no_key_set_has_no_keys(page: bytes) -> None:
    assert not await Web({SET: page}, KeySet(SET)).has("one")
