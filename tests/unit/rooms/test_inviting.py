"""Who gets a link that leads a room."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.rooms.house import FOCUS, HOST, PLAZA, House

from tertulia.rooms import RoomPolicy
from tertulia.rooms.errors import NotInRoom, NotPermitted
from tertulia.rooms.inviting import VALID_S, Inviting
from tertulia.xmpp.admission import GUEST, Admission

SIGNED_IN = Admission(is_authenticated=True, account=f"ana@{HOST}")
BY_A_LINK = Admission(is_authenticated=True, moderates=True, room="plaza")
A_SPEAKER = Admission(is_authenticated=True, moderates=False)


class Site(House):
    def __init__(self, admission: Admission = GUEST) -> None:
        policy = replace(
            RoomPolicy.meetings(HOST, FOCUS),
            admission_of=lambda jid: admission if jid.node == "ana" else GUEST,
        )
        super().__init__(policy=policy)
        self.made: list[tuple[str, int, float]] = []
        self.inviting = Inviting(self.parts, self.make)

    def make(self, room: str, valid_s: int, now: float) -> str:
        self.made.append((room, valid_s, now))
        return "token"


def test_an_owner_who_signed_in_gets_one_for_its_own_room_and_two_hours() -> None:
    site = Site(SIGNED_IN)
    site.join("ana")
    now = site.time.clock()

    assert site.inviting.token_for(site.someone("ana").jid) == ("token", now + VALID_S)
    assert site.made == [(PLAZA.node, VALID_S, now)]


@pytest.mark.parametrize(
    ("admission", "why"),
    [
        (GUEST, "signed in"),  # an owner by chance, as the first in an open room is
        (A_SPEAKER, "only owners of the room"),
        (BY_A_LINK, "came by a link"),
    ],
)
def test_nobody_else_does(admission: Admission, why: str) -> None:
    site = Site(admission)
    site.join("ana")

    with pytest.raises(NotPermitted, match=why):
        site.inviting.token_for(site.someone("ana").jid)
    assert site.made == []


def test_who_signed_in_and_lost_the_room_makes_none() -> None:
    site = Site(SIGNED_IN)
    site.join("bea")
    site.join("ana")
    site.affiliate("bea", "ana", "none")

    with pytest.raises(NotPermitted, match="only owners of the room"):
        site.inviting.token_for(site.someone("ana").jid)


def test_who_is_in_no_room_gets_none() -> None:
    site = Site(SIGNED_IN)

    with pytest.raises(NotInRoom):
        site.inviting.token_for(site.person("ana").jid)
