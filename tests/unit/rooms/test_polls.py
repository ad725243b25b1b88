"""Polls: one person one vote, secrets kept, and any JSON refused or taken."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rooms.house import FOCUS, HOST, House, Someone

from tertulia.errors import PeerError
from tertulia.rooms import RoomPolicy
from tertulia.rooms.occupant import Role
from tertulia.rooms.polls import PollLimits, Polls
from tertulia.rooms.polls.poll import Choice, NewPoll, Poll
from tertulia.rooms.room import Room
from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.errors import ResourceConstraint

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def poll(*answers: str, limits: PollLimits | None = None, **options: Any) -> Poll:
    new = NewPoll(pollId="p", question="?", answers=[Choice(a) for a in answers], **options)
    return Poll.asked(new, sender="ana", name="Ana", owner="a", limits=limits or PollLimits())


def say(house: House, who: Someone, command: Any) -> None:
    text = escape(json.dumps(command))
    child = f"<json-message xmlns='http://jitsi.org/jitmeet'>{text}</json-message>"
    house.send(who, f"<message type='chat' to='polls.{HOST}'>{child}</message>")


def house_with_polls() -> tuple[House, Polls, list[dict[str, Any]]]:
    kept: list[dict[str, Any]] = []
    polls = Polls(f"polls.{HOST}", keep=lambda room, poll: kept.append(poll))
    house = House(polls)
    polls._persons = house.persons
    return house, polls, kept


TEA = {
    "type": "polls",
    "command": "new-poll",
    "pollId": "p1",
    "question": "Tea?",
    "answers": [{"name": "yes"}, {"name": "no"}],
}


@given(
    votes=st.lists(
        st.tuples(st.integers(0, 3), st.lists(st.booleans(), min_size=3, max_size=3)), max_size=20
    ),
    anonymous=st.booleans(),
    multiple=st.booleans(),
)
def test_counts_are_of_the_last_votes(
    votes: list[tuple[int, list[bool]]], anonymous: bool, multiple: bool
) -> None:
    asked = poll("a", "b", "c", anonymous=anonymous, multiple=multiple)
    last: dict[int, list[bool]] = {}
    for who, answers in votes:
        with suppress(PeerError):
            asked.vote(f"key {who}", f"voter{who}", f"Zoe {who}", answers, PollLimits())
            last[who] = answers

    assert asked.counts() == [sum(v[i] for v in last.values()) for i in range(3)]
    assert asked.voted == sum(any(v) for v in last.values())
    assert multiple or all(sum(v) <= 1 for v in last.values())
    told = json.dumps([asked.public(), asked.results()])
    assert "key " not in told
    if anonymous:
        assert not any(f"voter{n}" in told for n in range(4)) and "Zoe" not in told


def test_as_many_may_answer_as_the_limit_says() -> None:
    asked = poll("a", limits=PollLimits(poll_voters=1))
    asked.vote("1", "n1", "", [True], PollLimits(poll_voters=1))
    with pytest.raises(ResourceConstraint, match="poll_voters"):
        asked.vote("2", "n2", "", [True], PollLimits(poll_voters=1))


def test_who_reloads_changes_its_vote_and_has_no_second() -> None:
    house, _, _ = house_with_polls()
    ana, bea = house.enter("ana"), house.enter("bea")
    say(house, ana, TEA)
    say(house, bea, {**TEA, "command": "answer-poll", "answers": [True, False]})
    house.router.unbind(bea)
    again = house.enter("bea2", "machine of bea")
    known = again.told("polls")[-1]["polls"][0]
    assert known["ownAnswers"] == [True, False]
    say(house, again, {**TEA, "command": "answer-poll", "answers": [False, True]})

    assert ana.told("polls")[-1]["senderId"] == "bea"  # the others replace its first vote
    late = house.enter("cleo")
    answers = late.told("polls")[-1]["polls"][0]["answers"]
    assert [each["votes"] for each in answers] == [0, 1]


def test_polls_of_an_ended_room_are_handed_on_with_their_results() -> None:
    house, polls, kept = house_with_polls()
    ana = house.enter("ana")
    say(house, ana, {**TEA, "resultsAtEnd": True})
    say(house, ana, {**TEA, "command": "answer-poll", "answers": [True, False]})
    house.router.unbind(ana)
    house.focus_leaves(house.main.jid)

    assert [each["question"] for each in kept] == ["Tea?"]
    assert kept[0]["answers"][0]["votes"] == 1
    assert polls._polls == {}


def test_polls_survive_a_restart() -> None:
    house, polls, _ = house_with_polls()
    ana = house.enter("ana")
    say(house, ana, TEA)
    say(house, ana, {**TEA, "command": "answer-poll", "answers": [True, False]})
    state = msgspec.json.decode(msgspec.json.encode(polls.dump(house.main)))
    assert "polls" in house.touched

    after, others, _ = house_with_polls()
    others.load(after.main, state)
    again = after.enter("ana2", "machine of ana")

    assert again.told("polls")[-1]["polls"][0]["ownAnswers"] == [True, False]
    assert others.dump(after.main) == state


@given(JSON)
def test_any_json_is_taken_or_refused(value: Any) -> None:
    house, polls, _ = house_with_polls()
    ana = house.enter("ana")
    say(house, ana, TEA)
    for command in ("new-poll", "answer-poll", "close-poll"):
        for key in ("question", "answers", "pollId", "multiple", "command", "type"):
            say(house, ana, {**TEA, "command": command, key: value})
    say(house, ana, value)

    assert all(isinstance(each, Poll) for each in polls._polls[house.main.jid].values())
    with suppress(msgspec.ValidationError):
        polls.load(house.main, value)


def kept_house() -> tuple[House, Polls, list[Room]]:
    """Zoe and Yun are known, and Zoe leads; Lea leads by a link that names nobody. With it the
    rooms whose earlier polls are asked for."""
    asked: list[Room] = []
    polls = Polls(f"polls.{HOST}")
    polls.recall = asked.append
    known = Admission(is_authenticated=True, moderates=False, user={"id": "1"})
    link = Admission(is_authenticated=True, moderates=True)
    logins = {"zoe": replace(known, moderates=True), "yun": known, "lea": link}
    policy = replace(
        RoomPolicy.meetings(HOST, FOCUS), admission_of=lambda jid: logins.get(jid.node, GUEST)
    )
    return House(polls, policy=policy), polls, asked


def earlier(who: Someone) -> list[tuple[str, int]]:
    told = who.told("polls")
    return [(e["question"], e["endedAt"]) for e in told if e["command"] == "earlier-poll"]


def saved(question: str) -> dict[str, Any]:
    before = Poll.asked(
        NewPoll(pollId="p", question=question, answers=[Choice("yes")]),
        sender="ana",
        name="Ana",
        owner="a",
        limits=PollLimits(),
    )
    return before.public()


def test_polls_of_earlier_meetings_are_for_moderators_who_are_known() -> None:
    house, polls, asked = kept_house()
    guest, by_link = house.enter("ana"), house.enter("lea")
    assert house.main.occupant("ana").role is Role.MODERATOR  # type: ignore[union-attr]
    assert asked == []

    zoe, yun = house.enter("zoe"), house.enter("yun")
    polls.recalled(house.main, [(1, saved("Tea?")), (2, saved("Cake?"))])

    assert asked == [house.main]
    assert earlier(zoe) == [("Tea?", 1), ("Cake?", 2)]
    assert earlier(guest) == earlier(by_link) == earlier(yun) == []
    house.affiliate("zoe", "yun", "owner")
    house.affiliate("zoe", "ana", "owner")
    assert earlier(yun) == earlier(zoe)
    assert earlier(guest) == earlier(by_link) == []


def test_only_the_newest_of_them_are_told_and_of_a_room_that_is_over_none() -> None:
    house, polls, _ = kept_house()
    polls.limits = PollLimits(polls_recalled=1)
    zoe, room = house.enter("zoe"), house.main
    polls.recalled(room, [(1, saved("Tea?")), (2, saved("Cake?"))])
    assert earlier(zoe) == [("Cake?", 2)]

    house.leave(zoe)
    house.focus_leaves()
    zoe.got.clear()
    polls.recalled(room, [(1, saved("Tea?"))])
    assert earlier(zoe) == []
