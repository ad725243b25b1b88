"""Direct sessions survive the process, and end with the room."""

from __future__ import annotations

from tests.unit.rooms.house import PLAZA, House, Someone

from tertulia.administration.direct import DirectSessions

JINGLE = "<jingle xmlns='urn:xmpp:jingle:1' action='{}' sid='s'/>"


def say(house: House, who: Someone, whom: Someone, action: str) -> None:
    jingle = JINGLE.format(action)
    house.send(who, f"<iq to='{PLAZA}/{whom.nick}' type='set' id='j'>{jingle}</iq>")


def test_the_next_process_knows_who_sends_directly() -> None:
    direct = DirectSessions()
    house = House()
    house.parts.add(direct, serve=False)
    ana, bea = house.enter("ana"), house.enter("bea")
    assert direct.dump(house.main) is None

    say(house, bea, ana, "session-accept")
    assert "direct" in house.touched
    after = DirectSessions()
    after.load(house.main, direct.dump(house.main))
    assert after.is_direct(house.main, "ana") and after.is_direct(house.main, "bea")
    assert not after.is_direct(house.main, "cleo")

    room = house.main
    for someone in (ana, bea):
        house.leave(someone)
    house.focus_leaves()
    assert not direct.is_direct(room, "ana")
    assert direct._pairs == {}
    assert not any("direct" in str(each) for each in house.parts.identities())


def test_a_session_that_is_ended_twice_or_never_began_costs_nothing() -> None:
    direct = DirectSessions()
    house = House()
    house.parts.add(direct, serve=False)
    ana, bea = house.enter("ana"), house.enter("bea")

    say(house, ana, bea, "session-terminate")
    say(house, ana, bea, "session-info")

    assert direct.dump(house.main) is None
