"""The entrance: to open and to join are two rights, and logins are of one browser."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from tertulia.accounts.directory import Directory
from tertulia.accounts.entrance import Access, Entrance, Who
from tertulia.accounts.errors import TokenRefused
from tertulia.accounts.kept_rooms import KeptRooms
from tertulia.accounts.links import KID, LinkKey, PersonalLink
from tertulia.accounts.logins import LoginLimits, Logins
from tertulia.accounts.passwords import Account, keys_of
from tertulia.accounts.tokens import Tokens
from tertulia.focus.component import Asked, SessionInvalid
from tertulia.rooms.kept import KeptRoom
from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.errors import NotAcceptable, NotAuthorized
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Origin

HOST = "meet.example"
PLAZA = Jid("plaza", f"conference.{HOST}")
BEA = Jid("1b9d6bcd", f"guest.{HOST}", "r")
ANA = Jid("ana", HOST, "r")
LINKS = LinkKey(b"k" * 64, HOST)
AS_ANA = Admission(is_authenticated=True, account=f"ana@{HOST}")
MODERATOR = Admission(is_authenticated=True, moderates=True)
SPEAKER = Admission(is_authenticated=True, moderates=False)
NOBODY = Asked("", "")


class Site:
    def __init__(self, opens: Who = Who.ACCOUNTS, joins: Who = Who.EVERYBODY) -> None:
        self.origins: dict[Jid, Origin] = {ANA: Origin(admission=AS_ANA), BEA: Origin()}
        self.directory = Directory()
        keys = keys_of("correct horse", iterations=4096)
        self.directory.replace([Account(name="ana", display_name="Ana", keys=keys)])
        self.kept = KeptRooms()
        self.logins = Logins(LoginLimits(sessions=3, unused_s=100))
        self.now = 0.0
        self.proved: list[Jid] = []
        self.entrance = Entrance(
            HOST,
            Access(opens=opens, joins=joins),
            directory=self.directory,
            kept_rooms=self.kept,
            tokens=Tokens({KID: LINKS.origin}),
            logins=self.logins,
            origin_of=self.origins.get,
            clock=lambda: self.now,
        )
        self.entrance.on_proved = self.proved.append

    def token(self, **link: Any) -> str:
        return LINKS.token(PersonalLink(room="plaza", **link), self.now)


# Who may open and who may join, in every mix


@pytest.mark.parametrize(
    ("opens", "who", "kept", "may"),
    [
        (opens, who, kept, may)
        for opens, kept, answers in (
            # for a guest, an account, a token that leads, a token that does not
            (Who.EVERYBODY, None, (True, True, True, True)),
            (Who.ACCOUNTS, None, (False, True, True, False)),
            (Who.EVERYBODY, KeptRoom(may_open="accounts"), (False, True, True, False)),
            (Who.ACCOUNTS, KeptRoom(may_open="everybody"), (True, True, True, True)),
            (Who.ACCOUNTS, KeptRoom(password="p"), (False, True, True, False)),
            # one can knock at any time
            (Who.ACCOUNTS, KeptRoom(lobby=True), (True, True, True, True)),
            (
                Who.ACCOUNTS,
                KeptRoom(may_open="owner", owner=f"ana@{HOST}"),
                (False, True, True, False),
            ),
            (
                Who.EVERYBODY,
                KeptRoom(may_open="owner", owner=f"cai@{HOST}"),
                (False, False, True, False),
            ),
        )
        for who, may in zip((GUEST, AS_ANA, MODERATOR, SPEAKER), answers, strict=True)
    ],
)
def test_who_may_open_a_room(opens: Who, who: Admission, kept: KeptRoom | None, may: bool) -> None:
    site = Site(opens)
    site.kept.replace({} if kept is None else {"plaza": kept})

    assert site.entrance.may_open("plaza", who) is may


def test_a_guest_waits_until_the_room_is_open() -> None:
    site = Site()

    with pytest.raises(NotAuthorized, match="host has not opened"):
        site.entrance.ask(PLAZA, BEA, NOBODY, is_open=False)
    site.entrance.ask(PLAZA, BEA, NOBODY, is_open=True)


def test_breakout_rooms_are_decided_elsewhere() -> None:
    assert Site().entrance.ask(None, BEA, NOBODY, is_open=True)


@pytest.mark.parametrize(
    ("opens", "joins", "domain", "has_token", "is_offered"),
    [
        (Who.EVERYBODY, Who.EVERYBODY, HOST, False, True),
        (Who.ACCOUNTS, Who.EVERYBODY, HOST, False, False),  # the login dialog
        (Who.ACCOUNTS, Who.EVERYBODY, HOST, True, True),
        (Who.ACCOUNTS, Who.EVERYBODY, f"guest.{HOST}", False, True),
        (Who.ACCOUNTS, Who.ACCOUNTS, f"guest.{HOST}", False, True),  # to log in from there
        (Who.EVERYBODY, Who.ACCOUNTS, HOST, False, False),
        (Who.ACCOUNTS, Who.ACCOUNTS, HOST, False, False),
        (Who.ACCOUNTS, Who.ACCOUNTS, HOST, True, True),
    ],
)
def test_where_guests_are_offered_a_login(
    opens: Who, joins: Who, domain: str, has_token: bool, is_offered: bool
) -> None:
    site = Site(opens, joins)
    origin = Origin(token="t" if has_token else "")

    assert site.entrance.takes_guests(domain, origin) is is_offered


def test_where_everybody_has_to_be_known_guests_are_told_so() -> None:
    site = Site(joins=Who.ACCOUNTS)

    assert site.entrance.admit("", Origin(), None) == GUEST
    for is_open in (False, True):
        with pytest.raises(NotAuthorized, match="log in to join"):
            site.entrance.ask(PLAZA, BEA, NOBODY, is_open=is_open)
    assert not site.entrance.may_join(GUEST)
    assert site.entrance.admit("Ana", Origin(), None) == AS_ANA
    assert site.entrance.may_join(AS_ANA)
    assert site.entrance.may_join(
        site.entrance.admit("", Origin(token=site.token(moderator=False)), None)
    )


def test_where_nobody_has_an_account_a_token_is_needed_to_come_at_all() -> None:
    site = Site(joins=Who.ACCOUNTS)
    site.directory.replace([])

    with pytest.raises(TokenRefused, match="token required"):
        site.entrance.admit("", Origin(), None)
    assert site.entrance.admit("", Origin(token=site.token()), None).is_authenticated


# Tokens


def test_a_token_lets_in_even_where_none_is_needed_and_a_bad_one_does_not() -> None:
    site = Site(Who.EVERYBODY)

    assert site.entrance.admit("", Origin(token=site.token(moderator=True)), None).is_moderator
    with pytest.raises(TokenRefused):
        site.entrance.admit("", Origin(token="nonsense"), None)


def test_who_has_a_token_of_another_room_hears_so_from_the_room() -> None:
    site = Site()
    site.origins[BEA] = Origin(admission=replace(MODERATOR, room="patio"))

    for is_open in (False, True):
        assert site.entrance.ask(PLAZA, BEA, NOBODY, is_open=is_open).is_refused_by_room


def test_a_session_goes_on_with_the_token_it_began_with_even_when_that_has_expired() -> None:
    site = Site(joins=Who.ACCOUNTS)
    token = site.token(moderator=True, valid_s=60)
    earlier = Origin(token=token, admission=site.entrance.admit("", Origin(token=token), None))
    site.now = 1000.0

    again = site.entrance.admit("", Origin(token=token), earlier)

    assert again == earlier.admission
    with pytest.raises(TokenRefused, match="expired"):
        site.entrance.admit("", Origin(token=token), None)


@pytest.mark.parametrize(("room", "holds"), [("plaza", True), ("patio", False)])
def test_a_new_token_counts_from_then_on_if_it_is_for_the_same_room(room: str, holds: bool) -> None:
    site = Site()
    earlier = Origin(token="old", admission=replace(SPEAKER, room="plaza"))
    new = LINKS.token(PersonalLink(room=room, moderator=True), site.now)
    origin = Origin(token=new)
    origin = replace(origin, admission=site.entrance.admit("", origin, earlier))

    after = site.entrance.resume(origin, earlier)

    assert after.admission.is_moderator is holds
    assert after.admission.room == "plaza"


def test_a_new_token_that_is_no_good_ends_the_session() -> None:
    site = Site()

    with pytest.raises(TokenRefused):
        site.entrance.admit("", Origin(token="nonsense"), Origin(token="old", admission=SPEAKER))


# Sessions of a login


def prove(site: Site, uid: str = "browser-1") -> str:
    visit = site.entrance.ask(PLAZA, ANA, Asked(uid, ""), is_open=False)
    assert visit.identity == f"ana@{HOST}"
    return visit.session_id


def test_a_guest_who_shows_a_login_is_its_account_from_then_on() -> None:
    site = Site()
    login = prove(site)

    visit = site.entrance.ask(PLAZA, BEA, Asked("browser-1", login), is_open=False)

    assert (visit.identity, visit.session_id) == (f"ana@{HOST}", login)
    assert site.proved == [BEA]
    assert site.entrance.admission_of(BEA) == AS_ANA
    assert prove(site) == login  # one for each browser
    assert prove(site, "browser-2") != login


@pytest.mark.parametrize("asked", [("browser-2", None), ("", None), ("browser-1", "guessed")])
def test_a_login_of_another_browser_is_none(asked: tuple[str, str | None]) -> None:
    site = Site()
    login = prove(site)
    uid, session_id = asked

    with pytest.raises(SessionInvalid):
        site.entrance.ask(PLAZA, BEA, Asked(uid, session_id or login), is_open=True)

    assert site.entrance.admission_of(BEA) == GUEST
    assert site.proved == []


def test_a_browser_has_to_say_which_it_is() -> None:
    with pytest.raises(NotAcceptable):
        Site().entrance.ask(PLAZA, ANA, NOBODY, is_open=True)
    with pytest.raises(NotAcceptable, match="128"):
        Site().entrance.ask(PLAZA, BEA, Asked("x" * 129, ""), is_open=True)


def test_after_logging_out_the_login_is_gone() -> None:
    site = Site()
    login = prove(site)
    site.entrance.ask(PLAZA, BEA, Asked("browser-1", login), is_open=True)

    site.entrance.log_out(login)

    assert site.entrance.admission_of(BEA) == GUEST
    for again in (login, "", "never"):
        with pytest.raises(SessionInvalid):
            site.entrance.log_out(again)


def test_a_login_ends_unused_with_its_password_and_by_number() -> None:
    site = Site()
    unused = prove(site)
    site.now = 101
    assert prove(site) != unused

    site.logins.end_of(f"ana@{HOST}")
    with pytest.raises(SessionInvalid):
        site.entrance.ask(PLAZA, BEA, Asked("browser-1", unused), is_open=True)

    first, *rest = [prove(site, f"b{n}") for n in range(4)]
    alive = [login for login in (first, *rest) if site.logins.end(login)]
    assert alive == rest


def test_who_is_gone_is_a_guest_when_the_address_comes_back() -> None:
    site = Site()
    site.entrance.ask(PLAZA, BEA, Asked("browser-1", prove(site)), is_open=True)

    site.entrance.gone(BEA)

    assert site.entrance.admission_of(BEA) == GUEST


def test_logins_are_offered_when_there_are_accounts() -> None:
    site = Site()
    assert site.entrance.has_logins

    site.directory.replace([])

    assert not site.entrance.has_logins
    assert site.entrance.takes_guests(HOST, Origin())  # who then hears why it may not come in


def test_every_session_id_is_another_one() -> None:
    site = Site()
    ids = {prove(site, str(n)) for n in range(50)}

    assert len(ids) == 50
    assert all(a != b for a, b in itertools.combinations({i[:8] for i in ids}, 2))
