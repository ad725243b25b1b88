"""Who is silent at the bridge, and when that is told to it and to the clients."""

from __future__ import annotations

from typing import Any

from tests.unit.focus.meeting import Meeting, voice

from tertulia.focus import inviting
from tertulia.focus.orders import AskOccupant
from tertulia.focus.participant import Occupant, shares_screen
from tertulia.rooms.rights import EVERY_KIND, MediaKind
from tertulia.xmpp.colibri2 import ForceMute
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element, parse_document

AUDIO, VIDEO, DESKTOP = MediaKind.AUDIO, MediaKind.VIDEO, MediaKind.DESKTOP
ROOM = "plaza@conference.meet.example"


def mute(meeting: Meeting, by: str, jid: str, kind: str = "audio", text: str = "true") -> list[str]:
    payload = Element("mute", {"jid": jid}, text, ns=f"http://jitsi.org/jitmeet/{kind}")
    return meeting.sends(by, payload).conditions


def at_bridge(meeting: Meeting) -> list[dict[str, ForceMute]]:
    """What the bridge was told about silence, request by request."""
    told = [{e.id: e.force_mute for e in ask.modify.endpoints} for ask in meeting.asked()]
    known = [{nick: m for nick, m in each.items() if m is not None} for each in told]
    return [each for each in known if each]


def asked(meeting: Meeting) -> list[tuple[str, str]]:
    """Whose client was asked to mute what."""
    return [
        (order.nick, order.payload.ns.rpartition("/")[2])
        for order in meeting.orders
        if isinstance(order, AskOccupant) and order.payload.name == "mute"
    ]


def three() -> Meeting:
    """Ana moderates Bea and Cai; all three send a voice."""
    meeting = Meeting()
    meeting.joins("ana", is_moderator=True)
    meeting.joins("bea")
    meeting.joins("cai")
    for number, nick in enumerate(("ana", "bea", "cai")):
        meeting.accepts(nick, voice(nick, 100 + number))
    meeting.orders.clear()
    return meeting


def presence(meeting: Meeting, nick: str, **facts: Any) -> None:
    occupant = Occupant(nick=nick, jid=Jid(nick, "meet.example", "r"), **facts)
    meeting.note(meeting.conference.occupant_present(occupant, meeting.now))


def allow(meeting: Meeting, actor: str, **kinds: frozenset[MediaKind]) -> None:
    meeting.conference.muting.rights_changed(kinds, actor)
    meeting.note(meeting.conference.taken())


def test_who_is_muted_by_a_moderator_is_silent_until_it_unmutes_itself() -> None:
    meeting = three()

    assert mute(meeting, "ana", f"{ROOM}/bea") == ["result"]
    assert at_bridge(meeting) == [{"bea": ForceMute(audio=True)}]

    assert mute(meeting, "bea", f"{ROOM}/bea", text="false") == ["result"]
    assert at_bridge(meeting)[1:] == [{"bea": ForceMute()}]


def test_everybody_is_muted_by_one_request_but_not_who_asks_nor_a_recorder() -> None:
    meeting = three()
    meeting.joins("rec", is_internal=True)
    meeting.orders.clear()

    assert mute(meeting, "ana", ROOM, "video") == ["result"]

    assert asked(meeting) == [("bea", "video"), ("cai", "video")]
    assert at_bridge(meeting) == [{"bea": ForceMute(video=True), "cai": ForceMute(video=True)}]


def test_only_moderators_mute_everybody_and_nobody_unmutes_everybody() -> None:
    meeting = three()

    assert mute(meeting, "bea", ROOM) == ["not-allowed"]
    assert mute(meeting, "ana", ROOM, text="false") == ["not-allowed"]
    assert at_bridge(meeting) == []


def test_a_muted_camera_does_not_silence_the_screen_that_is_shared() -> None:
    meeting = three()
    mute(meeting, "ana", f"{ROOM}/bea", "video")

    presence(meeting, "bea", shares_screen=True)
    presence(meeting, "bea", shares_screen=False)

    assert at_bridge(meeting) == [
        {"bea": ForceMute(video=True)},
        {"bea": ForceMute()},
        {"bea": ForceMute(video=True)},
    ]


def test_who_may_no_longer_send_is_silent_and_its_client_asked_to_mute() -> None:
    meeting = three()

    allow(meeting, "ana", ana=EVERY_KIND, bea=frozenset({VIDEO, DESKTOP}))

    assert asked(meeting) == [("bea", "audio")]
    assert at_bridge(meeting) == [{"bea": ForceMute(audio=True)}]


def test_who_may_not_send_cannot_unmute_itself() -> None:
    meeting = three()
    allow(meeting, "ana", bea=frozenset({VIDEO, DESKTOP}))
    meeting.orders.clear()

    assert mute(meeting, "bea", f"{ROOM}/bea", text="false") == ["not-allowed"]
    assert at_bridge(meeting) == []

    allow(meeting, "ana", bea=EVERY_KIND)
    assert at_bridge(meeting) == [{"bea": ForceMute()}]
    assert mute(meeting, "bea", f"{ROOM}/bea", text="false") == ["result"]


def test_a_newcomer_who_may_not_send_is_allocated_silent() -> None:
    meeting = Meeting()
    meeting.joins("ana", is_moderator=True)
    meeting.joins("bea", may_send=frozenset({DESKTOP}))

    assert at_bridge(meeting) == [{"bea": ForceMute(audio=True, video=True)}]
    assert asked(meeting) == [("bea", "audio"), ("bea", "video")]


def test_a_new_session_on_another_bridge_is_as_silent_as_the_old_one() -> None:
    meeting = three()
    mute(meeting, "ana", f"{ROOM}/bea")
    meeting.orders.clear()
    bea = meeting.conference.participants["bea"]

    inviting.reinvite(meeting.conference, bea, meeting.now)
    meeting.note(meeting.conference.taken())

    assert at_bridge(meeting) == [{"bea": ForceMute(audio=True)}]


def test_who_comes_back_under_the_same_address_is_still_muted_and_told_so() -> None:
    meeting = three()
    mute(meeting, "ana", f"{ROOM}/bea")
    meeting.leaves("bea")
    meeting.orders.clear()

    meeting.joins("bea")

    assert asked(meeting) == [("bea", "audio")]
    assert at_bridge(meeting) == [{"bea": ForceMute(audio=True)}]


def test_a_screen_is_shared_when_its_source_is_not_muted() -> None:
    def told(text: str) -> bool:
        return shares_screen(
            parse_document(f"<presence><SourceInfo>{text}</SourceInfo></presence>")
        )

    assert told('{"bea-v1":{"muted":false,"videoType":"desktop"}}')
    assert told('{"bea-v1":{"videoType":"desktop"}}')
    assert not told('{"bea-v1":{"muted":true,"videoType":"desktop"},"bea-v0":{"muted":false}}')
    assert not told("{]")
    assert not shares_screen(Element("presence"))
