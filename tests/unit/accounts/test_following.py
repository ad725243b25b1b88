"""Accounts and kept rooms follow the database, and owners' changes get there."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tertulia.accounts.directory import Directory
from tertulia.accounts.errors import AccountError
from tertulia.accounts.following import Following
from tertulia.accounts.kept_rooms import KeptRooms
from tertulia.accounts.logins import Logins
from tertulia.accounts.passwords import Account, keys_of
from tertulia.accounts.tables import Tables
from tertulia.rooms.kept import KeptRoom
from tertulia.storage.database import Database, StorageLimits, default_url
from tertulia.storage.errors import StorageUnavailable
from tertulia.storage.place import FILE_NAME

HOST = "meet.example"
KEYS = keys_of("correct horse", iterations=4096)
ANA = Account(name="ana", display_name="Ana", keys=KEYS, created_ms=5)
PLAZA = KeptRoom(
    owner=f"ana@{HOST}",
    password="sesame",
    lobby=True,
    members_only=True,
    start_audio_muted=True,
    may_open="owner",
    chat_retention="7",
)


class Site:
    def __init__(self, database: Database) -> None:
        self.tables = Tables(database, HOST)
        self.directory, self.kept, self.logins = Directory(), KeptRooms(), Logins()
        self.following = Following(self.tables, self.directory, self.kept, self.logins, HOST)


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    database = await Database.open(database_url)
    yield Site(database)
    await database.close()


async def test_accounts_are_read_as_they_were_added(site: Site) -> None:
    await site.tables.accounts.add(ANA)

    assert await site.tables.accounts.all() == [ANA]
    with pytest.raises(AccountError, match="there is an account ana already"):
        await site.tables.accounts.add(ANA)
    for change in (site.tables.accounts.remove("bea"), site.tables.accounts.set_keys("bea", KEYS)):
        with pytest.raises(AccountError, match="there is no account bea"):
            await change


async def test_rooms_are_read_as_they_were_added(site: Site) -> None:
    with pytest.raises(AccountError, match="there is no account ana"):
        await site.tables.rooms.add("plaza", PLAZA, 1)
    await site.tables.accounts.add(ANA)
    await site.tables.rooms.add("plaza", PLAZA, 1)

    assert await site.tables.rooms.all() == {"plaza": PLAZA}
    with pytest.raises(AccountError, match="kept already"):
        await site.tables.rooms.add("plaza", PLAZA, 1)
    with pytest.raises(AccountError, match="ana owns the room plaza"):
        await site.tables.accounts.remove("ana")
    await site.tables.rooms.remove("plaza")
    with pytest.raises(AccountError, match="is not kept"):
        await site.tables.rooms.remove("plaza")
    await site.tables.accounts.remove("ana")


async def test_what_a_command_changes_is_followed(site: Site) -> None:
    await site.following.load()
    assert site.directory.is_empty
    await site.tables.accounts.add(ANA)
    await site.tables.rooms.add("plaza", PLAZA, 1)

    await site.following.load()

    assert site.directory.account("ana") == ANA
    assert site.kept.room("plaza") == PLAZA


async def test_another_password_ends_the_logins_of_the_account(site: Site) -> None:
    await site.tables.accounts.add(ANA)
    await site.following.load()
    login = site.logins.begin("browser", f"ana@{HOST}", 0)

    await site.tables.accounts.set_keys("ana", keys_of("battery staple", iterations=4096))
    await site.following.load()

    assert not site.logins.end(login.id)


async def test_what_an_owner_changes_in_the_room_is_saved(site: Site) -> None:
    await site.tables.accounts.add(ANA)
    await site.tables.rooms.add("plaza", PLAZA, 1)
    await site.following.load()
    changed = replace(PLAZA, password="new")

    site.kept.change("plaza", changed)
    assert site.kept.room("plaza") == changed
    await site.following.load()
    assert site.kept.room("plaza") == changed
    await site.following.save()

    assert await site.tables.rooms.all() == {"plaza": changed}
    assert site.kept.unsaved() == {}


async def test_a_room_removed_meanwhile_stays_removed(site: Site) -> None:
    await site.tables.accounts.add(ANA)
    await site.tables.rooms.add("plaza", PLAZA, 1)
    await site.following.load()
    site.kept.change("plaza", replace(PLAZA, password="new"))
    site.kept.change("elsewhere", PLAZA)  # never was kept
    await site.tables.rooms.remove("plaza")

    await site.following.save()
    await site.following.load()

    assert await site.tables.rooms.all() == {}
    assert site.kept.room("plaza") is None


async def test_while_the_database_is_locked_everything_stays_as_it_was(tmp_path: Path) -> None:
    database = await Database.open(default_url(tmp_path), StorageLimits(busy_s=0.05))
    site = Site(database)
    await site.tables.accounts.add(ANA)
    await site.tables.rooms.add("plaza", PLAZA, 1)
    await site.following.load()
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    site.kept.change("plaza", replace(PLAZA, password="new"))

    with pytest.raises(StorageUnavailable, match="locked"):
        await site.following.save()
    room = site.kept.room("plaza")
    assert room is not None
    assert room.password == "new"

    other.execute("ROLLBACK")
    other.close()
    await site.following.save()
    assert (await site.tables.rooms.all())["plaza"].password == "new"
    await database.close()
