"""Where cameras are required, moderators learn who has none, and nobody is made to leave."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.rooms.house import HOST, PLAZA, House, Someone

from tertulia.rooms.cameras import CameraLimits, Cameras, has_camera
from tertulia.rooms.metadata import RoomMetadata
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

GRACE_S = 20.0


class Exam(House):
    """Ana leads; from the beginning cameras are required."""

    def __init__(self) -> None:
        self.cameras = Cameras(f"cameras.{HOST}", limits=CameraLimits(camera_grace_s=GRACE_S))
        super().__init__(RoomMetadata(f"metadata.{HOST}"), self.cameras)
        self.ana = self.enter("ana")
        self.requires(self.ana, True)

    def requires(self, who: Someone, data: Any) -> None:
        change = json.dumps({"key": "cameraRequired", "data": data, "type": "room_metadata"})
        child = f"<room_metadata xmlns='http://jitsi.org/jitmeet' room='{PLAZA}'>{change}"
        self.send(who, f"<message to='metadata.{HOST}'>{child}</room_metadata></message>")

    def comes(self, name: str, camera: bool = False) -> Someone:
        return self.enter(name, beside=sources(name, camera))

    def turns(self, who: Someone, camera: bool, room: Jid = PLAZA) -> None:
        info = sources(who.nick, camera)
        self.send(who, f"<presence to='{room}/{who.nick}'>{info}</presence>")


def sources(nick: str, camera: bool) -> str:
    info = {f"{nick}-v0": {"muted": not camera}, f"{nick}-v1": {"videoType": "desktop"}}
    return f"<SourceInfo>{json.dumps(info)}</SourceInfo>"


def missing(who: Someone) -> list[list[str]]:
    """Who was without a camera, each time it was told."""
    return [list(each["missing"]) for each in who.told("cameras")]


def test_after_the_grace_moderators_and_whoever_it_is_about_are_told() -> None:
    exam = Exam()
    bea, cai = exam.comes("bea", camera=True), exam.comes("cai")

    exam.pass_time(GRACE_S - 1)
    assert missing(exam.ana) == []
    exam.pass_time(1)

    assert missing(exam.ana) == [["cai"]]
    assert missing(cai) == [["cai"]]
    assert missing(bea) == []
    told = exam.ana.told("cameras")[-1]
    assert told["now"] - told["missing"]["cai"] == GRACE_S * 1000
    exam.turns(cai, True)
    assert missing(exam.ana) == missing(cai) == [["cai"], []]


def test_a_picture_that_drops_out_for_a_moment_is_no_news() -> None:
    exam = Exam()
    bea = exam.comes("bea", camera=True)

    exam.turns(bea, False)
    exam.pass_time(GRACE_S - 1)
    exam.turns(bea, True)
    exam.pass_time(GRACE_S)
    assert missing(exam.ana) == []

    exam.turns(bea, False)
    exam.pass_time(GRACE_S)
    assert missing(exam.ana) == [["bea"]]


def test_everybody_has_a_time_of_their_own_and_leaving_ends_it() -> None:
    exam = Exam()
    bea = exam.comes("bea")
    exam.pass_time(GRACE_S / 2)
    exam.comes("cai")

    exam.pass_time(GRACE_S)
    assert missing(exam.ana) == [["bea"], ["bea", "cai"]]
    exam.leave(bea)
    assert missing(exam.ana)[-1] == ["cai"]


def test_moderators_need_no_camera_and_learn_of_the_others_when_they_become_one() -> None:
    exam = Exam()
    bea, _ = exam.comes("bea"), exam.comes("cai")
    exam.pass_time(GRACE_S)
    assert missing(exam.ana) == [["bea", "cai"]]

    exam.affiliate(exam.ana, bea, "owner")

    assert missing(exam.ana)[-1] == ["cai"]
    assert missing(bea)[-1] == ["cai"]


def test_only_moderators_require_it_and_only_by_true_or_false() -> None:
    exam = Exam()
    bea = exam.comes("bea")
    exam.requires(bea, False)
    exam.requires(exam.ana, "yes")
    assert bea.errors() == ["forbidden"]
    assert exam.ana.errors() == ["bad-request"]

    exam.pass_time(GRACE_S)
    assert missing(exam.ana) == [["bea"]]
    exam.requires(exam.ana, False)
    assert missing(exam.ana)[-1] == []
    exam.pass_time(GRACE_S)
    assert missing(exam.ana)[-1] == []


def test_a_breakout_room_belongs_to_the_exam() -> None:
    exam = Exam()
    bea = exam.comes("bea", camera=True)
    kind = "features/breakout-rooms/add"
    child = f"<breakout_rooms type='{kind}' subject='Desk'/>"
    exam.send(exam.ana, f"<message to='breakout.{HOST}'>{child}</message>")
    exam.pass_time(1)
    rooms = exam.ana.told("breakout_rooms")[-1]["rooms"].values()
    desk = next(Jid.parse(each["jid"]) for each in rooms if each["name"] == "Desk")
    exam.switch(bea, PLAZA, desk)
    exam.turns(bea, False, room=desk)

    exam.pass_time(GRACE_S)

    assert missing(exam.ana) == [["bea"]]


def test_what_was_seen_survives_a_restart() -> None:
    exam = Exam()
    exam.comes("bea")
    exam.pass_time(GRACE_S)
    exam.comes("cai")
    state = json.loads(json.dumps(exam.cameras.dump(exam.main)))

    exam.cameras.ended(exam.main)
    exam.cameras.load(exam.main, state)
    exam.pass_time(GRACE_S)

    assert missing(exam.ana) == [["bea"], ["bea", "cai"]]


@pytest.mark.parametrize(
    ("info", "is_on"),
    [
        ('{"a-v0":{"muted":false,"videoType":"camera"}}', True),
        ('{"a-v0":{"muted":false}}', True),
        ('{"a-v0":{"muted":true}}', False),
        ('{"a-v0":{}}', False),
        ('{"a-v0":{"muted":false,"videoType":"desktop"}}', False),
        ('{"a-a0":{"muted":false}}', False),
        ("{}", False),
        ("[]", False),
    ],
)
def test_what_counts_as_a_camera(info: str, is_on: bool) -> None:
    assert has_camera((Element("SourceInfo", {}, info),)) is is_on
    # What was said in the old way does not count beside it.
    assert (
        has_camera((Element("videomuted", {}, "false"), Element("SourceInfo", {}, info))) is is_on
    )


def test_who_knows_no_source_info_says_it_in_the_old_way() -> None:
    assert has_camera((Element("videomuted", {}, "false"),))
    assert not has_camera((Element("videomuted", {}, "true"),))
    assert not has_camera(())
