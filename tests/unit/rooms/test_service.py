"""The MUC service around its rooms: events, sessions that end, and any order of stanzas."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tertulia.rooms import (
    OccupantJoined,
    OccupantLeft,
    RoomEnded,
    RoomEvent,
    RoomOpened,
    RoomPolicy,
    RoomService,
)
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Router
from tertulia.xmpp.stanza import read_error
from tertulia.xmpp.xml import Element, parse_document

HOST = "meet.example"
ROOM = f"plaza@conference.{HOST}"


class Someone:
    def __init__(self, jid: str) -> None:
        self.jid = Jid.parse(jid)
        self.got: list[Element] = []

    def deliver(self, stanza: Element) -> None:
        self.got.append(stanza)


class Table:
    """A service, the focus and two people."""

    def __init__(self) -> None:
        self.router = Router()
        self.focus = Someone(f"focus@auth.{HOST}/focus")
        self.ana = Someone(f"ana@{HOST}/1")
        self.bea = Someone(f"bea@{HOST}/1")
        self.everybody = (self.focus, self.ana, self.bea)
        self.events: list[RoomEvent] = []
        self.service = RoomService(
            self.router,
            f"conference.{HOST}",
            RoomPolicy.meetings(HOST, self.focus.jid),
            on_event=self.events.append,
            clock=lambda: 1000.0,
        )
        for each in self.everybody:
            self.router.bind(each)

    def send(self, sender: Someone, stanza: str) -> None:
        element = parse_document(stanza.replace(" ", " xmlns='jabber:client' ", 1))
        element.attrs["from"] = str(sender.jid)
        self.router.route(element)

    def join(self, sender: Someone) -> None:
        nick = sender.jid.node
        muc = "<x xmlns='http://jabber.org/protocol/muc'/>"
        self.send(sender, f"<presence to='{ROOM}/{nick}'>{muc}</presence>")


def test_what_happens_in_rooms_is_told_to_who_wants_to_know() -> None:
    table = Table()
    for each in (table.focus, table.ana):
        table.join(each)
    table.router.unbind(table.ana)
    table.send(table.focus, f"<presence to='{ROOM}/focus' type='unavailable'/>")

    kinds = [type(event) for event in table.events]
    assert kinds == [
        *(RoomOpened, OccupantJoined, OccupantJoined),
        *(OccupantLeft, OccupantLeft, RoomEnded),
    ]
    joined = table.events[2]
    assert isinstance(joined, OccupantJoined)
    assert (joined.nick, joined.occupants) == ("ana", 1)
    assert table.service.rooms() == []


def test_who_is_disconnected_leaves_and_the_focus_sees_it() -> None:
    table = Table()
    for each in table.everybody:
        table.join(each)

    table.router.unbind(table.bea)

    for each in (table.focus, table.ana):
        assert each.got[-1].get("type") == "unavailable"
        assert each.got[-1].get("from") == f"{ROOM}/bea"


def test_an_iq_goes_from_occupant_to_occupant_unchanged() -> None:
    table = Table()
    for each in table.everybody:
        table.join(each)

    table.send(table.focus, f"<iq to='{ROOM}/ana' type='set' id='j'><jingle xmlns='j'/></iq>")

    arrived = table.ana.got[-1]
    assert arrived.attrs == {
        **{"to": str(table.ana.jid), "from": f"{ROOM}/focus"},
        **{"type": "set", "id": "j"},
    }
    assert arrived.find("jingle", "j") is not None


def test_an_unexpected_answer_goes_nowhere() -> None:
    table = Table()
    table.join(table.focus)

    table.send(table.ana, f"<iq to='{ROOM}/focus' type='result' id='j'/>")
    table.send(table.ana, f"<iq to='{ROOM}/gone' type='error' id='j'/>")

    assert table.ana.got == []
    assert all(each.name != "iq" for each in table.focus.got)


def test_destroying_a_room_ends_it_for_everybody() -> None:
    table = Table()
    for each in table.everybody:
        table.join(each)

    table.send(
        table.ana,
        f"<iq to='{ROOM}' type='set' id='d'><query xmlns='http://jabber.org/protocol/muc#owner'>"
        "<destroy><reason>The meeting has been terminated</reason></destroy></query></iq>",
    )

    result, gone = table.ana.got[-2:]
    assert result.get("type") == "result"
    x = gone.find("x", "http://jabber.org/protocol/muc#user")
    assert x is not None
    destroy = x.find("destroy")
    assert destroy is not None
    assert destroy.find("reason") is not None
    assert table.service.rooms() == []


def test_the_focus_may_not_be_sent_away() -> None:
    table = Table()
    for each in table.everybody:
        table.join(each)

    admin = "xmlns='http://jabber.org/protocol/muc#admin'"
    table.send(
        table.ana,
        f"<iq to='{ROOM}' type='set' id='k'><query {admin}>"
        "<item nick='focus' role='none'/></query></iq>",
    )

    assert read_error(table.ana.got[-1]).condition == "not-allowed"


PAYLOADS = st.sampled_from(
    [
        "",
        "<x xmlns='http://jabber.org/protocol/muc'/>",
        "<x xmlns='http://jabber.org/protocol/muc'><password>p</password></x>",
        "<body>hi</body>",
        "<subject>hi</subject>",
        "<SourceInfo>x</SourceInfo>",
        "<retract xmlns='urn:xmpp:message-retract:1' id='m'/>",
        "<ping xmlns='urn:xmpp:ping'/>",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        "<query xmlns='http://jabber.org/protocol/disco#items' node='x'/>",
        *(
            f"<query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query>"
            for item in (
                "",
                "<item/>",
                "<item affiliation='owner'/>",
                "<item affiliation='odd' jid='x'/>",
                "<item affiliation='owner' jid='@@'/>",
                f"<item affiliation='owner' jid='bea@{HOST}'/>",
                f"<item affiliation='outcast' jid='ana@{HOST}'/>",
                f"<item affiliation='none' jid='ana@{HOST}'/>",
                "<item nick='ana' role='none'/><item nick='ana' role='none'/>",
                "<item nick='bea' role='none'/><item nick='ana' role='none'/>",
                "<item nick='focus' role='none'/>",
                "<item nick='bea' role='moderator'/>",
            )
        ),
        *(
            f"<query xmlns='http://jabber.org/protocol/muc#owner'>{form}</query>"
            for form in (
                "",
                "<destroy/>",
                "<destroy jid='@'><reason/></destroy>",
                "<x xmlns='jabber:x:data' type='cancel'/>",
                "<x xmlns='jabber:x:data' type='submit'><field/></x>",
                "<x xmlns='jabber:x:data' type='submit'>"
                "<field var='muc#roomconfig_roomsecret'><value>p</value></field></x>",
                "<x xmlns='jabber:x:data' type='submit'>"
                "<field var='muc#roomconfig_membersonly'><value>maybe</value></field></x>",
                "<x xmlns='jabber:x:data' type='submit'>"
                "<field var='muc#roomconfig_membersonly'><value>1</value></field></x>",
            )
        ),
    ]
)
STANZAS = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["iq", "message", "presence"]),
    st.sampled_from(["", "get", "set", "result", "error", "groupchat", "chat", "unavailable"]),
    st.sampled_from(
        [f"conference.{HOST}", ROOM, f"{ROOM}/ana", f"{ROOM}/bea", f"{ROOM}/focus", f"{ROOM}/é"]
    ),
    PAYLOADS,
)


@given(st.lists(STANZAS, max_size=20), st.sets(st.integers(0, 20), max_size=2))
def test_fuzz_any_order_of_stanzas_leaves_the_service_sound(
    stanzas: list[tuple[int, str, str, str, str]], disconnects: set[int]
) -> None:
    table = Table()
    for each in table.everybody:
        table.join(each)
    for number, (sender, name, kind, to, payload) in enumerate(stanzas):
        if number in disconnects:
            table.router.unbind(table.everybody[sender])
        attrs = f"type='{kind}'" if kind else ""
        table.send(table.everybody[sender], f"<{name} to='{to}' id='m' {attrs}>{payload}</{name}>")
        for room in table.service.rooms():
            assert not room.is_empty
            focus = room.occupant("focus")
            assert focus is None or focus.jid == table.focus.jid
            assert len({each.jid for each in room.occupants()}) == len(room.occupants())

    for each in table.everybody:
        table.router.unbind(each)
        table.service.left(each.jid)
    assert table.service.rooms() == []
    assert table.service._visits == {}
    opened = sum(isinstance(event, RoomOpened) for event in table.events)
    assert opened == sum(isinstance(event, RoomEnded) for event in table.events)
