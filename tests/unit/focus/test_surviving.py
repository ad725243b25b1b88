"""A conference goes on in another process: nobody who was in it is invited again."""

import pickle

from tests.unit.focus.meeting import ROOM, Meeting, voice

from tertulia.focus import surviving
from tertulia.focus.moves import bridges_changed
from tertulia.focus.orders import Discover, Purpose
from tertulia.focus.participant import SessionState
from tertulia.xmpp.jingle import Action


def restarted(before: Meeting, **bridge: str) -> Meeting:
    """The next process; its bridge is back at once."""
    conference = before.conference
    state = pickle.loads(pickle.dumps(surviving.dump(conference)))
    people = [
        pickle.loads(pickle.dumps(surviving.dump_participant(conference, each)))
        for each in conference.participants.values()
    ]
    after = Meeting(limits=before.limits, bridges=(), now=before.now + 3.0)
    surviving.load(after.conference, state, people, after.now)
    after.note(after.conference.taken())
    after.bridge_arrives("br1", **bridge)
    after.note(bridges_changed(after.conference, after.now))
    return after


def meeting(*nicks: str) -> Meeting:
    found = Meeting(bridges=())
    found.bridge_arrives("br1", instance="same")
    found.everybody(*nicks)
    return found


def test_nobody_is_invited_again_when_the_bridge_is_the_same() -> None:
    before = meeting("ana", "bea", "cyd")

    after = restarted(before, instance="same")
    after.passes(300.0)

    assert [after.told(nick) for nick in ("ana", "bea", "cyd")] == [[], [], []]
    assert {ask.purpose for ask in after.asked()} == {Purpose.UPDATE}
    assert after.conference.room == ROOM
    assert after.conference.bridge_session_id == before.conference.bridge_session_id


def test_all_are_invited_anew_when_the_bridge_is_another() -> None:
    after = restarted(meeting("ana", "bea"), instance="other")

    for nick in ("ana", "bea"):
        assert [each.action for each in after.told(nick)] == [
            Action.SESSION_TERMINATE,
            Action.SESSION_INITIATE,
        ]


def test_who_comes_after_the_restart_is_told_of_all_and_they_of_it() -> None:
    after = restarted(meeting("ana", "bea"), instance="same")

    after.joins("cyd")
    after.accepts("cyd", voice("cyd", 300))

    (offer,) = after.told("cyd")
    assert {"ana", "bea"} <= offer.sources.keys()
    for nick in ("ana", "bea"):
        (added,) = after.told(nick)
        assert (added.action, set(added.sources)) == (Action.SOURCE_ADD, {"cyd"})


def test_what_somebody_was_still_to_be_told_it_is_told_afterwards() -> None:
    before = meeting("ana", "bea")
    ana = before.conference.participants["ana"]
    ana.told = {}
    ana.tell_at = before.now + 0.5

    after = restarted(before, instance="same")
    after.passes(1.0)

    (added,) = after.told("ana")
    assert (added.action, set(added.sources)) == (Action.SOURCE_ADD, {"bea"})


def test_who_left_the_room_meanwhile_leaves_the_bridge() -> None:
    after = restarted(meeting("ana", "bea", "cyd"), instance="same")

    after.leaves("cyd")

    (expired,) = [ask for ask in after.asked() if ask.purpose is Purpose.EXPIRE]
    assert [each.id for each in expired.modify.endpoints] == ["cyd"]


def test_an_invitation_under_way_is_made_anew() -> None:
    before = meeting("ana", "bea")
    before.joins("cyd")  # and does not answer any more

    after = restarted(before, instance="same")

    assert after.told("ana") == []
    assert [each.action for each in after.told("cyd")] == [
        Action.SESSION_TERMINATE,
        Action.SESSION_INITIATE,
    ]


def test_who_was_asked_for_its_features_is_asked_again() -> None:
    before = meeting("ana", "bea")
    before.joins("cyd")
    before.conference.participants["cyd"].features = None
    before.conference.participants["cyd"].state = SessionState.NONE

    after = restarted(before, instance="same")

    assert [order.nick for order in after.orders if isinstance(order, Discover)] == ["cyd"]
