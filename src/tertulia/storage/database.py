"""The engine: connections for readers, one writer at a time, and errors in plain words.

SQLite runs in WAL mode, so that readers and the writer do not wait for each other, with `BEGIN
IMMEDIATE` for the writer: it waits for its turn at the beginning and never fails in the middle.
Other processes (`tertulia user add`) write to the same file; `busy_timeout` makes all of them wait.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tertulia.errors import ConfigError
from tertulia.storage import schema
from tertulia.storage.errors import StorageUnavailable
from tertulia.storage.migrations import HEAD
from tertulia.storage.place import FILE_NAME

_MIGRATIONS = Path(__file__).parent / "migrations"
_POSTGRESQL_LOCK = 0x7E27  # any number, the same in all our processes
_VERSION = Table(  # Alembic's own, as it makes it
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageLimits:
    busy_s: float = 5.0  # how long to wait for another writer of the same SQLite file
    connect_s: float = 10.0  # how long a connection to PostgreSQL may take
    answer_s: float = 60.0  # how long a statement may take there
    readers: int = 3  # connections kept open; each is a thread with SQLite
    page_cache_kib: int = 4096  # of each connection


def default_url(data: Path) -> str:
    """SQLite in the data folder."""
    return URL.create("sqlite+aiosqlite", database=str(data / FILE_NAME)).render_as_string()


class Database:
    """An open database whose tables are those of `schema`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, url: str, limits: StorageLimits | None = None) -> Database:
        """Connect, and bring the tables up to date.

        Args:
            url: `default_url(...)`, `postgresql://USER@HOST/NAME`, or another spelling of them.
        Raises: ConfigError when the URL cannot be meant, StorageUnavailable when there is no way.
        """
        engine = _engine(url, limits or StorageLimits())
        try:
            async with _in_words(), _writer(engine) as connection:
                await connection.run_sync(_migrate)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection to select with. Raises: StorageUnavailable, also out of the block."""
        async with _in_words(), self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end of the block unless that raises; one at a time.

        Raises: StorageUnavailable, also out of the block: then nothing was written.
        """
        async with self._writing, _in_words(), _writer(self._engine) as connection:
            yield connection

    async def close(self) -> None:
        await self._engine.dispose()


async def note_change(connection: AsyncConnection, of: str) -> None:
    """Say, within a `write`, that a table changed of which servers keep a copy in memory."""
    table = schema.changes
    # Another process may be doing the same: one statement, whether or not there is a row.
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    first = dialect.insert(table).values(of=of, number=1)
    await connection.execute(
        first.on_conflict_do_update(
            index_elements=[table.c.of], set_={"number": table.c.number + 1}
        )
    )


async def change_numbers(connection: AsyncConnection) -> dict[str, int]:
    """How often each of those tables was changed."""
    rows = await connection.execute(select(schema.changes.c.of, schema.changes.c.number))
    return {row.of: row.number for row in rows}


def check_address(url: str) -> None:
    """Raises: ConfigError when `storage.url` cannot be meant, or its driver is missing."""
    if url:
        _engine(url, StorageLimits())


def _engine(url: str, limits: StorageLimits) -> AsyncEngine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(
            "storage.url is no address of a database; leave it empty for SQLite in the data "
            "folder, or write postgresql://USER@HOST/NAME"
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        engine = create_async_engine(
            parsed.set(drivername="sqlite+aiosqlite"),
            pool_size=limits.readers + 1,
            max_overflow=0,
            connect_args={"timeout": limits.busy_s},
        )
        _prepare_sqlite(engine, limits)
        return engine
    if backend == "postgresql":
        try:
            return create_async_engine(
                parsed.set(drivername="postgresql+asyncpg"),
                pool_size=limits.readers + 1,
                max_overflow=0,
                pool_pre_ping=True,
                connect_args={"timeout": limits.connect_s, "command_timeout": limits.answer_s},
            )
        except (ImportError, NoSuchModuleError):
            raise ConfigError(
                "storage.url names PostgreSQL and its driver is missing: "
                f"{sys.executable} -m pip install asyncpg"
            ) from None
    raise ConfigError(f"storage.url is of the kind {backend}; sqlite and postgresql are supported")


def _prepare_sqlite(engine: AsyncEngine, limits: StorageLimits) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, record: object) -> None:
        # The driver's own ideas about when a transaction begins are switched off.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {round(limits.busy_s * 1000)}",
            "journal_mode = WAL",
            "synchronous = NORMAL",  # what a power cut may cost is the last moments, not the file
            "foreign_keys = ON",
            f"cache_size = -{limits.page_cache_kib}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@asynccontextmanager
async def _writer(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    # On the engine's copy, because a connection would keep the option in the pool.
    async with engine.execution_options(writes=True).begin() as connection:
        yield connection


def _migrate(connection: Connection) -> None:
    """Make the tables, or apply the revisions that are missing, under the writer's lock."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _POSTGRESQL_LOCK})
    if not connection.dialect.has_table(connection, _VERSION.name):
        # A test holds that the revisions leave the same.
        schema.metadata.create_all(connection, checkfirst=False)
        _VERSION.create(connection)
        connection.execute(insert(_VERSION).values(version_num=HEAD))
        return
    version = connection.execute(select(_VERSION.c.version_num)).scalar_one()
    if version == HEAD:
        return
    if version > HEAD:
        raise StorageUnavailable(
            f"the database is of a newer version of this program ({version}, not {HEAD}); "
            "run that version, or restore a backup"
        )
    upgrade(connection)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Apply Alembic's revisions up to one of them, within the caller's transaction."""
    # Loading it takes longer than all the rest, and it is needed once after an upgrade.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@asynccontextmanager
async def _in_words() -> AsyncIterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise StorageUnavailable(f"the database: {error.orig}") from error
    except TimeoutError as error:
        raise StorageUnavailable("the database does not answer") from error
    except (SQLAlchemyError, OSError) as error:
        raise StorageUnavailable(f"the database: {error}") from error
