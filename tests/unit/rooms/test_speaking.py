"""Speaker statistics: whose time runs, and what survives."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rooms.house import HOST, House, Someone

from tertulia.rooms.speaking import SpeakerStats


def speaks(house: House, who: Someone, silence: str = "false") -> None:
    child = f"<speakerstats xmlns='http://jitsi.org/jitmeet' room='x' silence='{silence}'/>"
    house.send(who, f"<message to='speakerstats.{HOST}'>{child}</message>")


def test_one_clock_runs_and_newcomers_see_how_long() -> None:
    house = House(stats := SpeakerStats(f"speakerstats.{HOST}"))
    ana, bea = house.enter("ana"), house.enter("bea")
    speaks(house, ana)
    house.pass_time(10)
    speaks(house, bea)
    house.pass_time(5)
    speaks(house, bea, "true")
    house.pass_time(60)
    speaks(house, ana)
    house.pass_time(2)
    house.leave(ana)
    house.pass_time(60)
    state = msgspec.json.decode(msgspec.json.encode(stats.dump(house.main)))

    users = house.enter("cleo").told("speakerstats")[-1]["users"]
    times = {nick: each["totalDominantSpeakerTime"] for nick, each in users.items()}
    assert times == {"ana": 12_000, "bea": 5_000}

    after = House(other := SpeakerStats(f"speakerstats.{HOST}"))
    other.load(after.main, state)
    assert after.enter("dora").told("speakerstats")[-1]["users"] == users


@given(st.dictionaries(st.sampled_from(["duration", "timestamp", "faceExpression"]), st.text()))
def test_any_expression_is_taken_or_refused(attrs: dict[str, str]) -> None:
    house = House(SpeakerStats(f"speakerstats.{HOST}"))
    ana = house.enter("ana")
    safe = {k: "".join(c for c in v if c.isalnum() or c in "-.") for k, v in attrs.items()}
    pairs = "".join(f" {k}='{v}'" for k, v in safe.items())
    face = f"<faceLandmarks xmlns='http://jitsi.org/jitmeet'{pairs}/>"
    house.send(ana, f"<message to='speakerstats.{HOST}'>{face}</message>")
    good = "duration='5' timestamp='1' faceExpression='happy'"
    face = f"<faceLandmarks xmlns='http://jitsi.org/jitmeet' {good}/>"
    house.send(ana, f"<message to='speakerstats.{HOST}'>{face}</message>")

    users = house.enter("bea").told("speakerstats")[-1]["users"]
    assert users["ana"]["faceLandmarks"][-1]["faceExpression"] == "happy"
