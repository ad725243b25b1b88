"""What was said: who owns a line, what late comers read; and hands, whose order nobody jumps."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tertulia.errors import PeerError
from tertulia.rooms.chat import Chat
from tertulia.rooms.hands import LOWER, PROPERTY, Hands, lowers_hand
from tertulia.rooms.limits import RoomLimits
from tertulia.rooms.occupant import Affiliation, Occupant
from tertulia.xmpp import ns as NS
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

HOST = "meet.example"
PEOPLE = [
    Occupant(nick=nick, jid=Jid(nick, HOST, "1"), affiliation=affiliation)
    for nick, affiliation in (
        ("ana", Affiliation.OWNER),
        ("bea", Affiliation.NONE),
        ("cleo", Affiliation.NONE),
    )
]
LIMITS = RoomLimits(remembered_messages=5, history_messages=3, reactions_remembered=2)


def body(text: str) -> Element:
    return Element("body", {}, text, ns=NS.CLIENT)


def about(name: str, ns: str, target: str, *emoji: str) -> Element:
    return Element(name, {"id": target}, *(Element("reaction", {}, e) for e in emoji), ns=ns)


_DEEDS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["say", "correct", "retract", "react"]),
        st.sampled_from(["", "m1", "m2", "m3"]),
    ),
    max_size=40,
)


@given(_DEEDS)
def test_lines_are_changed_by_their_authors_and_taken_away_by_moderators(
    deeds: list[tuple[int, str, str]],
) -> None:
    chat = Chat(LIMITS)
    for number, (who, deed, target) in enumerate(deeds):
        speaker = PEOPLE[who]
        content = {
            "say": (body(f"{speaker.nick} says"),),
            "correct": (body(f"{speaker.nick} says better"), about("replace", NS.CORRECT, target)),
            "retract": (about("retract", NS.RETRACT, target),),
            "react": (about("reactions", NS.REACTIONS, target, "🙂"),),
        }[deed]
        # Two may have said different things under one id.
        before = {(line.id, line.author) for line in chat.lines()}
        is_own = (target, str(speaker.jid.bare)) in before
        with suppress(PeerError):
            chat.said(speaker, target, content, float(number))
            if deed == "correct":
                assert is_own
            if deed == "retract":
                assert is_own or speaker is PEOPLE[0]
        assert all(line.body.startswith(line.nick) for line in chat.lines())
        assert len(chat.lines()) <= LIMITS.remembered_messages
        assert len(chat.for_newcomer()) <= LIMITS.history_messages
        assert all(len(each.reactions) <= 2 for each in chat.lines())
    twin = Chat(LIMITS)
    twin.load(msgspec.json.decode(msgspec.json.encode(chat.dump() or [])))
    assert [each.body for each in twin.lines()] == [each.body for each in chat.lines()]


def test_a_room_that_keeps_nothing_still_knows_whose_a_line_is() -> None:
    chat = Chat(LIMITS)
    chat.said(PEOPLE[1], "m1", (body("before"),), 0.0)
    chat.keep(False)
    chat.said(PEOPLE[1], "m2", (body("after"),), 0.0)

    assert chat.lines() == [] and chat.dump() is None
    for target in ("m1", "m2"):
        chat.said(PEOPLE[1], "x", (about("retract", NS.RETRACT, target),), 0.0)
    chat.keep(True)
    assert chat.lines() == []


def test_lines_of_earlier_meetings_come_first() -> None:
    earlier, chat = Chat(LIMITS), Chat(LIMITS)
    earlier.said(PEOPLE[1], "m1", (body("yesterday"),), 0.0)
    chat.said(PEOPLE[1], "m2", (body("today"),), 100.0)

    recalled = chat.recall(earlier.lines())

    assert [each.body for each in recalled] == ["yesterday"]
    assert [each.body for each in chat.lines()] == ["yesterday", "today"]
    assert chat.recall(earlier.lines()) == []


# Hands


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["", "0", "1", "99", "up"]), st.booleans()),
        max_size=40,
    )
)
def test_hands_stand_in_the_order_in_which_they_went_up(
    deeds: list[tuple[int, str, bool]],
) -> None:
    hands, queue = Hands(), []
    up: dict[str, int] = {}
    for number, (who, said, is_lowered) in enumerate(deeds):
        nick = f"n{who}"
        presence = (Element(PROPERTY, {}, said, ns=NS.CLIENT), Element("x", ns=NS.CLIENT))
        seen = hands.stamped(nick, presence, 1000.0 + number / 10_000)
        (told,) = (each.text for each in seen if each.name == PROPERTY)
        assert len(seen) == 2
        stamps = [int(told)] if told else []
        if not stamps:
            up.pop(nick, None)
        elif nick in up:
            assert up[nick] == stamps[0]
        else:
            assert all(stamps[0] > other for other in queue)
            up[nick] = stamps[0]
            queue.append(stamps[0])
        if is_lowered and hands.lower(nick):
            del up[nick]


@given(st.text(max_size=60), st.booleans())
def test_any_json_may_be_whispered(text: str, is_more: bool) -> None:
    text = f'{{"type":"{LOWER}"{text}' if is_more else text
    lowers_hand((Element("json-message", {}, text, ns=NS.JITMEET),))
