"""The journal of rooms: noted without waiting, written in order, forgotten when told."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.postgresql import Cluster

from tertulia.storage.database import Database, StorageLimits
from tertulia.storage.journal import Entry, Journal, JournalLimits
from tertulia.storage.journal_table import SqlJournalTable
from tertulia.storage.place import FILE_NAME


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


def said(text: str, *, room: str = "plaza", meeting: str = "m1", at_ms: int = 0) -> Entry:
    return Entry(room=room, meeting=meeting, kind="chat", at_ms=at_ms, content={"body": text})


async def settle(journal: Journal) -> None:
    async with asyncio.timeout(30):
        await journal.written()


async def stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def bodies(journal: Journal, **what: object) -> list[str]:
    entries = await journal.read("plaza", "chat", **what)  # type: ignore[arg-type]
    return [each.content["body"] for each in entries]


async def test_entries_are_read_as_they_were_noted(database: Database) -> None:
    journal = Journal()
    running = asyncio.create_task(journal.run(SqlJournalTable(database)))
    for text in ("one", "two", "three"):
        journal.note(said(text))
    journal.note(said("elsewhere", room="patio"))
    journal.note(said("later", meeting="m2", at_ms=9))
    await settle(journal)

    assert await bodies(journal) == ["one", "two", "three", "later"]
    assert await bodies(journal, newest=2) == ["three", "later"]
    assert await bodies(journal, meeting="m1") == ["one", "two", "three"]
    assert await bodies(journal, since_ms=9) == ["later"]
    await stop(running)


async def test_what_is_left_is_written_at_the_end(database: Database) -> None:
    journal = Journal()
    running = asyncio.create_task(journal.run(SqlJournalTable(database)))
    await asyncio.sleep(0)
    journal.note(said("goodbye"))

    await stop(running)

    assert await bodies(journal) == ["goodbye"]


@asynccontextmanager
async def locked(file: Path) -> AsyncIterator[None]:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@asynccontextmanager
async def away(cluster: Cluster, url: str) -> AsyncIterator[None]:
    await asyncio.to_thread(cluster.cut, url, for_good=True)
    yield
    await asyncio.to_thread(cluster.mend, url)


async def test_while_the_database_cannot_be_written_entries_wait(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = await Database.open(database_url, StorageLimits(busy_s=0.05))
    journal = Journal(JournalLimits(retry_s=0.01, waiting=3))
    trouble, reason = (
        (locked(tmp_path / FILE_NAME), "locked")
        if database_url.startswith("sqlite")
        else (away(request.getfixturevalue("postgresql"), database_url), "not permitted to log in")
    )
    async with trouble:
        running = asyncio.create_task(journal.run(SqlJournalTable(database)))
        journal.note(said("one"))
        async with asyncio.timeout(30):
            while not journal.trouble:  # noqa: ASYNC110  # it says nothing by itself
                await asyncio.sleep(0.01)
        for each in ("two", "three", "four"):
            journal.note(said(each))
        assert reason in journal.trouble
    await settle(journal)

    # Of four only three could wait; "one" is there if its own try was the one that succeeded.
    kept = await bodies(journal)
    assert kept[-3:] == ["two", "three", "four"]
    assert (journal.lost, journal.trouble) == (4 - len(kept), "")
    await stop(running)
    await database.close()


async def test_old_entries_are_forgotten(database: Database) -> None:
    journal = Journal()
    running = asyncio.create_task(journal.run(SqlJournalTable(database)))
    for at_ms in (1, 2, 3):
        journal.note(said(str(at_ms), at_ms=at_ms))
    await settle(journal)

    assert await journal.forget(("chat",), before_ms=3) == 2
    assert await bodies(journal) == ["3"]
    assert await journal.forget(("chat",), room="patio") == 0
    assert await journal.forget(("chat",), room="plaza", meeting="m1") == 1
    assert await bodies(journal) == []
    await stop(running)


async def test_before_the_database_is_open_entries_and_readers_wait(database: Database) -> None:
    journal = Journal()
    journal.note(said("early"))
    reading = asyncio.create_task(journal.read("plaza", "chat"))
    await asyncio.sleep(0)
    assert not reading.done()

    running = asyncio.create_task(journal.run(SqlJournalTable(database)))
    await settle(journal)

    assert await bodies(journal) == ["early"]
    assert await reading is not None
    await stop(running)


async def test_whatever_people_write_is_read_as_it_was(database: Database) -> None:
    journal = Journal()
    running = asyncio.create_task(journal.run(SqlJournalTable(database)))
    content = {"body": "😀 \u0000 \\u0000 \ud800 \uffff '\"%", "n": [1, -1.5, None, True, 2**60]}
    journal.note(Entry(room="r" * 600, meeting="m" * 64, kind="k" * 32, at_ms=1, content=content))
    await settle(journal)

    (entry,) = await journal.read("r" * 600, "k" * 32)

    assert entry.content == content
    await stop(running)
