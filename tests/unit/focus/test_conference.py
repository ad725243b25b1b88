"""The focus leads a conference: invitations, sources, bridges, time."""

import pytest
from tests.unit.focus.meeting import BREWERY, BROWSER, Meeting, voice

from tertulia.focus import features as F
from tertulia.focus import inviting
from tertulia.focus.limits import ConferenceLimits
from tertulia.focus.moves import bridge_closing, bridge_lost, bridges_changed
from tertulia.focus.orders import Discover, Purpose
from tertulia.focus.participant import Occupant
from tertulia.xmpp.colibri2 import SSRC_REWRITING, ErrorReason, Refusal
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle import Action
from tertulia.xmpp.jingle_rtp import EndpointSources, Source

NOTHING = EndpointSources()


def test_nobody_is_invited_while_alone() -> None:
    meeting = Meeting()

    meeting.joins("ana")

    assert meeting.asked() == []


def test_both_are_invited_when_the_second_comes() -> None:
    meeting = Meeting()
    meeting.joins("ana")

    meeting.joins("bea")

    first, second = meeting.asked()
    assert (first.modify.create, second.modify.create) == (True, False)
    assert [e.id for ask in (first, second) for e in ask.modify.endpoints] == ["ana", "bea"]
    for nick in ("ana", "bea"):
        (offer,) = meeting.told(nick)
        assert offer.action is Action.SESSION_INITIATE
        assert offer.initiator == "plaza@conference.meet.example/focus"
        assert offer.bundle == ("audio", "video")
        assert offer.sources["jvb"].audio[0].msid.startswith("mixedmslabel")


def test_an_offer_repeats_the_transport_and_multiplexes_in_each_content() -> None:
    meeting = Meeting()
    meeting.joins("ana", host="other.example:8443")
    meeting.joins("bea")

    (offer,) = meeting.told("ana")

    for content in offer.contents:
        assert content.transport is not None
        assert content.transport.candidates
        assert content.transport.web_sockets == (
            "wss://other.example:8443/colibri-ws/br1/9f3c/x?pwd=y",
        )
        assert content.description is not None
        assert content.description.rtcp_mux
    assert [c.name for c in offer.contents] == ["audio", "video"]


def test_a_client_without_json_gets_its_sources_in_xml() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")

    meeting.joins("cyd", frozenset({F.AUDIO, F.VIDEO}))

    (offer,) = meeting.told("cyd")
    assert offer.sources == {}
    owners = {source.owner for source in offer.endpoint_sources().audio}
    assert owners == {"jvb", "ana", "bea"}


def test_a_client_without_video_hears_of_no_video() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    meeting.joins("cyd", frozenset({F.AUDIO, F.JSON_SOURCES}))
    meeting.accepts("cyd")

    camera = Source(ssrc=70, name="ana-v0", msid="ana-video t")
    meeting.source_change("ana", Action.SOURCE_ADD, EndpointSources(video=(camera,)))

    (offer,) = meeting.told("cyd", Action.SESSION_INITIATE)
    assert {o: (bool(s.video), bool(s.audio)) for o, s in offer.sources.items()} == dict.fromkeys(
        ("jvb", "ana", "bea"), (False, True)
    )
    assert meeting.told("cyd", Action.SOURCE_ADD) == []
    assert len(meeting.told("bea", Action.SOURCE_ADD)) == 2


def test_an_acceptance_goes_to_the_bridge_before_it_is_acknowledged() -> None:
    meeting = Meeting()
    meeting.joins("ana")
    meeting.joins("bea")
    meeting.bridge_answers = False

    answer = meeting.accepts("ana", voice("ana", 7))

    ask = meeting.asked()[-1]
    (endpoint,) = ask.modify.endpoints
    assert ask.purpose is Purpose.ACCEPT
    assert endpoint.transport is not None
    assert [s.id for s in endpoint.sources or ()] == ["ana-a0"]
    assert answer.conditions == []
    meeting.answer(ask, meeting.success(ask))
    assert answer.conditions == ["result"]


def test_sources_go_to_those_who_accepted_and_wait_for_the_others() -> None:
    meeting = Meeting()
    for nick in ("ana", "bea", "cyd"):
        meeting.joins(nick)
    meeting.accepts("ana", voice("ana", 1))
    meeting.accepts("bea", voice("bea", 2))

    meeting.accepts("cyd", voice("cyd", 3))

    assert [set(j.sources) for j in meeting.told("ana", Action.SOURCE_ADD)] == [{"bea"}, {"cyd"}]
    assert [set(j.sources) for j in meeting.told("cyd", Action.SOURCE_ADD)] == [{"ana", "bea"}]


def test_a_source_of_another_is_refused_and_changes_nothing() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea", "cyd")
    before = len(meeting.told("bea"))

    answer = meeting.source_change("cyd", Action.SOURCE_ADD, voice("ana", 55))

    assert answer.conditions == ["bad-request"]
    assert len(meeting.told("bea")) == before


def test_removing_the_source_of_another_is_refused() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")

    answer = meeting.source_change("bea", Action.SOURCE_REMOVE, voice("ana", 100))

    assert answer.conditions == ["bad-request"]
    assert meeting.conference.sources.of("ana")


def test_the_others_are_told_what_goes_and_comes() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")

    meeting.source_change("ana", Action.SOURCE_REMOVE, voice("ana", 100))
    meeting.source_change("ana", Action.SOURCE_ADD, voice("ana", 200))

    removed = meeting.told("bea", Action.SOURCE_REMOVE)[-1]
    added = meeting.told("bea", Action.SOURCE_ADD)[-1]
    assert [s.ssrc for s in removed.sources["ana"].audio] == [100]
    assert [s.ssrc for s in added.sources["ana"].audio] == [200]


def test_a_large_conference_collects_changes_and_nets_them() -> None:
    meeting = Meeting()
    nicks = [f"p{n:02}" for n in range(25)]
    meeting.everybody(*nicks)
    meeting.passes(1.0)
    before = len(meeting.told("p01"))

    meeting.source_change("p00", Action.SOURCE_ADD, voice("p00", 500))
    meeting.source_change("p00", Action.SOURCE_REMOVE, voice("p00", 500))
    meeting.source_change("p00", Action.SOURCE_REMOVE, voice("p00", 100))
    meeting.source_change("p02", Action.SOURCE_ADD, voice("p02", 600))

    assert len(meeting.told("p01")) == before
    meeting.passes(1.0)
    actions = [jingle.action for jingle in meeting.told("p01")[before:]]
    assert actions == [Action.SOURCE_REMOVE, Action.SOURCE_ADD]
    assert set(meeting.told("p01")[-1].sources) == {"p02"}


def test_the_sources_of_who_left_are_removed_at_once() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea", "cyd")

    meeting.leaves("ana")

    removed = meeting.told("bea", Action.SOURCE_REMOVE)[-1]
    assert set(removed.sources) == {"ana"}
    expired = meeting.asked()[-1].modify.endpoints
    assert [(e.id, e.expire) for e in expired] == [("ana", True)]


def test_a_client_that_was_away_is_told_that_its_session_is_over() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea", "cyd")
    sid = meeting.sid("ana")
    meeting.leaves("ana")

    meeting.joins("ana")  # with the same full JID: its connection was resumed

    ended, offer = meeting.told("ana")[-2:]
    assert (ended.action, ended.sid) == (Action.SESSION_TERMINATE, sid)
    assert offer.action is Action.SESSION_INITIATE
    assert offer.sid != sid


def test_a_foreign_or_old_sid_is_an_unknown_session() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    stolen = meeting.accepting("bea")

    answer = meeting.says("ana", stolen)

    assert answer.conditions == ["item-not-found"]


def test_accepting_a_replaced_session_is_no_error() -> None:
    meeting = Meeting()
    meeting.joins("ana")
    meeting.joins("bea")
    old = meeting.accepting("ana")
    meeting.note(bridge_lost(meeting.conference, BREWERY.with_resource("br1"), meeting.now))

    answer = meeting.says("ana", old)

    assert answer.conditions == ["result"]


def test_accepting_twice_is_out_of_order() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")

    assert meeting.accepts("ana").conditions == ["unexpected-request"]


def test_the_session_of_who_stays_alone_ends_after_20_seconds() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    meeting.leaves("bea")

    meeting.passes(19.9)
    assert meeting.told("ana", Action.SESSION_TERMINATE) == []
    meeting.passes(0.2)

    (end,) = meeting.told("ana", Action.SESSION_TERMINATE)
    assert end.reason is not None
    assert (end.reason.condition, end.reason.text) == ("expired", "Idle session timeout")
    assert meeting.asked()[-1].modify.expire
    assert not meeting.has_ended


def test_somebody_who_comes_in_time_keeps_the_session_alive() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    meeting.leaves("bea")
    meeting.passes(10)

    meeting.joins("cyd")
    meeting.passes(30)

    assert meeting.told("ana", Action.SESSION_TERMINATE) == []
    assert len(meeting.told("cyd", Action.SESSION_INITIATE)) == 1


def test_who_stayed_alone_is_invited_again_with_the_next() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    meeting.leaves("bea")
    meeting.passes(30)

    meeting.joins("cyd")

    first, second = meeting.told("ana", Action.SESSION_INITIATE)
    assert first.sid != second.sid


def test_a_conference_to_which_nobody_comes_ends_after_15_seconds() -> None:
    meeting = Meeting()

    meeting.passes(15.1)

    assert meeting.has_ended


def test_the_last_to_leave_ends_it() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")

    meeting.leaves("ana")
    meeting.leaves("bea")

    assert meeting.has_ended
    assert meeting.asked()[-1].modify.expire


def test_a_new_request_keeps_an_empty_conference_for_its_guest() -> None:
    meeting = Meeting()
    meeting.joins("ana")
    meeting.conference.requested(meeting.now)

    meeting.leaves("ana")
    assert not meeting.has_ended

    meeting.passes(16)
    assert meeting.has_ended


def test_who_is_on_its_way_finds_the_room_though_the_last_one_left() -> None:
    meeting = Meeting()
    for nick in ("ana", "bea"):
        meeting.conference.requested(meeting.now, Jid(nick, "meet.example", "r"))
    meeting.joins("ana")

    meeting.leaves("ana")
    assert not meeting.has_ended

    meeting.joins("bea")
    meeting.leaves("bea")
    assert meeting.has_ended


def test_who_was_told_to_come_and_does_not_is_not_waited_for_long() -> None:
    meeting = Meeting()
    for nick in ("ana", "bea"):
        meeting.conference.requested(meeting.now, Jid(nick, "meet.example", "r"))
    meeting.joins("ana")
    meeting.leaves("ana")

    meeting.passes(16)

    assert meeting.has_ended


def test_when_the_bridge_is_lost_everybody_moves_to_another_with_a_new_sid() -> None:
    meeting = Meeting(bridges=("br1", "br2"))
    meeting.everybody("ana", "bea")
    bridge = meeting.conference.bridge
    assert bridge is not None
    old = {nick: meeting.sid(nick) for nick in ("ana", "bea")}
    meeting.brewery.left(bridge.jid)

    meeting.note(bridge_lost(meeting.conference, bridge.jid, meeting.now))

    assert meeting.conference.bridge is not None
    assert meeting.conference.bridge.jid != bridge.jid
    for nick in ("ana", "bea"):
        actions = [jingle.action for jingle in meeting.told(nick)]
        assert actions[-2:] == [Action.SESSION_TERMINATE, Action.SESSION_INITIATE]
        assert meeting.sid(nick) not in ("", old[nick])
    first, second = meeting.asked()[-2:]
    assert (first.modify.create, second.modify.create) == (True, False)


def test_a_bridge_that_is_back_at_once_alarms_nobody() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    jid = BREWERY.with_resource("br1")
    meeting.brewery.left(jid)
    meeting.note(bridge_lost(meeting.conference, jid, meeting.now))
    meeting.passes(1)
    meeting.bridge_arrives("br1")

    meeting.note(bridges_changed(meeting.conference, meeting.now))
    meeting.passes(10)

    assert meeting.published() == []
    assert meeting.told("ana")[-1].action is Action.SESSION_INITIATE


def test_a_bridge_that_closes_is_left_only_for_another() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    jid = meeting.bridge_arrives("br1", shutting_down="true")

    meeting.note(bridge_closing(meeting.conference, jid, meeting.now))
    assert meeting.told("ana", Action.SESSION_TERMINATE) == []

    meeting.bridge_arrives("br2")
    meeting.note(bridge_closing(meeting.conference, jid, meeting.now))
    assert len(meeting.told("ana", Action.SESSION_TERMINATE)) == 1


def test_a_bridge_that_does_not_answer_an_allocation_is_passed_over() -> None:
    meeting = Meeting(bridges=("br1", "br2"))
    meeting.bridge_answers = False
    meeting.joins("ana")
    meeting.joins("bea")
    first = meeting.asked()[0]
    meeting.bridge_answers = True

    meeting.answer(first, None)

    assert meeting.conference.bridge is not None
    assert meeting.conference.bridge.jid != first.bridge
    assert len(meeting.told("ana", Action.SESSION_INITIATE)) == 1


def test_the_only_bridge_is_asked_again_for_who_got_no_answer() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    meeting.bridge_answers = False
    meeting.joins("cyd")
    ask = meeting.asked()[-1]
    meeting.bridge_answers = True

    meeting.answer(ask, None)

    offers = [len(meeting.told(n, Action.SESSION_INITIATE)) for n in ("ana", "bea", "cyd")]
    assert offers == [1, 1, 1]


REACTIONS = {
    ("item-not-found", ErrorReason.CONFERENCE_NOT_FOUND): {"ana", "bea"},
    ("item-not-found", ErrorReason.UNKNOWN_ENDPOINT): {"ana"},
    ("conflict", ErrorReason.CONFERENCE_ALREADY_EXISTS): {"ana", "bea"},
    ("service-unavailable", ErrorReason.GRACEFUL_SHUTDOWN): {"ana", "bea"},
    ("internal-server-error", ErrorReason.UNSPECIFIED): {"ana", "bea"},
    ("service-unavailable", ErrorReason.UNSPECIFIED): {"ana", "bea"},
    ("bad-request", ErrorReason.UNSPECIFIED): set(),
    ("resource-constraint", ErrorReason.UNSPECIFIED): set(),
    ("feature-not-implemented", ErrorReason.FEATURE_NOT_IMPLEMENTED): set(),
    ("item-not-found", None): set(),
}


@pytest.mark.parametrize(("said", "reinvited"), REACTIONS.items(), ids=str)
def test_what_a_bridge_refuses_decides_who_is_invited_again(
    said: tuple[str, ErrorReason | None], reinvited: set[str]
) -> None:
    meeting = Meeting(bridges=("br1", "br2"))
    meeting.everybody("ana", "bea")
    meeting.bridge_answers = False
    meeting.source_change("ana", Action.SOURCE_ADD, voice("ana", 77))
    ask = meeting.asked()[-1]
    meeting.bridge_answers = True

    meeting.answer(ask, Refusal(said[0], said[1].value if said[1] else None))

    offers = {
        nick for nick in ("ana", "bea") if len(meeting.told(nick, Action.SESSION_INITIATE)) == 2
    }
    assert offers == reinvited


def test_an_update_that_is_not_answered_is_only_noted() -> None:
    meeting = Meeting(bridges=("br1", "br2"))
    meeting.everybody("ana", "bea")
    meeting.bridge_answers = False
    meeting.source_change("ana", Action.SOURCE_ADD, voice("ana", 77))

    meeting.answer(meeting.asked()[-1], None)

    assert len(meeting.told("ana", Action.SESSION_INITIATE)) == 1
    assert meeting.conference.totals.bridge_timeouts == 1


def test_a_bridge_that_refuses_for_ever_does_not_make_the_focus_loop() -> None:
    meeting = Meeting()
    meeting.bridge_answers = False
    meeting.joins("ana")
    meeting.joins("bea")

    answered = 0
    while len(meeting.asked()) > answered and answered < 1000:
        ask = meeting.asked()[answered]
        answered += 1
        refusal = Refusal("item-not-found", ErrorReason.CONFERENCE_NOT_FOUND.value)
        meeting.answer(ask, refusal)

    assert answered < 100


def test_an_invitation_that_fails_takes_the_endpoint_off_the_bridge() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    meeting.joins("cyd")
    serial = meeting.conference.participants["cyd"].serial

    meeting.note(inviting.offer_failed(meeting.conference, "cyd", serial, meeting.now))

    assert [(e.id, e.expire) for e in meeting.asked()[-1].modify.endpoints] == [("cyd", True)]
    meeting.joins("dan")
    assert len(meeting.told("cyd", Action.SESSION_INITIATE)) == 1


def test_features_are_asked_for_once_per_version() -> None:
    meeting = Meeting()
    caps = F.Caps("https://jitsi.org/jitsi-meet", "known=")
    meeting.known._known["known="] = BROWSER
    jid = Jid("ana", "meet.example", "r")
    occupant = Occupant(nick="ana", jid=jid, caps=caps)

    orders = meeting.conference.occupant_present(occupant, meeting.now)

    assert not [order for order in orders if isinstance(order, Discover)]


def test_who_does_not_tell_its_features_is_invited_as_a_simple_client() -> None:
    meeting = Meeting()
    meeting.joins("ana")
    silent = Occupant(nick="bea", jid=Jid("bea", "meet.example", "r"))
    meeting.note(meeting.conference.occupant_present(silent, meeting.now))
    assert meeting.told("bea") == []

    meeting.passes(3.1)

    (offer,) = meeting.told("bea")
    video = offer.contents[1].description
    assert video is not None
    assert not [p for p in video.payload_types if p.name == "rtx"]


def test_who_takes_a_nick_over_gets_a_session_of_its_own() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    other = Occupant(nick="bea", jid=Jid("eve", "meet.example", "r"))

    meeting.note(meeting.conference.occupant_present(other, meeting.now))

    assert meeting.sid("bea") == ""
    assert not meeting.conference.sources.of("bea")


def test_a_client_with_ssrc_rewriting_hears_of_sources_from_the_bridge() -> None:
    limits = ConferenceLimits(ssrc_rewriting=True)
    meeting = Meeting(limits=limits)
    meeting.everybody("ana", "bea")

    meeting.joins("cyd", BROWSER | {F.SSRC_REWRITING})
    meeting.accepts("cyd")
    camera = Source(ssrc=70, name="ana-v0", msid="ana-video t")
    meeting.source_change("ana", Action.SOURCE_ADD, EndpointSources(video=(camera,)))

    capabilities = {
        endpoint.id: endpoint.capabilities
        for ask in meeting.asked()
        for endpoint in ask.modify.endpoints
        if endpoint.create
    }
    assert SSRC_REWRITING in capabilities["cyd"]
    assert SSRC_REWRITING not in capabilities["ana"]
    offer, *later = meeting.told("cyd")
    assert {source.owner for source in offer.endpoint_sources().audio} <= {"jvb", None}
    assert later == []
    assert any(each.action is Action.SOURCE_ADD for each in meeting.told("bea"))


def test_ssrc_rewriting_is_off_unless_configured() -> None:
    meeting = Meeting()

    meeting.joins("ana", BROWSER | {F.SSRC_REWRITING})
    meeting.joins("bea")

    for ask in meeting.asked():
        assert all(SSRC_REWRITING not in endpoint.capabilities for endpoint in ask.modify.endpoints)
