"""What the next process may read, and what it must not."""

import contextlib
import logging
import pickle
import sqlite3
import stat
from pathlib import Path

import pytest
from tests.unit.rooms.house import PLAZA, House

from tertulia.survival import state_file
from tertulia.survival.state_file import StateFile, StateUnusable
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import parse_document

VERSION = "1"
ANA = Jid("ana", "meet.example", "1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "meetings.state"


def written(path: Path, **rows: object) -> None:
    """A state file of a process that ended without a word."""
    file = StateFile.open(path, VERSION)
    for key, value in rows.items():
        file.put("thing", key, state_file.dumps(value))
    file.commit()


def test_rows_are_read_in_the_order_in_which_they_were_put_first(path: Path) -> None:
    file = StateFile.open(path, VERSION)
    for key, value in (("b", 1), ("a", 2), ("c", 3)):
        file.put("thing", key, state_file.dumps(value))
    file.commit()
    file.put("thing", "b", state_file.dumps(4))
    file.delete("thing", "c")
    file.commit()

    assert state_file.read(path, VERSION, oldest_s=60.0) == {"thing": {"b": 4, "a": 2}}


def test_what_was_not_committed_never_was(path: Path) -> None:
    written(path, a=1)
    file = StateFile.open(path, VERSION)
    file.put("thing", "a", state_file.dumps(1))

    with pytest.raises(StateUnusable, match="nothing about itself"):
        state_file.read(path, VERSION, oldest_s=60.0)


def test_objects_of_ours_come_back_as_they_were(path: Path) -> None:
    presence = parse_document("<nick xmlns='http://jabber.org/protocol/nick'>Ana &amp; co</nick>")
    written(path, jid=ANA, presence=(presence,), names={ANA: frozenset({"a"})})

    rows = state_file.read(path, VERSION, oldest_s=60.0)["thing"]

    assert rows["jid"] == ANA
    assert rows["presence"][0].text == "Ana & co"
    assert rows["names"] == {ANA: frozenset({"a"})}


def test_nobody_but_us_reads_it(path: Path) -> None:
    written(path, a=1)

    for file in path.parent.glob("meetings.state*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_one_of_another_version_is_of_no_use(path: Path) -> None:
    written(path, a=1)

    with pytest.raises(StateUnusable, match="of version 1"):
        state_file.read(path, "2", oldest_s=60.0)


def test_an_old_one_is_of_no_use(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, a=1)
    now = state_file.now()
    monkeypatch.setattr(state_file, "now", lambda: now + 61.0)

    with pytest.raises(StateUnusable, match="written 61 s ago"):
        state_file.read(path, VERSION, oldest_s=60.0)


def test_one_of_before_the_machine_was_started_is_of_no_use(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path, a=1)
    monkeypatch.setattr(state_file, "boot", lambda: "another")

    with pytest.raises(StateUnusable, match="started anew"):
        state_file.read(path, VERSION, oldest_s=60.0)


@pytest.mark.parametrize("damage", [b"", b"no database at all", b"\0" * 5000])
def test_a_damaged_one_is_of_no_use(path: Path, damage: bytes) -> None:
    written(path, a=1)
    for beside in path.parent.glob("meetings.state-*"):
        beside.unlink(missing_ok=True)  # SQLite may have, when it was let go of
    path.write_bytes(damage)

    with pytest.raises(StateUnusable):
        state_file.read(path, VERSION, oldest_s=60.0)


def test_a_row_can_make_nothing_but_objects_of_ours(path: Path) -> None:
    written(path, a=1)
    harm = pickle.dumps(Path.unlink)
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE row SET value = ? WHERE kind = 'thing'", (harm,))
        file.commit()

    with pytest.raises(StateUnusable, match="has no place here"):
        state_file.read(path, VERSION, oldest_s=60.0)


def test_without_one_there_is_none(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        state_file.read(path, VERSION, oldest_s=60.0)


def test_where_nothing_can_be_written_that_is_said_once_and_all_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = StateFile.open(tmp_path / "nowhere" / "meetings.state", VERSION)
    for number in range(3):
        file.put("thing", "a", state_file.dumps(number))
        file.commit()
    file.close()

    assert [r.levelno for r in caplog.records] == [logging.ERROR]


def test_what_a_full_disk_refused_is_written_when_there_is_room(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = StateFile.open(path, VERSION)
    with contextlib.closing(sqlite3.connect(path)) as other:
        pages = other.execute("PRAGMA page_count").fetchone()[0]
    assert file.file is not None
    file.file.execute(f"PRAGMA max_page_count = {pages}")
    file.put("thing", "a", state_file.dumps("x" * 100_000))
    file.commit()
    file.commit()
    assert len(caplog.records) == 1
    assert "full" in caplog.text

    file.file.execute("PRAGMA max_page_count = 100000")
    file.commit()

    assert len(state_file.read(path, VERSION, oldest_s=60.0)["thing"]["a"]) == 100_000


def test_a_room_in_which_people_spoke_comes_back(path: Path) -> None:
    house = House()
    ana, bea = house.enter("ana"), house.enter("bea")
    say = "<message type='groupchat' id='{}' to='{}'>{}</message>"
    house.send(ana, say.format("m1", PLAZA, "<body>hello</body>"))
    smile = "<reactions xmlns='urn:xmpp:reactions:0' id='m1'><reaction>:)</reaction></reactions>"
    house.send(bea, say.format("m2", PLAZA, smile))
    hand = "<jitsi_participant_raisedHand>5</jitsi_participant_raisedHand>"
    house.send(bea, f"<presence to='{PLAZA}/bea'>{hand}</presence>")
    written(path, room=house.main.dump())

    after = House()
    after.main.load(state_file.read(path, VERSION, oldest_s=60.0)["thing"]["room"], ())

    (line,) = after.main.chat.lines()
    assert (line.body, line.reactions) == ("hello", {"bea": [":)"]})
    assert after.main.hands.lower("bea")
