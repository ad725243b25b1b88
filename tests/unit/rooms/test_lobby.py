"""The lobby: who may knock, who sees it, who comes in and stays in."""

from __future__ import annotations

import pickle
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.rooms.house import FOCUS, HOST, PLAZA, House

from tertulia.rooms import RoomPolicy
from tertulia.rooms.bans import Trace
from tertulia.rooms.ending import EndConference
from tertulia.rooms.kept import KeptRoom
from tertulia.rooms.let_in import LetIn
from tertulia.rooms.lobby import LobbyLimits, LobbyRooms
from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import serialise

LOBBY = f"plaza@lobby.{HOST}"
NICK = "<nick xmlns='http://jabber.org/protocol/nick'>{}</nick>"
SUBMIT = (
    "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"
    "<field var='muc#roomconfig_membersonly'><value>{}</value></field></x></query>"
)
HOST_OF_IT = Admission(is_authenticated=True, account=f"zoe@{HOST}")


class Guarded(House):
    """Ana owns the room, whose lobby is on; traces are by name until they are set."""

    def __init__(self, kept: KeptRoom | None = None, limits: LobbyLimits | None = None) -> None:
        self.traces: dict[str, Trace] = {}
        self.lobby = LobbyRooms(f"lobby.{HOST}", f"conference.{HOST}", limits)
        policy = replace(
            RoomPolicy.meetings(HOST, FOCUS),
            kept=lambda room: kept,
            admission_of=lambda jid: HOST_OF_IT if jid.node == "zoe" else GUEST,
            trace_of=lambda jid: self.traces.get(jid.node, Trace(address=jid.node)),
        )
        super().__init__(self.lobby, policy=policy)
        if kept is None:
            self.join("ana")
            self.switches("true")
            self.looks("ana")

    def switches(self, value: str) -> None:
        self.send("ana", f"<iq type='set' id='s' to='{PLAZA}'>{SUBMIT.format(value)}</iq>")

    def looks(self, name: str) -> str:
        return self.knocks(name, "")

    def knocks(self, name: str, called: str | None = None) -> str:
        nick = NICK.format(called if called is not None else name) if called != "" else ""
        muc = f"<x xmlns='http://jabber.org/protocol/muc'/>{nick}"
        return self.send(name, f"<presence to='{LOBBY}/{name}'>{muc}</presence>")

    def comes(self, name: str, password: str = "") -> str:
        inside = f"<password>{password}</password>" if password else ""
        return self.join(name, inside=inside, beside=NICK.format(name))

    def lets_in(self, actor: str, *names: str) -> str:
        invites = "".join(f"<invite to='{self.someone(name).jid}'/>" for name in names)
        x = f"<x xmlns='http://jabber.org/protocol/muc#user'>{invites}</x>"
        return self.send(actor, f"<message to='{PLAZA}'>{x}</message>")

    def denies(self, actor: str, name: str) -> str:
        item = f"<item nick='{name}' role='none'/>"
        query = f"<query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query>"
        return self.send(actor, f"<iq type='set' id='d' to='{LOBBY}'>{query}</iq>")

    def waiting(self) -> list[str]:
        return [each.nick for each in self.lobby.waiting(self.main)]

    def heard_of(self, listener: str, about: str) -> int:
        """How many stanzas of the lobby about somebody reached somebody."""
        frm = f"{LOBBY}/{about}"
        return sum(each.get("from") == frm for each in self.someone(listener).got)


def test_who_waits_is_seen_by_moderators_alone() -> None:
    house = Guarded()

    house.knocks("bea")
    house.knocks("cai")

    assert house.waiting() == ["bea", "cai"]
    assert (house.heard_of("ana", "bea"), house.heard_of("ana", "cai")) == (1, 1)
    assert house.heard_of("bea", "cai") == house.heard_of("cai", "bea") == 0
    assert house.heard_of("bea", "ana") == 0


def test_a_moderator_who_comes_later_sees_who_waits_and_one_who_is_demoted_no_longer() -> None:
    house = Guarded()
    house.lets_in("ana", *(n for n in ("bea",) if not house.knocks(n)))
    house.comes("bea")
    house.knocks("cai")
    house.affiliate("ana", "bea", "owner")

    assert house.looks("bea") == ""
    assert house.heard_of("bea", "cai") == 1

    house.affiliate("ana", "bea", "member")
    house.forget()
    house.knocks("dan")
    assert house.heard_of("bea", "dan") == 0
    assert house.heard_of("ana", "dan") == 1


def test_who_is_let_in_gets_no_secret_and_need_not_know_the_password() -> None:
    house = Guarded()
    room = house.main
    room.configure(
        house.someone("ana").jid, replace(room.configuration, password="sesame-open-wide")
    )
    house.knocks("bea")

    assert house.lets_in("ana", "bea") == ""
    assert house.comes("bea") == ""

    got = "".join(serialise(each) for each in house.someone("bea").got)
    assert "sesame" not in got
    assert "invite" in got


def test_who_was_let_in_comes_back_without_knocking() -> None:
    house = Guarded()
    house.traces = {"bea": Trace(machine="m1"), "bea2": Trace(machine="m1")}
    house.knocks("bea")
    house.lets_in("ana", "bea")
    house.comes("bea")

    house.leave("bea")
    assert house.comes("bea") == ""
    house.leave("bea")
    assert house.comes("bea2") == ""  # the same browser with a new page
    assert house.comes("eve") == "registration-required"


def test_who_is_removed_has_to_knock_again() -> None:
    house = Guarded()
    house.traces = {"bea": Trace(machine="m1"), "bea2": Trace(machine="m1")}
    house.knocks("bea")
    house.lets_in("ana", "bea")
    house.comes("bea")

    query = "<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='bea' role='none'/>"
    house.send("ana", f"<iq type='set' id='k' to='{PLAZA}'>{query}</query></iq>")

    assert house.comes("bea") == "registration-required"
    assert house.comes("bea2") == "registration-required"


def test_who_is_inside_when_the_lobby_opens_comes_back_without_knocking() -> None:
    house = Guarded()
    house.switches("false")
    house.join("bea")
    house.switches("true")

    house.leave("bea")

    assert house.comes("bea") == ""


def test_the_right_password_goes_past_the_lobby_and_a_wrong_one_knocks() -> None:
    house = Guarded()
    room = house.main
    room.configure(house.someone("ana").jid, replace(room.configuration, password="sesame"))

    assert house.comes("bea", "wrong") == "registration-required"
    assert house.comes("bea", "sesame") == ""


def test_a_kept_room_holds_the_early_ones_also_when_its_host_arrives() -> None:
    house = Guarded(KeptRoom(owner=f"zoe@{HOST}", lobby=True))

    assert house.comes("bea") == "registration-required"
    refusal = serialise(house.someone("bea").got[-1])
    assert "<waiting-for-host" in refusal
    assert LOBBY in refusal
    house.knocks("bea")
    house.comes("zoe")

    assert house.comes("bea") == "registration-required"
    assert "<waiting-for-host" not in serialise(house.someone("bea").got[-1])
    assert house.waiting() == ["bea"]
    house.looks("zoe")
    assert house.heard_of("zoe", "bea") == 1
    assert house.lets_in("zoe", "bea") == ""


def test_early_ones_wait_on_while_the_room_is_empty() -> None:
    house = Guarded(KeptRoom(owner=f"zoe@{HOST}", lobby=True))
    house.knocks("bea")

    house.leave("focus")
    assert house.mains.room(PLAZA.node) is None
    house.join("focus")

    assert house.waiting() == ["bea"]


def test_the_wait_ends_when_the_host_ends_the_meeting() -> None:
    house = Guarded(KeptRoom(owner=f"zoe@{HOST}", lobby=True))
    house.parts.add(EndConference(f"endconference.{HOST}"))
    house.comes("zoe")
    house.knocks("bea")

    assert (
        house.send("zoe", f"<message to='endconference.{HOST}'><end_conference/></message>") == ""
    )

    assert "<destroy" in serialise(house.someone("bea").got[-1])


def test_the_wait_ends_with_the_meeting() -> None:
    house = Guarded()
    house.knocks("bea")

    house.leave("ana")
    house.leave("focus")

    last = serialise(house.someone("bea").got[-1])
    assert "<destroy" in last
    assert "jid='plaza@conference" not in last


def test_a_lobby_takes_so_many_and_each_network_so_many_a_minute() -> None:
    house = Guarded(limits=LobbyLimits(lobby_waiting=3, knocks_per_minute=2))
    for name in ("bea", "cai", "dan"):
        house.traces[name] = Trace(address="192.0.2.1")

    assert [house.knocks(n) for n in ("bea", "cai", "dan")] == ["", "", "resource-constraint"]
    seen = len(house.someone("ana").got)
    for _ in range(20):
        house.knocks("dan")
    assert len(house.someone("ana").got) == seen  # a flood is nothing to the moderators
    assert house.knocks("eve") == ""
    assert house.knocks("flo") == "service-unavailable"
    house.pass_time(60)
    house.send("bea", f"<presence type='unavailable' to='{LOBBY}/bea'/>")
    assert house.knocks("dan") == ""


def test_changes_and_words_of_who_waits_are_limited() -> None:
    house = Guarded(limits=LobbyLimits(lobby_updates_per_minute=2))
    house.knocks("bea")
    update = f"<presence to='{LOBBY}/bea'>{NICK.format('Bea')}</presence>"
    word = f"<message type='groupchat' to='{LOBBY}'><body>hello</body></message>"

    assert [house.send("bea", update) for _ in range(3)] == ["", "", "resource-constraint"]
    assert [house.send("bea", word) for _ in range(4)][-1] == "not-allowed"


def test_who_was_sent_away_too_often_is_not_heard() -> None:
    house = Guarded(limits=LobbyLimits(lobby_denials=2))
    house.traces = {"bea": Trace(machine="m1"), "bea2": Trace(machine="m1")}
    for _ in range(2):
        assert house.knocks("bea") == ""
        assert house.denies("ana", "bea") == ""

    assert house.knocks("bea") == "forbidden"
    assert house.knocks("bea2") == "forbidden"
    assert house.knocks("cai") == ""


@pytest.mark.parametrize("nick", ["focus", "ana", "a.b", "x" * 65])
def test_a_nickname_that_cannot_be_is_refused(nick: str) -> None:
    house = Guarded()
    muc = f"<x xmlns='http://jabber.org/protocol/muc'/>{NICK.format('Bea')}"

    refused = house.send("bea", f"<presence to='{LOBBY}/{nick}'>{muc}</presence>")

    assert refused in ("not-allowed", "conflict")
    assert house.waiting() == []


def test_a_name_is_needed_and_a_name_cannot_be_taken_away_later() -> None:
    house = Guarded()

    assert house.knocks("bea", "") == "not-acceptable"
    house.knocks("bea")
    assert house.send("bea", f"<presence to='{LOBBY}/bea'/>") == "not-acceptable"


def test_who_disconnects_waits_no_longer() -> None:
    house = Guarded()
    house.knocks("bea")

    house.router.unbind(house.someone("bea"))

    assert house.waiting() == []
    assert house.heard_of("ana", "bea") == 2


def test_who_waits_survives_a_restart() -> None:
    house = Guarded()
    house.knocks("bea", "Bea &amp; Co")
    dumped = msgspec.json.decode(msgspec.json.encode(house.lobby.dump(house.main)))

    again = Guarded()
    again.lobby.load(again.main, dumped)
    again.forget()

    assert again.waiting() == ["bea"]
    assert again.lobby.dump(again.main) == dumped
    again.router.unbind(again.someone("bea"))
    assert again.waiting() == []
    assert again.heard_of("ana", "bea") == 1


@pytest.mark.parametrize(
    "state",
    [
        {"here": [{"nick": "bea", "jid": "@@", "affiliation": "none", "presence": []}]},
        {"here": [{"nick": "bea", "jid": "b@c/d", "affiliation": "none", "presence": ["<a"]}]},
        {"here": [{"nick": "bea", "jid": "b@c/d", "affiliation": "king", "presence": []}]},
        {"here": 7},
    ],
)
def test_a_state_of_another_version_is_refused(state: dict[str, object]) -> None:
    house = Guarded()

    with pytest.raises(msgspec.ValidationError):
        house.lobby.load(house.main, state)
    assert house.waiting() == []


def test_who_was_let_in_survives_with_the_room() -> None:
    house = Guarded()
    house.traces = {"bea": Trace(machine="m1")}
    house.knocks("bea")
    house.lets_in("ana", "bea")

    again = Guarded()
    again.traces = {"new": Trace(machine="m1")}
    again.main.load(pickle.loads(pickle.dumps(house.main.dump())), ())

    assert (again.comes("bea"), again.comes("new")) == ("", "")


def test_the_one_let_in_longest_ago_is_forgotten() -> None:
    people = LetIn(2)
    for number in range(3):
        people.add(Jid.parse(f"p{number}@{HOST}/1"), Trace())

    assert [people.holds(Jid.parse(f"p{n}@{HOST}/2"), Trace()) for n in range(3)] == [
        False,
        True,
        True,
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["message", "iq", "presence"]),
            st.sampled_from([str(PLAZA), LOBBY, f"{LOBBY}/ana", f"{LOBBY}/bea", f"{PLAZA}/ana"]),
            st.sampled_from(["", "set", "get", "groupchat", "chat", "unavailable"]),
            st.sampled_from(
                [
                    "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='eve@{0}/1'/></x>",
                    "<x xmlns='http://jabber.org/protocol/muc#user'>"
                    "<invite to='eve@{0}/1' from='plaza@conference.{0}/ana'/></x>",
                    "<query xmlns='http://jabber.org/protocol/muc#admin'>"
                    "<item nick='bea' role='none'/></query>",
                    "<query xmlns='http://jabber.org/protocol/muc#admin'>"
                    "<item affiliation='member' jid='eve@{0}'/></query>",
                    SUBMIT.format("false"),
                    "<json-message xmlns='http://jitsi.org/jitmeet'>"
                    '{{"type":"lobby-notify","event":"LOBBY-ACCESS-GRANTED"}}</json-message>',
                    "",
                ]
            ),
        ),
        max_size=6,
    )
)
@settings(max_examples=50)
def test_nobody_lets_itself_in_whatever_it_sends(
    stanzas: list[tuple[str, str, str, str]],
) -> None:
    house = Guarded()
    house.knocks("bea")
    house.knocks("eve")

    for name, to, kind, child in stanzas:
        typed = f" type='{kind}'" if kind else ""
        house.send("eve", f"<{name} to='{to}' id='1'{typed}>{child.format(HOST)}</{name}>")

    assert "bea" in house.waiting()
    assert house.comes("eve") == "registration-required"
    assert not house.main.holds(house.someone("eve").jid)
    assert house.main.configuration.members_only
