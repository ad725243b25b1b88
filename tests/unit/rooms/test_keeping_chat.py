"""How long chat is kept, and that lines come back days later as they read at the end."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.unit.rooms.house import FOCUS, HOST, PLAZA, House, Someone

from tertulia.rooms import RoomPolicy
from tertulia.rooms.keeping_chat import KeepingChat
from tertulia.rooms.kept import KeptRoom
from tertulia.rooms.metadata import RoomMetadata


def house_that_keeps(retention: str) -> tuple[House, KeepingChat, list[dict[str, Any]]]:
    """A room with this retention; what it leaves behind goes into the list."""
    kept: list[dict[str, Any]] = []
    chat = KeepingChat(f"chat.{HOST}")
    chat.keep = lambda room, line: kept.append(line)
    policy = replace(
        RoomPolicy.meetings(HOST, FOCUS), kept=lambda jid: KeptRoom(chat_retention=retention)
    )
    house = House(RoomMetadata(f"metadata.{HOST}"), chat, policy=policy)
    return house, chat, kept


def say(house: House, who: Someone, text: str, stanza_id: str, more: str = "") -> None:
    body = f"<body>{text}</body>{more}"
    house.send(who, f"<message type='groupchat' id='{stanza_id}' to='{PLAZA}'>{body}</message>")


def read_by(who: Someone) -> list[str]:
    """The bodies of group messages that somebody got, from before it came."""
    delayed = [each for each in who.got if each.find("delay", "*") is not None]
    bodies = (each.find("body") for each in delayed)
    return [body.text for body in bodies if body is not None]


def choose(house: House, who: Someone, data: Any) -> None:
    change = json.dumps({"key": "chatRetention", "data": data, "type": "room_metadata"})
    child = f"<room_metadata xmlns='http://jitsi.org/jitmeet'>{change}</room_metadata>"
    house.send(who, f"<message to='metadata.{HOST}'>{child}</message>")


def test_without_a_word_chat_is_kept_for_the_meeting() -> None:
    house, _, kept = house_that_keeps("")
    ana = house.enter("ana")
    say(house, ana, "hello", "m1")
    bea = house.enter("bea")

    assert read_by(bea) == ["hello"]
    assert bea.told("room_metadata")[0]["metadata"]["chatRetention"] == "meeting"
    for who in (ana, bea):
        house.leave(who)
    house.focus_leaves(PLAZA)
    assert kept == [] and "chat" in house.touched


def test_moderators_have_nothing_kept() -> None:
    house, _, _ = house_that_keeps("")
    ana, bea = house.enter("ana"), house.enter("bea")
    say(house, ana, "hello", "m1")
    choose(house, bea, "none")
    assert bea.errors() == ["forbidden"]
    choose(house, ana, 30)
    assert ana.errors() == ["bad-request"]
    choose(house, ana, "none")
    say(house, ana, "between us", "m2")

    assert read_by(house.enter("cleo")) == []


def test_lines_come_back_days_later_without_what_was_taken_back() -> None:
    house, _, kept = house_that_keeps("30")
    ana = house.enter("ana")
    assert ana.told("room_metadata")[0]["metadata"]["chatRetention"] == 30
    say(house, ana, "helo", "m1")
    say(house, ana, "rude", "m2")
    say(house, ana, "hello", "m3", "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>")
    say(house, ana, "", "m4", "<retract xmlns='urn:xmpp:message-retract:1' id='m2'/>")
    house.leave(ana)
    house.focus_leaves(PLAZA)
    assert [each["body"] for each in kept] == ["hello"]

    after, chat, kept_again = house_that_keeps("30")
    early = after.enter("bea")
    say(after, early, "good morning", "m5")
    chat.recalled(after.main, [*kept, {"of": "another version"}])
    late = after.enter("cleo")
    after.leave(early)
    after.leave(late)
    after.focus_leaves(PLAZA)

    assert read_by(early) == ["hello"]
    assert read_by(late) == ["hello", "good morning"]
    assert [each["body"] for each in kept_again] == ["good morning"]


def test_the_server_has_a_voice() -> None:
    house, chat, _ = house_that_keeps("")
    ana, bea = house.enter("ana"), house.enter("bea")
    chat.say_from_server(house.main, "Five minutes left")
    chat.say_from_server(house.main, "for you", to=[bea.jid])

    assert [each["message"] for each in ana.told("system_chat_message")] == ["Five minutes left"]
    assert bea.told("system_chat_message")[-1]["message"] == "for you"
    assert bea.got[-1].get("from") == str(PLAZA)


def test_kept_rooms_say_it_for_themselves() -> None:
    house, _, _ = house_that_keeps("none")
    ana = house.enter("ana")
    say(house, ana, "hello", "m1")
    assert read_by(house.enter("bea")) == []
