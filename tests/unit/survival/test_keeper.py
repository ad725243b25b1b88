"""Two processes in a row, as far as rooms, conferences and sessions are concerned by them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.rooms.house import HOST, PLAZA, Someone

from tertulia.focus.service import Focus
from tertulia.focus.settings import FocusAddresses
from tertulia.rooms import RoomPolicy, RoomService
from tertulia.rooms.av_moderation import AvModeration
from tertulia.rooms.parts import Parts
from tertulia.rooms.persons import Persons
from tertulia.rooms.room import Room
from tertulia.survival.keeper import Keeper, KeeperLimits
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.resumption import Resumable
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.sessions import Sessions
from tertulia.xmpp.xml import parse_document

AT_ONCE = KeeperLimits(moment_s=0.0, grace_s=0.05)
_MUC = "<x xmlns='http://jabber.org/protocol/muc'/>"
_MODERATE = (
    "<message xmlns='jabber:client' to='avmoderation.{host}'><av_moderation"
    " xmlns='http://jitsi.org/jitmeet' mediaType='audio' enable='true'/></message>"
)


class Mute:
    """The connection of somebody who only sends."""

    def carry(self, text: str) -> None: ...

    def replaced(self) -> None: ...


class Process:
    """What of a server the keeper has to do with."""

    def __init__(self, folder: Path, version: str = "1", limits: KeeperLimits = AT_ONCE) -> None:
        self.router = Router()
        self.parts = Parts(self.router)
        self.moderation = AvModeration(f"avmoderation.{HOST}")
        self.parts.add(self.moderation)
        addresses = FocusAddresses.of(HOST)
        self.rooms = RoomService(
            self.router,
            addresses.rooms,
            RoomPolicy.meetings(HOST, addresses.jid),
            parts=self.parts,
        )
        RoomService(self.router, addresses.brewery.domain, RoomPolicy.brewery(HOST, addresses.jid))
        self.focus = Focus(router=self.router, addresses=addresses)
        self.sessions = Sessions(self.router, XmppLimits())
        self.persons = Persons()
        self.keeper = Keeper(
            folder / "meetings.state",
            version,
            halls=(self.rooms,),
            parts=self.parts,
            persons=self.persons,
            focus=self.focus,
            sessions=self.sessions,
            limits=limits,
        )
        self.focus.start()
        self.keeper.start()

    def killed(self) -> None:
        """As far as the file is concerned: nothing is written any more."""
        self.keeper._let_go()

    def comes(self, name: str) -> Resumable:
        jid = Jid(name, HOST, "1")
        session = self.sessions.open(Mute(), jid, Origin())
        kept = self.sessions.enable(jid, Origin(), is_account=False, resume=True)
        self.sessions.count(session, kept)
        self.persons.asked(jid, f"{name}'s browser")
        self.sends(name, f"<presence to='{PLAZA}/{name}'>{_MUC}</presence>")
        return kept

    def sends(self, name: str, text: str) -> None:
        stanza = parse_document(text)
        stanza.ns = "jabber:client"
        stanza.attrs["from"] = f"{name}@{HOST}/1"
        self.router.route(stanza)

    def opens_a_room(self) -> None:
        asking = Someone(f"ana@{HOST}/1")
        self.router.bind(asking)
        self.sends(
            "ana",
            f"<iq type='set' id='1' to='focus.{HOST}'>"
            f"<conference xmlns='http://jitsi.org/protocol/focus' room='{PLAZA}'/></iq>",
        )
        self.router.unbind(asking)

    @property
    def room(self) -> Room:
        found = self.rooms.room("plaza")
        assert found is not None
        return found

    def nicks(self) -> list[str]:
        return [each.nick for each in self.room.occupants()]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  # it is the loop that is waited for
            await asyncio.sleep(0)


def is_there(folder: Path) -> Iterator[Path]:
    return folder.iterdir()


def configured(password: str) -> str:
    return (
        f"<iq type='set' id='2' to='{PLAZA}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
        "<x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_roomsecret'>"
        f"<value>{password}</value></field></x></query></iq>"
    )


async def test_a_meeting_goes_on_as_it_was(tmp_path: Path) -> None:
    first = Process(tmp_path)
    first.opens_a_room()
    ana, bea = first.comes("ana"), first.comes("bea")
    first.sends("ana", configured("secret"))
    first.sends("ana", _MODERATE.format(host=HOST))
    first.sends("bea", f"<presence to='{PLAZA}/bea'><hand>up</hand></presence>")
    ana.received = 41
    conference = first.focus.conferences[PLAZA]
    await until(lambda: len(conference.participants) == 2)
    first.keeper.flush()
    room = first.room
    first.killed()

    second = Process(tmp_path)

    assert second.nicks() == ["focus", "ana", "bea"]
    assert second.room.configuration.password == "secret"
    assert second.room.meeting_id == room.meeting_id
    assert second.room.created_ms == room.created_ms
    assert [str(each.affiliation) for each in second.room.occupants()] == [
        "owner",
        "owner",
        "none",
    ]
    hand = second.room.occupants()[2].presence[-1]
    assert (hand.name, hand.text) == ("hand", "up")
    assert second.moderation.dump(second.room) == first.moderation.dump(room)
    after = second.focus.conferences[PLAZA]
    assert after.meeting_id == conference.meeting_id
    assert list(after.participants) == ["ana", "bea"]
    assert second.persons.machine_of(Jid("ana", HOST)) == "ana's browser"
    assert {each.id: each.received for each in second.sessions.dump()} == {ana.id: 41, bea.id: 0}


async def test_who_did_not_come_back_within_the_grace_time_is_gone(tmp_path: Path) -> None:
    first = Process(tmp_path)
    first.opens_a_room()
    first.comes("ana")
    kept = first.comes("bea")
    first.keeper.flush()
    kept.give_up()  # it cannot come back
    first.keeper.flush()
    first.killed()

    second = Process(tmp_path)

    assert second.nicks() == ["focus", "ana", "bea"]
    await until(lambda: "bea" not in second.nicks())
    assert second.nicks() == ["focus", "ana"]


async def test_changes_are_written_soon_without_being_asked_for(tmp_path: Path) -> None:
    first = Process(tmp_path)
    first.opens_a_room()
    first.comes("ana")
    await until(lambda: not first.keeper.is_due)
    first.killed()

    assert Process(tmp_path).nicks() == ["focus", "ana"]


async def test_who_the_focus_had_not_seen_yet_is_seen(tmp_path: Path) -> None:
    first = Process(tmp_path)
    first.opens_a_room()
    first.comes("ana")
    first.keeper.flush()  # before the focus has had its turn
    first.killed()

    second = Process(tmp_path)

    conference = second.focus.conferences[PLAZA]
    await until(lambda: list(conference.participants) == ["ana"])


def raises_a_hand(process: Process, kept: Resumable) -> None:
    """As a client does it: its stanza is counted, and takes effect."""
    kept.took()
    name = kept.jid.node
    process.sends(name, f"<presence to='{PLAZA}/{name}'><hand>up</hand></presence>")


def is_hand_up(process: Process, nick: str) -> bool:
    (occupant,) = [each for each in process.room.occupants() if each.nick == nick]
    return any(each.name == "hand" for each in occupant.presence)


async def test_a_client_is_told_that_we_have_it_when_the_next_process_would(
    tmp_path: Path,
) -> None:
    first = Process(tmp_path, limits=KeeperLimits(moment_s=1000.0))
    first.opens_a_room()
    ana, bea = first.comes("ana"), first.comes("bea")
    first.keeper.flush()
    told: list[str] = []
    raises_a_hand(first, ana)

    first.sessions.scribe.noting(ana, lambda: told.append("ana"))
    first.sessions.scribe.noting(bea, lambda: told.append("bea"))

    assert told == ["bea"]  # of whom nothing has come
    first.keeper.flush()
    assert told == ["bea", "ana"]
    first.killed()
    second = Process(tmp_path)
    assert is_hand_up(second, "ana")
    assert {each.id: each.received for each in second.sessions.dump()} == {ana.id: 1, bea.id: 0}


async def test_what_was_not_written_is_not_counted_either_so_the_client_says_it_again(
    tmp_path: Path,
) -> None:
    first = Process(tmp_path, limits=KeeperLimits(moment_s=1000.0))
    first.opens_a_room()
    ana = first.comes("ana")
    first.keeper.flush()
    raises_a_hand(first, ana)
    first.sessions.scribe.noting(ana, lambda: None)

    first.killed()

    second = Process(tmp_path)
    assert not is_hand_up(second, "ana")
    assert [each.received for each in second.sessions.dump()] == [0]


async def test_who_comes_back_is_told_its_count_at_once_and_it_is_written(tmp_path: Path) -> None:
    first = Process(tmp_path, limits=KeeperLimits(moment_s=1000.0))
    first.opens_a_room()
    ana = first.comes("ana")
    raises_a_hand(first, ana)

    first.sessions.resuming(ana)

    first.killed()
    second = Process(tmp_path)
    assert is_hand_up(second, "ana")
    assert [each.received for each in second.sessions.dump()] == [1]


async def test_while_a_large_conference_is_written_in_parts_nobody_is_told(tmp_path: Path) -> None:
    first = Process(tmp_path, limits=KeeperLimits(moment_s=1000.0, participants=1))
    first.opens_a_room()
    ana, _ = first.comes("ana"), first.comes("bea")
    ana.took()
    told: list[str] = []
    first.sessions.scribe.noting(ana, lambda: told.append("ana"))

    first.keeper.flush()
    assert told == []
    first.keeper.flush()

    assert told == ["ana"]
    first.killed()


async def test_the_other_parts_of_a_large_conference_follow_soon(tmp_path: Path) -> None:
    first = Process(tmp_path, limits=KeeperLimits(moment_s=0.0, participants=1, beat_s=1000.0))
    first.opens_a_room()
    ana, _ = first.comes("ana"), first.comes("bea")
    ana.took()
    told: list[str] = []
    first.sessions.scribe.noting(ana, lambda: told.append("ana"))

    await until(lambda: told == ["ana"])

    first.killed()


async def test_what_the_focus_was_told_is_written_with_the_count(tmp_path: Path) -> None:
    first = Process(tmp_path, limits=KeeperLimits(moment_s=1000.0))
    first.opens_a_room()
    ana = first.comes("ana")

    first.sessions.resuming(ana)  # before the focus has had its turn

    assert list(first.focus.conferences[PLAZA].participants) == ["ana"]
    first.killed()


async def test_a_meeting_that_has_ended_is_not_there_any_more(tmp_path: Path) -> None:
    first = Process(tmp_path)
    first.opens_a_room()
    kept = first.comes("ana")
    first.keeper.flush()
    session = first.router.session(kept.jid)
    first.sessions.end(session)  # type: ignore[arg-type]
    await until(lambda: not first.focus.conferences)
    first.keeper.flush()
    first.killed()

    second = Process(tmp_path)

    assert (second.rooms.rooms(), second.focus.conferences) == ([], {})
    assert list(second.sessions.dump()) == []


async def test_after_an_end_as_it_should_be_nothing_is_left(tmp_path: Path) -> None:
    first = Process(tmp_path)
    first.opens_a_room()
    first.comes("ana")

    first.keeper.stop()

    assert not any(is_there(tmp_path))


async def test_a_process_of_another_version_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Process(tmp_path)
    first.opens_a_room()
    first.comes("ana")
    first.keeper.flush()
    first.killed()

    second = Process(tmp_path, version="2")

    assert second.rooms.rooms() == []
    assert "of version 1" in caplog.text


async def test_what_cannot_be_written_costs_the_meeting_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Process(tmp_path)
    first.opens_a_room()
    first.comes("ana")
    first.room.meeting_id = lambda: "of no use"  # type: ignore[assignment]

    first.keeper.flush()
    first.keeper.flush()

    assert len([r for r in caplog.records if "Not written down" in r.getMessage()]) == 1
    assert first.nicks() == ["focus", "ana"]
