"""What occupants may ask of the focus."""

from tests.unit.focus.meeting import Meeting, voice

from tertulia.focus.orders import AskOccupant
from tertulia.focus.participant import RateLimit
from tertulia.xmpp.jingle import Action, BridgeSession, Jingle, Reason
from tertulia.xmpp.xml import Element


def restart(meeting: Meeting, nick: str, bridge_session: str | None = None) -> list[str]:
    session = BridgeSession(id=bridge_session or meeting.conference.bridge_session_id, restart=True)
    jingle = Jingle(
        action=Action.SESSION_TERMINATE,
        sid=meeting.sid(nick),
        reason=Reason("connectivity-error", "ICE FAILED"),
        bridge_session=session,
    )
    return meeting.says(nick, jingle).conditions


def mute(meeting: Meeting, by: str, whom: str, text: str = "true") -> list[str]:
    attrs = {"jid": f"plaza@conference.meet.example/{whom}"}
    payload = Element("mute", attrs, text, ns="http://jitsi.org/jitmeet/audio")
    return meeting.sends(by, payload).conditions


def muted(meeting: Meeting) -> list[tuple[str, str]]:
    return [
        (order.nick, order.payload.get("actor"))
        for order in meeting.orders
        if isinstance(order, AskOccupant) and order.payload.name == "mute"
    ]


def test_who_asks_for_a_restart_is_invited_again() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    old = meeting.sid("ana")

    assert restart(meeting, "ana") == ["result"]

    assert meeting.sid("ana") not in ("", old)
    assert set(meeting.told("bea", Action.SOURCE_REMOVE)[-1].sources) == {"ana"}
    assert meeting.told("ana", Action.SESSION_TERMINATE) == []


def test_the_last_endpoint_on_the_bridge_can_restart_too() -> None:
    meeting = Meeting()
    meeting.joins("ana")
    meeting.joins("bea")
    bea = Jingle(action=Action.SESSION_TERMINATE, sid=meeting.sid("bea"))
    meeting.says("bea", bea)

    assert restart(meeting, "ana") == ["result"]

    assert meeting.asked()[-1].modify.create
    assert len(meeting.told("ana", Action.SESSION_INITIATE)) == 2


def test_restarts_come_at_most_every_5_seconds() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    restart(meeting, "ana")
    meeting.passes(4.9)

    assert restart(meeting, "ana") == ["resource-constraint"]
    assert meeting.sid("ana") == ""  # the termination stands


def test_the_sixth_restart_within_a_minute_is_refused() -> None:
    limit = RateLimit(5.0, 5)

    assert [limit.allow(t) for t in (0, 6, 12, 18, 24, 30, 61)] == [True] * 5 + [False, True]


def test_a_restart_of_an_old_bridge_session_is_refused() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")

    assert restart(meeting, "ana", "old") == ["item-not-found"]
    assert meeting.sid("ana") != ""


def test_an_old_clients_ice_failure_invites_it_again() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")
    session = BridgeSession(id=meeting.conference.bridge_session_id)
    jingle = Jingle(
        action=Action.SESSION_INFO,
        sid=meeting.sid("ana"),
        bridge_session=session,
        ice_state="failed",
    )

    assert meeting.says("ana", jingle).conditions == ["result"]
    assert len(meeting.told("ana", Action.SESSION_INITIATE)) == 2


def test_who_ends_its_session_is_not_invited_again() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")

    answer = meeting.says("ana", Jingle(action=Action.SESSION_TERMINATE, sid=meeting.sid("ana")))
    meeting.joins("cyd")

    assert answer.conditions == ["result"]
    assert len(meeting.told("ana", Action.SESSION_INITIATE)) == 1


def test_what_is_no_jingle_costs_its_sender_an_error_only() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")

    answer = meeting.sends("ana", Element("jingle", {"sid": "x"}, ns="urn:xmpp:jingle:1"))

    assert answer.conditions == ["bad-request"]


def test_an_acceptance_without_credentials_is_refused_and_may_be_repeated() -> None:
    meeting = Meeting()
    meeting.joins("ana")
    meeting.joins("bea")

    bare = Jingle(action=Action.SESSION_ACCEPT, sid=meeting.sid("ana"))
    assert meeting.says("ana", bare).conditions == ["bad-request"]
    assert meeting.accepts("ana", voice("ana", 3)).conditions == ["result"]


def test_a_source_before_the_acceptance_is_out_of_order() -> None:
    meeting = Meeting()
    meeting.joins("ana")
    meeting.joins("bea")

    answer = meeting.source_change("ana", Action.SOURCE_ADD, voice("ana", 3))

    assert answer.conditions == ["unexpected-request"]


def test_a_moderator_mutes_somebody_by_a_request() -> None:
    meeting = Meeting()
    meeting.joins("ana", is_moderator=True)
    meeting.joins("bea")

    assert mute(meeting, "ana", "bea") == ["result"]

    assert muted(meeting) == [("bea", "plaza@conference.meet.example/ana")]


def test_others_may_not_mute_and_nobody_is_unmuted_by_another() -> None:
    meeting = Meeting()
    meeting.joins("ana", is_moderator=True)
    meeting.joins("bea")

    assert mute(meeting, "bea", "ana") == ["not-allowed"]
    assert mute(meeting, "ana", "bea", "false") == ["not-allowed"]
    assert mute(meeting, "ana", "nobody") == ["item-not-found"]
    assert muted(meeting) == []


def test_one_may_unmute_oneself() -> None:
    meeting = Meeting()
    meeting.everybody("ana", "bea")

    assert mute(meeting, "bea", "bea", "false") == ["result"]
    assert muted(meeting) == []
