"""SASL: the examples of the RFCs, both sides against each other, and hostile messages."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.xmpp.credentials import Accounts
from tertulia.xmpp.sasl import (
    Challenge,
    ClientScram,
    SaslFailure,
    ScramKeys,
    ServerAnonymous,
    ServerPlain,
    ServerScram,
    Success,
    decode,
    saslprep,
)

ACCOUNTS = Accounts()
ACCOUNTS.add("bridge", "pencil, salt=ed")
# RFC 5802 §5 and RFC 7677 §3
EXAMPLES = {
    "sha1": (
        "fyko+d2lbbFgONRv9qkxdawL",
        "3rfcNHYJY1ZVvWVs7j",
        "QSXCR+Q6sek8bf92",
        "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    "sha256": (
        "rOprNGfwEbeRWgbNEkqO",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
}


@pytest.mark.parametrize("hash_name", EXAMPLES)
def test_the_examples_of_the_rfcs(hash_name: str) -> None:
    client_nonce, server_nonce, salt, proof, verifier = EXAMPLES[hash_name]
    keys = ScramKeys.derive("pencil", hash_name, salt=base64.b64decode(salt), iterations=4096)
    client = ClientScram(hash_name, "user", "pencil", nonce=client_nonce)
    server = ServerScram(hash_name, lambda user, _: (keys, user == "user"), nonce=server_nonce)

    challenge = server.step(client.first())
    assert isinstance(challenge, Challenge)
    response = client.final(challenge.data)
    success = server.step(response)

    assert response.endswith(f",p={proof}".encode())
    assert success == Success("user", f"v={verifier}".encode())
    client.verify(f"v={verifier}".encode())


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
def test_a_wrong_password_and_an_unknown_user_look_the_same(hash_name: str) -> None:
    texts = set()
    for user, password in (("bridge", "wrong"), ("nobody", "wrong")):
        client = ClientScram(hash_name, user, password)
        server = ServerScram(hash_name, ACCOUNTS.keys)
        challenge = server.step(client.first())
        assert isinstance(challenge, Challenge)
        with pytest.raises(SaslFailure) as failure:
            server.step(client.final(challenge.data))
        texts.add((failure.value.failure, str(failure.value)))

    assert texts == {("not-authorized", "wrong user name or password")}


def test_the_salt_of_an_unknown_user_stays_the_same() -> None:
    assert ACCOUNTS.keys("nobody", "sha1")[0].salt == ACCOUNTS.keys("nobody", "sha1")[0].salt
    assert ACCOUNTS.keys("nobody", "sha1")[0].salt != ACCOUNTS.keys("somebody", "sha1")[0].salt


def test_plain_is_checked_against_the_same_keys() -> None:
    assert ServerPlain(ACCOUNTS.keys).step(b"\0bridge\0pencil, salt=ed") == Success("bridge")
    with pytest.raises(SaslFailure):
        ServerPlain(ACCOUNTS.keys).step(b"\0bridge\0wrong")
    with pytest.raises(SaslFailure):
        ServerPlain(ACCOUNTS.keys).step(b"other\0bridge\0pencil, salt=ed")


def test_a_client_is_not_fooled_by_a_server_that_does_not_know_it() -> None:
    client = ClientScram("sha1", "bridge", "pencil", nonce="abc")
    salt = base64.b64encode(b"salt").decode()
    client.final(f"r=abcdef,s={salt},i=4096".encode())

    with pytest.raises(SaslFailure):
        client.verify(b"v=" + base64.b64encode(bytes(20)))


@pytest.mark.parametrize(
    "challenge",
    [
        "r=abc,s=c2FsdA==,i=4096",  # nothing added to our nonce
        "r=xyzdef,s=c2FsdA==,i=4096",  # another nonce
        "r=abcdef,s=c2FsdA==,i=1",  # a password worth nothing
        "r=abcdef,s=c2FsdA==,i=999999999",  # hours of our time
        "r=abcdef,s=,i=4096",
        "r=abcdef,s=c2FsdA==,i=4096,m=x",
    ],
)
def test_a_client_refuses_unsound_challenges(challenge: str) -> None:
    client = ClientScram("sha1", "bridge", "pencil", nonce="abc")

    with pytest.raises(SaslFailure):
        client.final(challenge.encode())


def test_saslprep_follows_the_examples_of_rfc_4013() -> None:
    assert saslprep("I\u00adX") == "IX"
    assert saslprep("\u00aa") == "a"
    assert saslprep("\u2168") == "IX"
    for prohibited in ("\u0007", "\u06271"):
        with pytest.raises(ValueError, match=r"prohibits|mixed"):
            saslprep(prohibited)


MESSAGES = st.one_of(
    st.binary(max_size=200),
    st.text(alphabet="nyp=,armsci \0=2C3DABab+/", max_size=60).map(str.encode),
    st.tuples(st.just(b"n,,n=bridge,r="), st.binary(max_size=20)).map(b"".join),
)


@given(MESSAGES, MESSAGES)
def test_fuzz_messages_give_progress_or_our_error(first: bytes, second: bytes) -> None:
    for mechanism in (
        ServerScram("sha1", ACCOUNTS.keys),
        ServerPlain(ACCOUNTS.keys),
        ServerAnonymous(),
    ):
        try:
            if isinstance(mechanism.step(first), Challenge):
                outcome = mechanism.step(second)
                assert not isinstance(outcome, Success)  # nobody guesses a proof
        except SaslFailure:
            pass
    with suppress(SaslFailure):
        ClientScram("sha1", "bridge", "pencil", nonce="abc").final(first)


@given(st.text(max_size=60))
def test_fuzz_base64_gives_bytes_or_our_error(text: str) -> None:
    with suppress(SaslFailure):
        decode(text)
