"""What outlives the process: read at the start, written as soon as there is time for that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tertulia import machine, sharing
from tertulia.accounts.following import Following
from tertulia.admitting import Kept
from tertulia.config import Config
from tertulia.errors import ConfigError
from tertulia.server.tasks import ended
from tertulia.storage.errors import StorageUnavailable
from tertulia.storage.first_look import first_look
from tertulia.usage.keeping import Keeper as UsageKeeper

if TYPE_CHECKING:
    from tertulia.accounts.tables import Tables
    from tertulia.storage.database import Database
    from tertulia.storage.opening import Opened
    from tertulia.usage.table import SqlUsageTable


class Storing:
    """The database of a server, in two steps, because loading SQLAlchemy takes longer than a whole
    start without it.

    `look` reads what services keep in memory, from the SQLite file that is there, with the standard
    library; where that does not do (PostgreSQL, tables of an older version) the database is opened
    at once. `begin` opens it otherwise, once the first meeting can be held.
    """

    def __init__(self, config: Config, kept: Kept) -> None:
        self._config = config
        self._kept = kept
        self._opened: Opened | None = None
        self._following: Following | None = None
        self._opening: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def look(self) -> None:
        """Have accounts and kept rooms in memory. Raises: ConfigError."""
        found = await asyncio.to_thread(first_look, self._config.storage.url, self._config.data)
        if found is None:
            await self._open()
        else:
            self._kept.take(found, self._config.host)

    def begin(self, counts: UsageKeeper) -> None:
        """Have `kept` and what is counted written to the database from now on."""
        self._opening = asyncio.ensure_future(self._run(counts))

    async def has_failed(self) -> None:
        """Wait for the database to be found unusable. Raises: ConfigError."""
        if self._opening is not None:
            await asyncio.shield(self._opening)
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Write what is left, and let go of the database."""
        if self._opening is not None:
            await asyncio.wait((self._opening,))  # it takes a second; nothing is lost
        for task in self._tasks:
            await ended(task)
        self._tasks.clear()
        if self._opened is not None:
            await self._opened.database.close()
            self._opened = None

    async def _run(self, counts: UsageKeeper) -> None:
        if self._opened is None:
            await self._open()
        assert self._opened is not None
        assert self._following is not None
        self._tasks += [
            asyncio.create_task(self._kept.journal.run(self._opened.journal)),
            asyncio.create_task(self._following.run()),
            asyncio.create_task(counts.run(_usage_table(self._opened.database))),
            asyncio.create_task(sharing.purging(self._config, self._kept)),
        ]

    async def _open(self) -> None:
        config, kept = self._config, self._kept
        try:
            open_storage, tables_of = await asyncio.to_thread(_sql)
            machine.spare_the_collector()  # SQLAlchemy's objects stay, too
            self._opened = await open_storage(config.storage.url, config.data)
            tables = tables_of(self._opened.database, config.host)
            self._following = Following(tables, kept.accounts, kept.rooms, kept.logins, config.host)
            await self._following.load()
        except StorageUnavailable as error:
            raise ConfigError(f"nothing can be kept: {error}") from None


def _usage_table(database: Database) -> SqlUsageTable:
    from tertulia.usage.table import SqlUsageTable  # noqa: PLC0415  # SQLAlchemy is loaded now

    return SqlUsageTable(database)


def _sql() -> tuple[Callable[[str, Path], Awaitable[Opened]], type[Tables]]:
    from tertulia.accounts.tables import Tables  # noqa: PLC0415
    from tertulia.storage.opening import open_storage  # noqa: PLC0415

    return open_storage, Tables
