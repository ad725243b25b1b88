"""Moderation of audio and video: who may send what, and who is told of it."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rooms.house import HOST, PLAZA, House

from tertulia.rooms.av_moderation import AvModeration
from tertulia.rooms.metadata import RoomMetadata
from tertulia.rooms.rights import EVERY_KIND, MediaKind
from tertulia.xmpp.jid import Jid

AV = f"avmoderation.{HOST}"
OTHERS = EVERY_KIND - {MediaKind.AUDIO}


class Moderated(House):
    """Ana owns the room, Bea and Cai are in it."""

    def __init__(self) -> None:
        self.told: list[tuple[Jid, str]] = []
        self.part = AvModeration(AV, on_rights=lambda room, by: self.told.append((room, by)))
        super().__init__(self.part)
        for name in ("ana", "bea", "cai"):
            self.join(name)

    def asks(self, name: str, attributes: str) -> str:
        """The condition of the refusal, or nothing."""
        return self.send(name, f"<message to='{AV}'><av_moderation {attributes}/></message>")

    def may(self, nick: str) -> frozenset[MediaKind]:
        return self.part.may_send(PLAZA, nick)

    def hears(self, name: str) -> list[dict[str, Any]]:
        return [each for each in self.someone(name).json() if each["type"] == "av_moderation"]


def test_while_it_is_on_only_moderators_send() -> None:
    house = Moderated()

    assert house.asks("ana", "enable='true' mediaType='audio'") == ""

    assert (house.may("ana"), house.may("bea")) == (EVERY_KIND, OTHERS)
    assert house.told == [(PLAZA, "ana")]
    expected = {"type": "av_moderation", "room": str(PLAZA), "mediaType": "audio", "enabled": True}
    for name in ("ana", "bea", "cai", "focus"):
        assert house.hears(name) == [{**expected, "actor": f"{PLAZA}/ana"}]


def test_who_is_approved_sends_and_is_told_and_moderators_see_the_list() -> None:
    house = Moderated()
    house.asks("ana", "enable='true' mediaType='audio'")
    house.forget()

    assert house.asks("ana", f"jidToWhitelist='{PLAZA}/bea' mediaType='audio'") == ""

    assert (house.may("bea"), house.may("cai")) == (EVERY_KIND, OTHERS)
    about = {"type": "av_moderation", "room": str(PLAZA), "mediaType": "audio"}
    assert house.hears("bea") == [{**about, "approved": True}]
    assert house.hears("ana") == [{**about, "whitelists": {"audio": [f"{PLAZA}/bea"]}}]
    assert house.hears("cai") == []

    house.forget()
    house.asks("ana", f"jidToBlacklist='{PLAZA}/bea' mediaType='audio'")
    assert house.may("bea") == OTHERS
    assert house.hears("bea") == [{**about, "removed": True}]
    assert house.hears("ana") == [{**about, "whitelists": {"audio": []}, "removed": True}]


def test_an_approval_without_moderation_is_an_invitation_only() -> None:
    house = Moderated()

    house.asks("ana", f"jidToWhitelist='{PLAZA}/bea' mediaType='video'")

    assert [each["approved"] for each in house.hears("bea")] == [True]
    assert house.told == []


def test_newcomers_and_new_moderators_are_told_how_it_is() -> None:
    house = Moderated()
    house.asks("ana", "enable='true' mediaType='audio'")
    house.asks("ana", f"jidToWhitelist='{PLAZA}/bea' mediaType='audio'")
    house.forget()

    house.join("dan")
    house.affiliate("ana", "cai", "owner")

    assert [each["enabled"] for each in house.hears("dan")] == [True]
    assert house.may("dan") == OTHERS
    assert [each["whitelists"] for each in house.hears("cai")] == [{"audio": [f"{PLAZA}/bea"]}]
    assert house.may("cai") == EVERY_KIND


def test_a_demoted_moderator_may_no_longer_send() -> None:
    house = Moderated()
    house.affiliate("ana", "bea", "owner")
    house.asks("ana", "enable='true' mediaType='audio'")
    house.told.clear()

    house.affiliate("ana", "bea", "none")

    assert house.may("bea") == OTHERS
    assert house.told == [(PLAZA, "")]


def test_an_approval_ends_when_its_person_leaves_and_when_moderation_does() -> None:
    house = Moderated()
    house.asks("ana", "enable='true' mediaType='audio'")
    house.asks("ana", f"jidToWhitelist='{PLAZA}/bea' mediaType='audio'")
    house.asks("ana", f"jidToWhitelist='{PLAZA}/cai' mediaType='audio'")

    house.leave("bea")
    house.join("bea")
    assert house.may("bea") == OTHERS

    house.asks("ana", "enable='false' mediaType='audio'")
    assert house.may("cai") == EVERY_KIND
    house.asks("ana", "enable='true' mediaType='audio'")
    assert house.may("cai") == OTHERS


def test_only_moderators_ask_and_only_for_people_in_the_room() -> None:
    house = Moderated()

    assert house.asks("bea", "enable='true' mediaType='audio'") == "forbidden"
    assert house.asks("bea", f"jidToWhitelist='{PLAZA}/bea' mediaType='audio'") == "forbidden"
    assert house.asks("ana", f"jidToWhitelist='{PLAZA}/zoe' mediaType='audio'") == "item-not-found"
    assert house.asks("ana", f"jidToWhitelist='{PLAZA}/focus' mediaType='audio'") == (
        "item-not-found"
    )
    other = f"other@conference.{HOST}/bea"
    assert house.asks("ana", f"jidToWhitelist='{other}' mediaType='audio'") == "item-not-found"
    assert house.asks("ana", "jidToWhitelist='@@' mediaType='audio'") == "bad-request"
    assert house.asks("ana", "enable='true' mediaType='smell'") == "bad-request"
    assert house.asks("ana", "enable='yes' mediaType='audio'") == "bad-request"
    assert house.asks("ana", "mediaType='audio'") == "bad-request"
    assert house.may("bea") == EVERY_KIND


class Kept(Moderated):
    """The metadata of the room is there too, as in the server."""

    def __init__(self) -> None:
        super().__init__()
        self.metadata = RoomMetadata(f"metadata.{HOST}", on_rights=self.part.rights_changed)
        self.part.open_feature = self.metadata.open_feature
        self.parts.add(self.metadata)

    def sets(self, key: str, data: dict[str, object]) -> None:
        text = msgspec.json.encode({"key": key, "data": data}).decode()
        child = f"<room_metadata xmlns='http://jitsi.org/jitmeet'>{text}</room_metadata>"
        self.send("ana", f"<message to='metadata.{HOST}'>{child}</message>")


def test_what_the_room_keeps_for_presenters_is_told_as_moderation() -> None:
    house = Kept()

    house.sets("permissions", {"microphone": "presenters"})

    assert (house.may("bea"), house.may("ana")) == (OTHERS, EVERY_KIND)
    assert [each["enabled"] for each in house.hears("bea")] == [True]
    house.join("dan")
    assert [each["enabled"] for each in house.hears("dan")] == [True]
    assert house.may("dan") == OTHERS


def test_presenters_are_told_that_they_may_and_that_they_may_no_longer() -> None:
    house = Kept()
    house.sets("permissions", {"microphone": "presenters"})
    house.forget()

    house.sets("presenters", {"bea": True})
    assert house.may("bea") == EVERY_KIND
    assert [each["approved"] for each in house.hears("bea")] == [True]
    assert house.hears("cai") == []

    house.forget()
    house.sets("presenters", {"bea": False})
    assert house.may("bea") == OTHERS
    assert [each["removed"] for each in house.hears("bea")] == [True]


def test_who_is_approved_may_send_what_is_kept_for_others() -> None:
    house = Kept()
    house.sets("permissions", {"microphone": "moderators"})

    house.asks("ana", f"jidToWhitelist='{PLAZA}/bea' mediaType='audio'")

    assert (house.may("bea"), house.may("cai")) == (EVERY_KIND, OTHERS)


def test_presenters_ask_too_while_everybody_has_to() -> None:
    house = Kept()
    house.sets("permissions", {"microphone": "presenters"})
    house.sets("presenters", {"bea": True})
    house.forget()

    house.asks("ana", "enable='true' mediaType='audio'")

    assert house.may("bea") == OTHERS
    assert [each["removed"] for each in house.hears("bea")] == [True]


def test_switching_moderation_off_opens_what_the_room_kept() -> None:
    house = Kept()
    house.sets("permissions", {"microphone": "moderators", "chat": "moderators"})
    house.forget()

    house.asks("ana", "enable='false' mediaType='audio'")

    assert house.may("bea") == EVERY_KIND
    assert [each["enabled"] for each in house.hears("bea")] == [False]
    assert house.main.permissions.public()["microphone"] == "everybody"
    assert house.main.permissions.public()["chat"] == "moderators"


class WithGroups(House):
    """Ana owns the room; Bea and Cai are in it, and Bea goes to a breakout room when told."""

    def __init__(self) -> None:
        self.part = AvModeration(AV)
        self.metadata = RoomMetadata(f"metadata.{HOST}", on_rights=self.part.rights_changed)
        self.part.open_feature = self.metadata.open_feature
        super().__init__(self.metadata, self.part)
        for name in ("ana", "bea", "cai"):
            self.join(name)
        add = "<breakout_rooms type='features/breakout-rooms/add' subject='A'/>"
        self.send("ana", f"<message to='breakout.{HOST}'>{add}</message>")
        self.pass_time(1)
        rooms = self.someone("ana").told("breakout_rooms")[-1]["rooms"]
        self.side = next(Jid.parse(r["jid"]) for r in rooms.values() if "isMainRoom" not in r)

    def switches_audio(self, name: str, enable: str) -> None:
        ask = f"<av_moderation enable='{enable}' mediaType='audio'/>"
        self.send(name, f"<message to='{AV}'>{ask}</message>")

    def frees(self, is_free: bool | None) -> str:
        text = msgspec.json.encode({"key": "breakoutsFree", "data": is_free}).decode()
        child = f"<room_metadata xmlns='http://jitsi.org/jitmeet'>{text}</room_metadata>"
        return self.send("ana", f"<message to='metadata.{HOST}'>{child}</message>")

    def told(self, name: str) -> list[tuple[str, bool]]:
        about = self.someone(name).told("av_moderation")
        return [(each["room"], each["enabled"]) for each in about if "enabled" in each]

    def may(self, nick: str) -> frozenset[MediaKind]:
        """What somebody may send in the breakout room."""
        return self.part.may_send(self.side, nick)


def test_nobody_gets_around_it_by_going_to_a_breakout_room() -> None:
    house = WithGroups()
    house.switches_audio("ana", "true")
    house.forget()

    house.switch("bea", PLAZA, house.side)

    assert house.may("bea") == OTHERS
    assert house.told("bea") == [(str(house.side), True)]


def test_breakout_rooms_follow_the_main_room() -> None:
    house = WithGroups()
    house.switch("bea", PLAZA, house.side)
    house.forget()

    house.switches_audio("ana", "true")
    assert house.may("bea") == OTHERS
    house.switches_audio("ana", "false")
    assert house.may("bea") == EVERY_KIND
    assert house.told("bea") == [(str(house.side), True), (str(house.side), False)]


def test_a_moderator_inside_switches_it_off_there_alone() -> None:
    house = WithGroups()
    house.switches_audio("ana", "true")
    house.switch("bea", PLAZA, house.side)
    house.switch("ana", PLAZA, house.side)

    house.switches_audio("bea", "false")
    assert house.may("bea") == OTHERS
    house.switches_audio("ana", "false")

    assert house.may("bea") == EVERY_KIND
    assert house.part.may_send(PLAZA, "cai") == OTHERS


def test_moderators_have_groups_talk_without_asking() -> None:
    house = WithGroups()
    house.switches_audio("ana", "true")
    house.switch("bea", PLAZA, house.side)

    assert house.frees(True) == ""
    assert house.may("bea") == EVERY_KIND
    assert house.part.may_send(PLAZA, "cai") == OTHERS

    house.frees(None)
    assert house.may("bea") == OTHERS


def test_an_approval_in_the_main_room_does_not_go_along() -> None:
    house = WithGroups()
    house.switches_audio("ana", "true")
    ask = f"<av_moderation jidToWhitelist='{PLAZA}/bea' mediaType='audio'/>"
    house.send("ana", f"<message to='{AV}'>{ask}</message>")

    house.switch("bea", PLAZA, house.side)
    assert house.may("bea") == OTHERS
    house.switch("bea", house.side, PLAZA)
    assert house.part.may_send(PLAZA, "bea") == EVERY_KIND


def test_it_survives_a_restart() -> None:
    house = Moderated()
    house.asks("ana", "enable='true' mediaType='audio'")
    house.asks("ana", f"jidToWhitelist='{PLAZA}/bea' mediaType='audio'")
    dumped = msgspec.json.decode(msgspec.json.encode(house.part.dump(house.main)))

    again = Moderated()
    again.part.load(again.main, dumped)

    assert (again.may("bea"), again.may("cai")) == (EVERY_KIND, OTHERS)
    assert again.part.dump(again.main) == house.part.dump(house.main)


@given(
    st.dictionaries(
        st.sampled_from(["enable", "jidToWhitelist", "jidToBlacklist", "mediaType", "actor"]),
        st.sampled_from(["true", "false", "audio", "desktop", f"{PLAZA}/bea", "x@y/z", ""]),
    )
)
def test_nobody_without_the_role_changes_anything_whatever_it_claims(
    attributes: dict[str, str],
) -> None:
    house = Moderated()
    before = house.part.dump(house.main)

    house.asks("bea", " ".join(f"{key}='{value}'" for key, value in attributes.items()))

    assert house.part.dump(house.main) == before
    assert house.hears("ana") == house.hears("cai") == []
