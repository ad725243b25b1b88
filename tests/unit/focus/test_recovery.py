"""What a conference does when its bridge, or an endpoint on it, is lost."""

from __future__ import annotations

import pytest
from tests.unit.focus.meeting import BREWERY, Meeting, voice

from tertulia.focus.answers import bridge_reported
from tertulia.focus.limits import ConferenceLimits
from tertulia.focus.moves import bridge_lost, bridges_changed
from tertulia.focus.orders import AskBridge, Purpose
from tertulia.rooms.rights import MediaKind
from tertulia.xmpp.colibri2 import SILENT, ConferenceModified, EndpointReport, ForceMute, Refusal
from tertulia.xmpp.jingle import Action, BridgeSession, Content, Jingle
from tertulia.xmpp.jingle_ice import IceUdpTransport

BRIDGE = BREWERY.with_resource("br1")


def cut_off(meeting: Meeting) -> None:
    meeting.brewery.left(BRIDGE)
    meeting.note(bridge_lost(meeting.conference, BRIDGE, meeting.now))


def comes_back(meeting: Meeting, instance: str = "p1") -> list[AskBridge]:
    """The bridge announces itself again. Returns: what it was asked then."""
    before = len(meeting.asked())
    meeting.bridge_arrives("br1", instance=instance)
    meeting.note(bridges_changed(meeting.conference, meeting.now))
    return meeting.asked()[before:]


def offers(meeting: Meeting, nick: str) -> int:
    return len(meeting.told(nick, Action.SESSION_INITIATE))


@pytest.fixture
def meeting() -> Meeting:
    meeting = Meeting(bridges=())
    meeting.bridge_arrives("br1", instance="p1")
    meeting.everybody("ana", "bea", "cyd")
    return meeting


def test_while_the_only_bridge_is_cut_off_nobodys_media_is_ended(meeting: Meeting) -> None:
    cut_off(meeting)
    meeting.passes(30)

    assert meeting.told("ana", Action.SESSION_TERMINATE) == []
    assert meeting.published() == []


def test_a_bridge_that_kept_its_conferences_is_told_what_changed(meeting: Meeting) -> None:
    cut_off(meeting)
    meeting.leaves("cyd")
    meeting.source_change("ana", Action.SOURCE_ADD, voice("ana", 77))
    meeting.passes(20)

    asked = [order for ask in comes_back(meeting) for order in ask.modify.endpoints]

    assert [order.id for order in asked if order.expire] == ["cyd"]
    known = {o.id: [s.ssrc for m in o.sources for s in m.sources] for o in asked if o.sources}
    assert known == {"ana": [100, 77], "bea": [101]}
    assert [offers(meeting, nick) for nick in ("ana", "bea")] == [1, 1]
    meeting.passes(120)
    assert meeting.told("ana", Action.SESSION_TERMINATE) == []


def test_who_was_muted_while_the_bridge_was_cut_off_is_silent_when_it_is_back(
    meeting: Meeting,
) -> None:
    cut_off(meeting)
    meeting.conference.muting.mute([meeting.conference.participants["bea"]], MediaKind.AUDIO, "ana")
    meeting.note(meeting.conference.taken())

    asked = [order for ask in comes_back(meeting) for order in ask.modify.endpoints]

    assert {order.id for order in asked if order.force_mute == ForceMute(audio=True)} == {"bea"}


def test_who_joins_meanwhile_waits_and_is_told_so(meeting: Meeting) -> None:
    cut_off(meeting)
    meeting.joins("dan")
    assert offers(meeting, "dan") == 0
    meeting.passes(3.1)
    assert meeting.published() == ["bridgeNotAvailable"]

    comes_back(meeting)

    assert offers(meeting, "dan") == 1
    assert meeting.published() == []
    assert offers(meeting, "ana") == 1


@pytest.mark.parametrize("instance", ["p1", "p2"])
def test_an_acceptance_while_the_bridge_is_cut_off_is_no_error(
    meeting: Meeting, instance: str
) -> None:
    meeting.joins("dan")
    cut_off(meeting)

    assert meeting.accepts("dan", voice("dan", 7)).conditions == ["result"]
    comes_back(meeting, instance=instance)

    assert offers(meeting, "dan") == 2
    assert meeting.accepts("dan", voice("dan", 7)).conditions == ["result"]


def test_one_that_restarted_has_nothing_left_so_all_are_invited_anew(meeting: Meeting) -> None:
    cut_off(meeting)

    asked = comes_back(meeting, instance="p2")

    assert asked[0].modify.create
    assert [offers(meeting, nick) for nick in ("ana", "bea", "cyd")] == [2, 2, 2]
    assert meeting.conference.totals.participants_moved == 3


def test_another_bridge_is_taken_at_once(meeting: Meeting) -> None:
    meeting.bridge_arrives("br2")

    cut_off(meeting)

    assert meeting.conference.bridge is not None
    assert meeting.conference.bridge.name == "br2"
    assert offers(meeting, "ana") == 2


def test_after_a_minute_it_is_given_up(meeting: Meeting) -> None:
    cut_off(meeting)
    meeting.passes(60.1)
    assert len(meeting.told("ana", Action.SESSION_TERMINATE)) == 1
    meeting.passes(3.1)
    assert meeting.published() == ["bridgeNotAvailable"]

    meeting.bridge_arrives("br9")
    meeting.note(bridges_changed(meeting.conference, meeting.now))

    assert meeting.published() == []
    assert offers(meeting, "ana") == 2


def test_a_client_whose_media_is_gone_says_so_and_waits_for_a_bridge(meeting: Meeting) -> None:
    cut_off(meeting)
    session = BridgeSession(id=meeting.conference.bridge_session_id)
    sid = meeting.sid("ana")
    failed = Jingle(action=Action.SESSION_INFO, sid=sid, bridge_session=session, ice_state="failed")
    assert meeting.says("ana", failed).conditions == ["result"]
    meeting.passes(3.1)
    assert meeting.published() == ["bridgeNotAvailable"]

    comes_back(meeting, instance="p1")

    assert [offers(meeting, nick) for nick in ("ana", "bea")] == [2, 1]


def test_an_endpoint_that_its_bridge_gave_up_is_invited_again(meeting: Meeting) -> None:
    report = (EndpointReport(id="ana", expire=True, reason="closed"),)

    meeting.note(bridge_reported(meeting.conference, report, meeting.now))
    assert offers(meeting, "ana") == 1
    meeting.passes(1.1)

    assert [offers(meeting, nick) for nick in ("ana", "bea")] == [2, 1]
    assert meeting.conference.totals.endpoints_lost == 1


def test_who_leaves_right_after_its_endpoint_is_just_gone(meeting: Meeting) -> None:
    report = (EndpointReport(id="ana", expire=True, reason="closed"),)
    meeting.note(bridge_reported(meeting.conference, report, meeting.now))
    meeting.leaves("ana")

    meeting.passes(5)

    assert offers(meeting, "ana") == 1
    assert "ana" not in meeting.conference.participants


def restart_asked(meeting: Meeting, nick: str = "ana") -> list[str]:
    session = BridgeSession(id=meeting.conference.bridge_session_id, ice_restart=True)
    jingle = Jingle(action=Action.SESSION_INFO, sid=meeting.sid(nick), bridge_session=session)
    return meeting.says(nick, jingle).conditions


def test_an_ice_restart_goes_to_the_bridge_and_its_credentials_come_back(meeting: Meeting) -> None:
    meeting.bridge_answers = False
    assert restart_asked(meeting) == ["result"]
    ask = meeting.asked()[-1]
    (order,) = ask.modify.endpoints
    assert order.transport is not None
    assert order.transport.ice_restart
    fresh = IceUdpTransport(ufrag="new1", pwd="n" * 22, ice_generation=1)

    report = EndpointReport(id="ana", transport=fresh)
    meeting.answer(ask, ConferenceModified(endpoints=(report,)))

    (info,) = meeting.told("ana", Action.TRANSPORT_INFO)
    assert info.contents[0].transport == fresh
    assert offers(meeting, "ana") == 1

    mine = IceUdpTransport(ufrag="peer", pwd="p" * 22, ice_generation=1)
    contents = (Content(name="audio", transport=mine),)
    sid = meeting.sid("ana")
    meeting.says("ana", Jingle(action=Action.TRANSPORT_INFO, sid=sid, contents=contents))
    (order,) = meeting.asked()[-1].modify.endpoints
    assert order.transport is not None
    assert order.transport.ice == mine


@pytest.mark.parametrize(
    "answer",
    [
        ConferenceModified(endpoints=(EndpointReport(id="ana"),)),
        Refusal("feature-not-implemented", "FEATURE_NOT_IMPLEMENTED"),
        None,
    ],
    ids=["no transport", "refused", "no answer"],
)
def test_a_restart_the_bridge_will_not_do_becomes_an_invitation(
    meeting: Meeting, answer: ConferenceModified | Refusal | None
) -> None:
    meeting.bridge_answers = False
    restart_asked(meeting)
    ask = meeting.asked()[-1]
    meeting.bridge_answers = True

    meeting.answer(ask, answer)

    assert [offers(meeting, nick) for nick in ("ana", "bea")] == [2, 1]


def test_ice_restarts_come_at_most_every_5_seconds(meeting: Meeting) -> None:
    meeting.bridge_answers = False  # yet
    assert restart_asked(meeting) == ["result"]

    assert restart_asked(meeting) == ["resource-constraint"]
    assert meeting.conference.totals.restarts_refused == 1


def test_the_path_of_an_endpoint_the_bridge_hears_nothing_of_is_renewed(meeting: Meeting) -> None:
    meeting.bridge_answers = False  # yet
    silent = (EndpointReport(id="ana", reason=SILENT),)

    meeting.note(bridge_reported(meeting.conference, silent, meeting.now))
    meeting.note(bridge_reported(meeting.conference, silent, meeting.now))

    (ask,) = [each for each in meeting.asked() if each.purpose is Purpose.ICE_RESTART]
    (order,) = ask.modify.endpoints
    assert order.transport is not None
    assert (order.id, order.transport.ice_restart) == ("ana", True)
    assert offers(meeting, "ana") == 1


def test_expiry_times_are_limits() -> None:
    short = Meeting(limits=ConferenceLimits(idle_timeout_s=0.2))
    short.everybody("ana", "bea")
    short.leaves("bea")

    short.passes(0.3)

    assert short.told("ana")[-1].action is Action.SESSION_TERMINATE
    assert short.asked()[-1].modify.expire
