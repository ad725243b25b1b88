"""The room: who gets to know what, in which order, and who may do what."""

from __future__ import annotations

import pytest

from tertulia.rooms.administration import AffiliationChange, Configuration, Kick
from tertulia.rooms.errors import (
    Banned,
    ChatRefused,
    MembersOnly,
    NicknameConflict,
    NicknameNotAllowed,
    NotInRoom,
    NotPermitted,
    PasswordRequired,
    RoomDoesNotExist,
    RoomIsFull,
)
from tertulia.rooms.events import Appeared, Delivery, Disappeared, Said, configuration_changed
from tertulia.rooms.limits import RoomLimits
from tertulia.rooms.occupant import Affiliation, Role
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.room import Room
from tertulia.xmpp.errors import Conflict, NotAllowed, ResourceConstraint
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element, parse_document

HOST = "meet.example"
FOCUS = Jid("focus", f"auth.{HOST}", "focus")
ANA, BEA, CAI = (Jid(name, HOST, "r") for name in ("ana", "bea", "cai"))
EMPTY = Element("presence", ns="jabber:client")


def open_room(limits: RoomLimits | None = None) -> Room:
    room = Room(Jid("plaza", f"conference.{HOST}"), RoomPolicy.meetings(HOST, FOCUS, limits))
    room.join(FOCUS, "focus", EMPTY, now=0)
    return room


def room_with(*people: Jid, limits: RoomLimits | None = None) -> Room:
    room = open_room(limits)
    for person in people:
        room.join(person, person.node, EMPTY, now=0)
    return room


def message(body: str = "hi", stanza_id: str = "m") -> Element:
    return parse_document(
        f"<message xmlns='jabber:client' id='{stanza_id}'><body>{body}</body></message>"
    )


def seen_by(jid: Jid, deliveries: list[Delivery]) -> list[Delivery]:
    return [each for each in deliveries if jid in each.to]


def role_of(room: Room, jid: Jid) -> Role:
    occupant = room.occupant_of(jid)
    assert occupant is not None
    return occupant.role


# Coming


def test_newcomer_sees_the_others_first_itself_and_then_the_subject() -> None:
    room = room_with(ANA)

    *presences, subject = seen_by(BEA, room.join(BEA, "bea", EMPTY, now=0))

    assert [p.occupant.nick for p in presences if isinstance(p, Appeared)] == [
        "focus",
        "ana",
        "bea",
    ]
    assert isinstance(presences[-1], Appeared)
    assert presences[-1].codes == (100, 110)
    assert isinstance(subject, Said)


def test_the_others_see_the_newcomer_once_and_without_codes() -> None:
    room = room_with(ANA)

    appeared, begun = seen_by(ANA, room.join(BEA, "bea", EMPTY, now=0))

    assert isinstance(appeared, Appeared)
    assert appeared.occupant.nick == "bea"
    assert appeared.codes == ()
    assert begun == configuration_changed((ANA,))
    assert len(seen_by(ANA, room.join(CAI, "cai", EMPTY, now=1))) == 1


def test_nobody_enters_before_the_focus_or_after_it() -> None:
    room = Room(Jid("plaza", f"conference.{HOST}"), RoomPolicy.meetings(HOST, FOCUS))
    with pytest.raises(RoomDoesNotExist):
        room.join(ANA, "ana", EMPTY, now=0)

    room = room_with(ANA)
    room.leave(FOCUS)
    with pytest.raises(RoomDoesNotExist):
        room.join(BEA, "bea", EMPTY, now=0)


@pytest.mark.parametrize("nick", ["focus", "FOCUS", "-a", "a-b", "a b", "", "ä", "a" * 65])
def test_nicknames_are_plain_and_not_that_of_the_focus(nick: str) -> None:
    with pytest.raises(NicknameNotAllowed):
        open_room().join(ANA, nick, EMPTY, now=0)


def test_the_focus_has_its_own_nickname_only() -> None:
    room = Room(Jid("plaza", f"conference.{HOST}"), RoomPolicy.meetings(HOST, FOCUS))

    with pytest.raises(NicknameNotAllowed):
        room.join(FOCUS, "ana", EMPTY, now=0)


def test_a_taken_nickname_is_refused_and_changes_nothing() -> None:
    room = room_with(ANA)

    with pytest.raises(NicknameConflict):
        room.join(BEA, "ana", EMPTY, now=0)

    assert room.occupant_of(BEA) is None
    assert room.people == 1


def test_nicknames_are_not_changed() -> None:
    room = room_with(ANA)

    with pytest.raises(NicknameNotAllowed):
        room.join(ANA, "anne", EMPTY, now=0)
    with pytest.raises(NicknameNotAllowed):
        room.update(ANA, "anne", EMPTY)


def test_joining_again_tells_everything_again() -> None:
    room = room_with(ANA, BEA)

    deliveries = room.join(ANA, "ana", EMPTY, now=0)

    nicks = [d.occupant.nick for d in seen_by(ANA, deliveries) if isinstance(d, Appeared)]
    assert nicks == ["focus", "bea", "ana"]
    assert room.people == 2


def test_the_room_is_full_without_counting_the_focus() -> None:
    room = room_with(ANA, BEA, limits=RoomLimits(occupants=2))

    with pytest.raises(RoomIsFull):
        room.join(CAI, "cai", EMPTY, now=0)


def test_the_meeting_begins_when_the_second_person_joins() -> None:
    room = room_with(ANA)
    assert room.created_ms is None

    room.join(BEA, "bea", EMPTY, now=12.5)
    room.join(CAI, "cai", EMPTY, now=99)

    assert room.created_ms == 12500


def test_strangers_do_not_enter_the_brewery_and_any_bridge_opens_it() -> None:
    policy = RoomPolicy.brewery(HOST, FOCUS)
    bridge = Jid("bridge", f"auth.{HOST}", "one")
    room = Room(Jid("jvbbrewery", f"internal.auth.{HOST}"), policy)

    assert policy.may_open(bridge)
    assert not policy.may_open(ANA)
    room.join(bridge, "bridge-1.local", EMPTY, now=0)
    with pytest.raises(Banned):
        room.join(ANA, "ana", EMPTY, now=0)
    assert role_of(room, bridge) is Role.PARTICIPANT


# Who moderates


def test_the_first_person_moderates_and_then_the_next() -> None:
    room = room_with(ANA, BEA, CAI)
    assert [role_of(room, jid) for jid in (ANA, BEA, CAI)] == ["moderator", *["participant"] * 2]

    deliveries = room.leave(ANA)

    assert role_of(room, BEA) is Role.MODERATOR
    assert [d.occupant.nick for d in seen_by(CAI, deliveries) if isinstance(d, Appeared)] == ["bea"]


def test_who_moderated_by_chance_comes_back_as_anybody() -> None:
    room = room_with(ANA, BEA)
    room.leave(ANA)

    room.join(ANA, "ana", EMPTY, now=0)

    assert role_of(room, ANA) is Role.PARTICIPANT


def test_who_was_made_owner_comes_back_as_one() -> None:
    room = room_with(ANA, BEA)
    room.administer(ANA, [AffiliationChange(jid=BEA.bare, affiliation=Affiliation.OWNER)])
    room.leave(BEA)

    room.join(BEA, "bea", EMPTY, now=0)

    assert role_of(room, BEA) is Role.MODERATOR


def test_the_last_owner_cannot_be_taken_away_by_a_participant_or_by_itself() -> None:
    room = room_with(ANA, BEA)
    nobody = [AffiliationChange(jid=ANA.bare, affiliation=Affiliation.NONE)]

    with pytest.raises(NotPermitted):
        room.administer(BEA, nobody)
    with pytest.raises(Conflict):
        room.administer(ANA, nobody)


def test_a_request_of_several_items_is_carried_out_wholly_or_not_at_all() -> None:
    room = room_with(ANA, BEA)

    with pytest.raises(NotAllowed):
        room.administer(
            ANA,
            [
                AffiliationChange(jid=BEA.bare, affiliation=Affiliation.OWNER),
                AffiliationChange(jid=FOCUS.bare, affiliation=Affiliation.NONE),
            ],
        )

    assert role_of(room, BEA) is Role.PARTICIPANT


def test_who_is_removed_loses_its_affiliation() -> None:
    room = room_with(ANA, BEA)
    room.administer(ANA, [AffiliationChange(jid=BEA.bare, affiliation=Affiliation.OWNER)])

    deliveries = room.kick(ANA, Kick(nick="bea", reason="enough"))

    gone = seen_by(BEA, deliveries)[0]
    assert isinstance(gone, Disappeared)
    assert gone.codes == (307, 110)
    assert gone.occupant.affiliation is Affiliation.NONE
    assert room.affiliation_of(BEA) is Affiliation.NONE
    assert seen_by(ANA, deliveries)[0].codes == (307,)  # type: ignore[union-attr]


def test_who_is_banned_does_not_come_back() -> None:
    room = room_with(ANA, BEA)

    deliveries = room.administer(
        ANA, [AffiliationChange(jid=BEA.bare, affiliation=Affiliation.OUTCAST)]
    )

    assert seen_by(BEA, deliveries)[0].codes == (301, 110)  # type: ignore[union-attr]
    with pytest.raises(Banned):
        room.join(BEA, "bea", EMPTY, now=0)


@pytest.mark.parametrize("affiliation", list(Affiliation))
def test_lists_of_affiliations_are_for_owners(affiliation: Affiliation) -> None:
    room = room_with(ANA, BEA)

    room.affiliated(ANA, affiliation)
    with pytest.raises(NotPermitted):
        room.affiliated(BEA, affiliation)
    with pytest.raises(NotInRoom):
        room.affiliated(CAI, affiliation)


# Locks


def test_a_password_is_asked_of_everybody_but_the_focus() -> None:
    room = room_with(ANA)
    room.configure(ANA, Configuration(password="sesame"))

    for wrong in ("", "Sesame"):
        with pytest.raises(PasswordRequired):
            room.join(BEA, "bea", EMPTY, now=0, password=wrong)
    room.join(BEA, "bea", EMPTY, now=0, password="sesame")
    room.leave(FOCUS)
    room.join(FOCUS, "focus", EMPTY, now=0)

    assert room.people == 2


def test_passwords_are_not_guessed_quickly() -> None:
    room = room_with(ANA)
    room.configure(ANA, Configuration(password="sesame"))
    for guess in range(10):
        with pytest.raises(PasswordRequired):
            room.join(BEA, "bea", EMPTY, now=0, password=str(guess))

    with pytest.raises(ResourceConstraint):
        room.join(BEA, "bea", EMPTY, now=1, password="sesame")
    room.join(BEA, "bea", EMPTY, now=10, password="sesame")


def test_a_room_for_members_admits_those_an_owner_named() -> None:
    room = room_with(ANA)
    room.configure(ANA, Configuration(members_only=True))
    named = Element("presence", ns="jabber:client")
    named.append(Element("nick", {}, "Bea", ns="http://jabber.org/protocol/nick"))
    with pytest.raises(MembersOnly):
        room.join(BEA, "bea", named, now=0)

    room.administer(ANA, [AffiliationChange(jid=BEA.bare, affiliation=Affiliation.MEMBER)])

    room.join(BEA, "bea", EMPTY, now=0)


def test_only_owners_change_the_room() -> None:
    room = room_with(ANA, BEA)

    with pytest.raises(NotPermitted):
        room.configure(BEA, Configuration(password="mine"))
    with pytest.raises(NotPermitted):
        room.destroy(BEA)


def test_who_is_in_a_destroyed_room_is_sent_on() -> None:
    room = room_with(ANA, BEA)

    deliveries = room.destroy(ANA, reason="over", alternate="other@conference.meet.example")

    assert all(isinstance(each, Disappeared) and each.destroyed for each in deliveries)
    assert {each.to for each in deliveries} == {(FOCUS,), (ANA,), (BEA,)}
    assert room.is_empty


# Saying


def test_a_message_reaches_everybody_the_speaker_included() -> None:
    room = room_with(ANA, BEA)

    (said,) = room.say(ANA, message(stanza_id="x1"), now=0)

    assert isinstance(said, Said)
    assert said.to == (FOCUS, ANA, BEA)
    assert (said.nick, said.stanza_id) == ("ana", "x1")


def test_nobody_speaks_from_outside() -> None:
    room = room_with(ANA)

    for attempt in (
        lambda: room.say(BEA, message(), now=0),
        lambda: room.whisper(BEA, "ana", message(), now=0),
        lambda: room.update(BEA, "bea", EMPTY),
        lambda: room.kick(BEA, Kick(nick="ana")),
    ):
        with pytest.raises(NotInRoom):
            attempt()


def test_a_message_without_an_id_gets_one_that_history_repeats() -> None:
    room = room_with(ANA, BEA)
    nameless = message()
    del nameless.attrs["id"]

    (said,) = room.say(ANA, nameless, now=0)

    assert isinstance(said, Said)
    assert said.stanza_id
    told = seen_by(CAI, room.join(CAI, "cai", EMPTY, now=1))
    ids = [each.stanza_id for each in told if isinstance(each, Said)]
    assert said.stanza_id in ids


def test_too_many_and_too_long_messages_are_refused() -> None:
    room = room_with(ANA, BEA, limits=RoomLimits(chat_per_s=2, chat_burst=20))
    with pytest.raises(ChatRefused):
        room.say(ANA, message("x" * 4001), now=0)
    for _ in range(20):
        room.say(ANA, message(), now=0)

    with pytest.raises(ChatRefused):
        room.whisper(ANA, "bea", message(), now=0)
    room.say(ANA, message(), now=0.5)
    room.say(BEA, message(), now=0)


def test_a_message_without_content_is_refused() -> None:
    room = room_with(ANA)

    with pytest.raises(Exception, match="empty"):
        room.say(ANA, Element("message", ns="jabber:client"), now=0)


def test_who_leaves_may_say_why_and_leaves_in_any_case() -> None:
    room = room_with(ANA, BEA)
    farewell = parse_document("<presence xmlns='jabber:client'><status>bye</status></presence>")
    assert [c.text for c in room.leave(ANA, farewell)[0].children] == ["bye"]  # type: ignore[union-attr]

    too_big = parse_document(
        f"<presence xmlns='jabber:client'><status>{'x' * 20_000}</status></presence>"
    )
    assert room.leave(BEA, too_big)[0].children == ()  # type: ignore[union-attr]
    assert room.people == 0
