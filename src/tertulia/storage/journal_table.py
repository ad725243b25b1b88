"""The journal of rooms in the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from tertulia.storage.database import Database
from tertulia.storage.journal import Entry
from tertulia.storage.schema import journal


class SqlJournalTable:
    """A `JournalTable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entries: Sequence[Entry]) -> None:
        rows = [
            {
                "room": each.room,
                "meeting": each.meeting,
                "kind": each.kind,
                "at_ms": each.at_ms,
                "content": dict(each.content),
            }
            for each in entries
        ]
        async with self._database.write() as connection:
            await connection.execute(insert(journal), rows)

    async def read(
        self, room: str, kind: str, *, meeting: str, since_ms: int, newest: int
    ) -> list[Entry]:
        query = select(journal).where(journal.c.room == room, journal.c.kind == kind)
        if meeting:
            query = query.where(journal.c.meeting == meeting)
        if since_ms:
            query = query.where(journal.c.at_ms >= since_ms)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(journal.c.number.desc()).limit(newest))
            return [Entry(**row) for row in reversed(rows.mappings().all())]

    async def forget(
        self, kinds: Sequence[str], *, room: str, meeting: str, before_ms: int | None
    ) -> int:
        query = delete(journal).where(journal.c.kind.in_(kinds))
        if room:
            query = query.where(journal.c.room == room)
        if meeting:
            query = query.where(journal.c.meeting == meeting)
        if before_ms is not None:
            query = query.where(journal.c.at_ms < before_ms)
        async with self._database.write() as connection:
            return (await connection.execute(query)).rowcount
