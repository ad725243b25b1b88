"""The database: tables by migration, one writer, and plain words for what goes wrong."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, insert, select

from tertulia.errors import ConfigError
from tertulia.storage import migrations, schema
from tertulia.storage.database import (
    Database,
    StorageLimits,
    change_numbers,
    default_url,
    note_change,
    upgrade,
)
from tertulia.storage.errors import StorageUnavailable
from tertulia.storage.place import FILE_NAME

ANA = {
    "name": "ana",
    "display_name": "Ana",
    "scram_sha1": "-",
    "scram_sha256": "-",
    "created_ms": 1,
}


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        return list(await connection.scalars(select(schema.accounts.c.name)))


def difference(connection: Connection) -> object:
    return compare_metadata(MigrationContext.configure(connection), schema.metadata)


def test_the_revisions_make_what_the_schema_says(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / FILE_NAME}")
    with engine.begin() as connection:
        upgrade(connection)

        assert difference(connection) == []
        assert MigrationContext.configure(connection).get_current_revision() == migrations.HEAD
    engine.dispose()


async def test_a_new_database_is_what_the_revisions_make(tmp_path: Path) -> None:
    database = await Database.open(default_url(tmp_path))

    def revision(connection: Connection) -> object:
        return MigrationContext.configure(connection).get_current_revision()

    async with database.read() as connection:
        assert await connection.run_sync(difference) == []
        assert await connection.run_sync(revision) == migrations.HEAD
    await database.close()


def test_the_newest_revision_is_the_one_that_opens_without_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


async def test_an_open_of_a_database_that_is_up_to_date_leaves_alembic_alone(
    tmp_path: Path,
) -> None:
    await (await Database.open(default_url(tmp_path))).close()
    program = (
        "import asyncio, sys; from tertulia.storage.database import Database\n"
        f"asyncio.run(Database.open({default_url(tmp_path)!r}))\n"
        "sys.exit('alembic' in sys.modules)"
    )

    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=False)

    assert done.returncode == 0


async def test_what_was_written_is_there_after_it_was_opened_again(tmp_path: Path) -> None:
    database = await Database.open(default_url(tmp_path))
    async with database.write() as connection:
        await connection.execute(insert(schema.accounts).values(ANA))
    await database.close()

    again = await Database.open(default_url(tmp_path))

    assert await names(again) == ["ana"]
    await again.close()


async def test_a_block_that_fails_writes_nothing(tmp_path: Path) -> None:
    database = await Database.open(default_url(tmp_path))

    with pytest.raises(ZeroDivisionError):
        async with database.write() as connection:
            await connection.execute(insert(schema.accounts).values(ANA))
            raise ZeroDivisionError

    assert await names(database) == []
    await database.close()


async def test_writers_take_turns_and_readers_do_not_wait(tmp_path: Path) -> None:
    database = await Database.open(default_url(tmp_path))
    inside = 0

    async def write(name: str) -> None:
        nonlocal inside
        async with database.write() as connection:
            inside += 1
            assert inside == 1
            await connection.execute(insert(schema.accounts).values(ANA | {"name": name}))
            assert "z" not in await names(database)
            inside -= 1

    await asyncio.gather(*(write(f"a{n}") for n in range(5)))

    assert await names(database) == [f"a{n}" for n in range(5)]
    await database.close()


async def test_a_database_locked_by_another_program_is_named(tmp_path: Path) -> None:
    database = await Database.open(default_url(tmp_path), StorageLimits(busy_s=0.05))
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageUnavailable, match="database is locked"):
        async with database.write() as connection:
            await connection.execute(insert(schema.accounts).values(ANA))
    assert await names(database) == []  # reading goes on

    other.execute("ROLLBACK")
    other.close()
    async with database.write() as connection:
        await connection.execute(insert(schema.accounts).values(ANA))
    assert await names(database) == ["ana"]
    await database.close()


async def test_a_full_disk_is_named_and_what_was_there_stays(tmp_path: Path) -> None:
    database = await Database.open(default_url(tmp_path))
    async with database.write() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")

    with pytest.raises(StorageUnavailable, match="full"):
        async with database.write() as connection:
            many = [ANA | {"name": f"{n:0100}"} for n in range(200)]
            await connection.execute(insert(schema.accounts), many)

    assert await names(database) == []
    await database.close()


async def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"a letter to my aunt" * 100)

    with pytest.raises(StorageUnavailable, match="not a database"):
        await Database.open(default_url(tmp_path))


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    await (await Database.open(default_url(tmp_path))).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    other.close()

    with pytest.raises(StorageUnavailable, match="newer version"):
        await Database.open(default_url(tmp_path))


@pytest.mark.parametrize("url", ["nonsense", "mysql://h/d", "sqlite"])
async def test_an_address_that_cannot_be_meant_is_the_operators_mistake(url: str) -> None:
    with pytest.raises(ConfigError, match=r"storage\.url"):
        await Database.open(url)


async def test_changes_are_counted(tmp_path: Path) -> None:
    database = await Database.open(default_url(tmp_path))
    async with database.write() as connection:
        await note_change(connection, "rooms")
        await note_change(connection, "rooms")
        await note_change(connection, "accounts")

    async with database.read() as connection:
        assert await change_numbers(connection) == {"rooms": 2, "accounts": 1}
    await database.close()
