"""As whom somebody comes: who leads, who stays outside, and what the server vouches for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tertulia.rooms.administration import AffiliationChange, Configuration
from tertulia.rooms.errors import (
    AuthenticationRequired,
    MembersOnly,
    PasswordRequired,
    RoomAndTokenMismatched,
)
from tertulia.rooms.events import SELF_PRESENCE, Appeared
from tertulia.rooms.kept import KeptRoom
from tertulia.rooms.occupant import Affiliation, Role
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.room import Room
from tertulia.rooms.wire import render
from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element, parse_document, serialise

HOST = "meet.example"
PLAZA = Jid("plaza", f"conference.{HOST}")
FOCUS = Jid("focus", f"auth.{HOST}", "focus")
ANA, BEA, CAI = (Jid(name, HOST, "r") for name in ("ana", "bea", "cai"))
EMPTY = Element("presence", ns="jabber:client")
NAME = Element("nick", {}, "Somebody", ns="http://jabber.org/protocol/nick")
NAMED = Element("presence", {}, NAME, ns="jabber:client")

HOST_OF_IT = Admission(is_authenticated=True, account=f"ana@{HOST}", user={"name": "Ana"})
SPEAKER = Admission(is_authenticated=True, moderates=False, user={"id": "7", "name": "Bea"})


class Site:
    """A room, with who came as whom."""

    def __init__(
        self,
        kept: KeptRoom | None = None,
        *,
        elects: bool = True,
        may_join: Callable[[Admission], bool] = lambda admission: True,
    ) -> None:
        self.admissions: dict[Jid, Admission] = {}
        self.kept = kept
        policy = replace(
            RoomPolicy.meetings(HOST, FOCUS),
            first_becomes_owner=elects,
            may_join=may_join,
            admission_of=lambda jid: self.admissions.get(jid, GUEST),
            kept=lambda room: self.kept,
            keep=self.keep,
        )
        self.room = Room(PLAZA, policy)
        self.room.join(FOCUS, "focus", EMPTY, now=0)

    def keep(self, room: Jid, kept: KeptRoom) -> None:
        assert room == PLAZA
        self.kept = kept

    def enter(
        self, jid: Jid, admission: Admission = GUEST, *, password: str = ""
    ) -> list[Appeared]:
        self.admissions[jid] = admission
        deliveries = self.room.join(jid, jid.node, NAMED, now=0, password=password)
        return [each for each in deliveries if isinstance(each, Appeared)]

    def role(self, jid: Jid) -> Role:
        occupant = self.room.occupant_of(jid)
        assert occupant is not None
        return occupant.role


def test_who_is_authenticated_moderates() -> None:
    site = Site(elects=False)
    site.enter(BEA)
    site.enter(ANA, HOST_OF_IT)

    assert (site.role(ANA), site.role(BEA)) == (Role.MODERATOR, Role.PARTICIPANT)


def test_who_shall_not_moderate_is_not_elected_either() -> None:
    site = Site()
    site.enter(BEA, SPEAKER)
    assert site.role(BEA) is Role.PARTICIPANT

    site.enter(CAI)
    assert site.role(CAI) is Role.MODERATOR
    site.room.leave(CAI)
    assert site.role(BEA) is Role.PARTICIPANT


def test_a_new_token_counts_for_who_is_inside() -> None:
    site = Site()
    site.enter(ANA)
    site.enter(BEA, SPEAKER)

    site.admissions[BEA] = replace(SPEAKER, moderates=True)
    told = site.room.readmit(BEA)

    assert site.role(BEA) is Role.MODERATOR
    assert {each.to for each in told if isinstance(each, Appeared)} >= {(BEA,)}
    assert site.room.readmit(BEA) == []


def test_what_owners_made_of_a_moderator_outlasts_its_reconnection() -> None:
    site = Site()
    site.enter(CAI, Admission(moderates=True))
    site.enter(ANA, HOST_OF_IT)
    change = AffiliationChange(jid=ANA.bare, affiliation=Affiliation.NONE)
    site.room.administer(CAI, [change])
    assert site.role(ANA) is Role.PARTICIPANT

    site.room.leave(ANA)
    site.enter(ANA, HOST_OF_IT)

    assert site.role(ANA) is Role.PARTICIPANT


def test_a_banned_person_stays_out_whatever_its_login_says() -> None:
    site = Site()
    site.enter(CAI, Admission(moderates=True))
    site.enter(ANA, HOST_OF_IT)
    change = AffiliationChange(jid=ANA.bare, affiliation=Affiliation.OUTCAST)
    site.room.administer(CAI, [change])

    with pytest.raises(Exception, match="may not enter"):
        site.enter(ANA, HOST_OF_IT)


def test_a_token_of_another_room_does_not_open_this_one() -> None:
    site = Site()

    with pytest.raises(RoomAndTokenMismatched, match="Room and token mismatched"):
        site.enter(BEA, replace(SPEAKER, room="patio"))

    site.enter(CAI, replace(SPEAKER, room="plaza"))


def test_identity_is_in_every_presence_and_cannot_be_forged() -> None:
    site = Site()
    site.enter(ANA, HOST_OF_IT)
    site.enter(BEA, SPEAKER)
    forged = parse_document(
        "<presence xmlns='jabber:client'><identity><user><name>Ana</name></user></identity>"
        "</presence>"
    )

    for deliveries in (site.enter(CAI), site.room.update(BEA, "bea", forged)):
        shown = [each for each in deliveries if isinstance(each, Appeared)]
        text = serialise(render(PLAZA, next(e for e in shown if e.occupant.nick == "bea")))
        assert "<identity><user><id>7</id><name>Bea</name></user></identity>" in text
        assert "Ana" not in text


def test_guests_have_no_identity() -> None:
    site = Site()
    forged = parse_document("<presence xmlns='jabber:client'><identity/></presence>")
    site.enter(ANA)

    shown = site.room.update(ANA, "ana", forged)

    assert all("identity" not in serialise(render(PLAZA, each)) for each in shown)


@pytest.mark.parametrize(
    ("admission", "is_told"),
    [
        (GUEST, False),
        (HOST_OF_IT, True),
        (replace(HOST_OF_IT, features={"recording": True}), False),  # goes by its own list
        (SPEAKER, False),
    ],
)
def test_moderators_are_told_what_they_may(admission: Admission, is_told: bool) -> None:
    site = Site(elects=False)

    shown = site.enter(ANA, admission)

    own = [each for each in shown if SELF_PRESENCE in each.codes]
    texts = [serialise(render(PLAZA, each)) for each in own]
    assert ["<permissions" in text for text in texts] == [is_told]
    assert not any("<permissions" in serialise(render(PLAZA, e)) for e in shown if e not in own)


def test_where_guests_may_not_join_they_are_told_to_log_in() -> None:
    site = Site(may_join=lambda admission: admission.is_authenticated)

    with pytest.raises(AuthenticationRequired):
        site.enter(BEA)
    site.enter(CAI, SPEAKER)


# Rooms that are kept


def test_the_first_guest_of_a_kept_room_meets_its_lobby_and_its_password() -> None:
    for kept, error in (
        (KeptRoom(lobby=True), MembersOnly),
        (KeptRoom(password="sesame"), PasswordRequired),
    ):
        site = Site(kept)
        with pytest.raises(error):
            site.enter(BEA)
        assert site.room.people == 0


def test_the_owner_of_a_kept_room_walks_in_and_leads_it_alone() -> None:
    site = Site(KeptRoom(owner=f"ana@{HOST}", password="sesame", lobby=True))
    site.enter(ANA, HOST_OF_IT)
    other = Admission(is_authenticated=True, account=f"cai@{HOST}")

    with pytest.raises(MembersOnly):
        site.enter(CAI, other)
    assert site.role(ANA) is Role.MODERATOR


def test_nobody_is_elected_in_a_room_that_has_its_owner() -> None:
    site = Site(KeptRoom(owner=f"ana@{HOST}"))
    site.enter(BEA)
    site.enter(CAI, Admission(is_authenticated=True, account=f"cai@{HOST}"))

    assert (site.role(BEA), site.role(CAI)) == (Role.PARTICIPANT, Role.PARTICIPANT)


def test_a_room_for_members_is_for_those_who_are_authenticated() -> None:
    site = Site(KeptRoom(members_only=True))

    with pytest.raises(MembersOnly):
        site.enter(BEA)
    site.enter(CAI, SPEAKER)


def test_with_a_lobby_too_members_do_not_knock() -> None:
    site = Site(KeptRoom(members_only=True, lobby=True))

    with pytest.raises(MembersOnly):
        site.enter(BEA)
    site.enter(CAI, SPEAKER)


def test_what_the_owner_changes_outlives_the_room() -> None:
    site = Site(KeptRoom(owner=f"ana@{HOST}"))
    site.enter(ANA, HOST_OF_IT)

    site.room.configure(ANA, Configuration(password="new", members_only=True))

    assert site.kept == KeptRoom(owner=f"ana@{HOST}", password="new", lobby=True)


def test_what_changes_in_another_room_does_not() -> None:
    site = Site()
    site.enter(ANA, HOST_OF_IT)

    site.room.configure(ANA, Configuration(password="new"))

    assert site.kept is None
