"""Local accounts: names, passwords, what is kept of them, and how often they may be guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.accounts.directory import Directory
from tertulia.accounts.errors import AccountError, TooManyGuesses
from tertulia.accounts.guesses import Guesses, GuessLimits
from tertulia.accounts.passwords import (
    Account,
    account_name,
    generated_password,
    keys_of,
    read,
    written,
)
from tertulia.errors import MalformedInput
from tertulia.xmpp.jid import Jid


def account(name: str, password: str) -> Account:
    return Account(name=name, display_name=name, keys=keys_of(password, iterations=4096))


@pytest.mark.parametrize(
    ("text", "name"), [("Ana", "ana"), ("ana.lopez-2", "ana.lopez-2"), ("ÁNA", "ána")]
)
def test_names_are_compared_without_case(text: str, name: str) -> None:
    assert account_name(text) == name


@pytest.mark.parametrize("text", ["", " ", "a b", "a@b", "a/b", "a'b", "a\0", "x" * 65, "a\u00a0b"])
def test_a_name_that_no_address_can_have_is_refused(text: str) -> None:
    with pytest.raises(AccountError, match="cannot be the name"):
        account_name(text)


@given(st.text(max_size=70))
def test_any_name_is_refused_or_fit_for_an_address(text: str) -> None:
    try:
        name = account_name(text)
    except AccountError:
        return
    try:
        assert Jid.parse(f"{name}@h").node == name
    except MalformedInput:
        raise AssertionError(name) from None


@pytest.mark.parametrize("password", ["short", "x" * 201, "with\0control", "\ufdd0" * 9])
def test_a_password_that_cannot_be_is_refused(password: str) -> None:
    with pytest.raises(AccountError):
        keys_of(password)


def test_what_is_kept_of_a_password_checks_it_and_does_not_hold_it() -> None:
    for hash_name, keys in keys_of("correct horse").items():
        text = written(keys)
        again = read(hash_name, text)
        assert again.matches("correct horse")
        assert not again.matches("correct house")
        assert "horse" not in text
        assert len(text) <= 255


def test_passwords_made_here_differ_and_will_do() -> None:
    made = {generated_password() for _ in range(50)}

    assert len(made) == 50
    assert all(keys_of(each, iterations=4096) for each in list(made)[:2])


def test_an_unknown_user_looks_like_a_known_one() -> None:
    directory = Directory()
    directory.replace([account("ana", "correct horse")])

    known, is_known = directory.keys("Ana", "sha1")
    unknown, is_unknown = directory.keys("bea", "sha1")
    again, _ = directory.keys("bea", "sha1")

    assert (is_known, is_unknown) == (True, False)
    assert unknown.salt == again.salt
    assert len(unknown.salt) == len(known.salt)
    assert not directory.keys("a b", "sha256")[1]  # a name that cannot be


def test_the_directory_tells_whose_password_is_another_one_now() -> None:
    directory = Directory()
    ana, bea, cai = (account(name, "correct horse") for name in ("ana", "bea", "cai"))
    assert directory.replace([ana, bea, cai]) == []

    assert directory.replace([ana, account("bea", "battery staple")]) == ["bea", "cai"]


def test_guessing_stops_for_the_guesser_and_not_for_the_owner() -> None:
    guesses = Guesses(GuessLimits(wrong_passwords=3))
    for _ in range(3):
        guesses.check("ana", "192.0.2.1", 0)
        guesses.wrong("ana", "192.0.2.1", 0)

    with pytest.raises(TooManyGuesses, match="wrong_passwords: 3 an hour") as refused:
        guesses.check("ana", "192.0.2.1", 0)
    assert refused.value.failure == "temporary-auth-failure"
    guesses.check("ana", "198.51.100.7", 0)
    guesses.check("bea", "192.0.2.1", 0)
    guesses.check("ana", "192.0.2.1", 1300)  # a third of an hour gives one back


def test_many_accounts_from_one_address_are_limited_too() -> None:
    guesses = Guesses(GuessLimits(wrong_passwords_per_address=5))
    for number in range(5):
        guesses.wrong(f"user{number}", "2001:db8::1", 0)

    with pytest.raises(TooManyGuesses, match="per_address"):
        guesses.check("another", "2001:db8::2", 0)  # the same /64
    guesses.check("another", "2001:db8:0:1::2", 0)


def test_many_addresses_on_one_account_are_limited_too() -> None:
    guesses = Guesses(GuessLimits(wrong_passwords_per_account=5))
    for number in range(5):
        guesses.wrong("ana", f"192.0.2.{number}", 0)

    with pytest.raises(TooManyGuesses, match="per_account"):
        guesses.check("ana", "192.0.2.99", 0)


def test_who_finds_the_right_one_starts_afresh() -> None:
    guesses = Guesses(GuessLimits(wrong_passwords=2))
    guesses.wrong("ana", "192.0.2.1", 0)
    guesses.right("ana", "192.0.2.1")
    guesses.wrong("ana", "192.0.2.1", 0)

    guesses.check("ana", "192.0.2.1", 0)
