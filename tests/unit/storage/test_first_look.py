"""What is read of a database before it is opened: all that is there, or the advice to open it."""

import sqlite3
from pathlib import Path

import pytest

from tertulia.accounts.directory import Directory
from tertulia.accounts.passwords import Account, keys_of
from tertulia.accounts.tables import Tables
from tertulia.admitting import Kept
from tertulia.rooms.kept import KeptRoom
from tertulia.storage.first_look import FirstLook, first_look
from tertulia.storage.opening import open_storage
from tertulia.storage.place import FILE_NAME

HOST = "meet.example"
ANA = Account(
    name="ana",
    display_name="Ana",
    keys=keys_of("correct horse", iterations=4096),
    created_ms=1_700_000_000_000,
)
COUNCIL = KeptRoom(
    owner=f"ana@{HOST}",
    password="p",
    lobby=True,
    start_video_muted=True,
    may_open="owner",
    chat_retention="30",
)


async def fill(data: Path) -> None:
    opened = await open_storage("", data)
    tables = Tables(opened.database, HOST)
    await tables.accounts.add(ANA)
    await tables.rooms.add("council", COUNCIL, 1)
    await opened.database.close()


async def test_accounts_and_rooms_are_those_of_the_opened_database(tmp_path: Path) -> None:
    await fill(tmp_path)
    kept = Kept()

    found = first_look("", tmp_path)

    assert found is not None
    kept.take(found, HOST)
    assert isinstance(kept.accounts, Directory)
    assert kept.accounts.account("ana") == ANA
    assert kept.rooms.room("council") == COUNCIL


def test_where_there_is_no_database_nothing_is_kept(tmp_path: Path) -> None:
    assert first_look("", tmp_path) == FirstLook()
    assert list(tmp_path.iterdir()) == []


def test_another_database_has_to_be_opened(tmp_path: Path) -> None:
    assert first_look("postgresql://tertulia@db.example/tertulia", tmp_path) is None


@pytest.mark.parametrize("version", ["0000", "9999"])
async def test_tables_of_another_version_have_to_be_opened(tmp_path: Path, version: str) -> None:
    await fill(tmp_path)
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.close()

    assert first_look("", tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"a letter to my aunt" * 100])
def test_a_file_that_is_no_database_is_left_to_the_opening(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)

    assert first_look("", tmp_path) is None
