"""The database, of both kinds: tables by migration, one writer, what goes wrong in plain words."""

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
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from tests.postgresql import Cluster

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
    "is_admin": False,
}


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        return list(await connection.scalars(select(schema.accounts.c.name)))


def difference(connection: Connection) -> object:
    return compare_metadata(MigrationContext.configure(connection), schema.metadata)


async def emptied(url: str) -> AsyncEngine:
    """A database that was used, and has no tables now."""
    await (await Database.open(url)).close()
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        await connection.run_sync(schema.metadata.drop_all)
        await connection.execute(text("DROP TABLE alembic_version"))
    return engine


def revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def test_the_revisions_make_what_the_schema_says(database_url: str) -> None:
    engine = await emptied(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(upgrade)

        assert await connection.run_sync(difference) == []
        assert await connection.run_sync(revision) == migrations.HEAD
    await engine.dispose()


async def test_a_new_database_is_what_the_revisions_make(database_url: str) -> None:
    database = await Database.open(database_url)

    async with database.read() as connection:
        assert await connection.run_sync(difference) == []
        assert await connection.run_sync(revision) == migrations.HEAD
    await database.close()


async def test_a_database_of_an_older_version_is_brought_up_to_date(database_url: str) -> None:
    engine = await emptied(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(upgrade, "0001")
        old = [each for each in schema.accounts.columns if each.name != "is_admin"]
        await connection.execute(insert(schema.accounts).values({c.name: ANA[c.name] for c in old}))
    await engine.dispose()

    database = await Database.open(database_url)

    async with database.read() as connection:
        assert await connection.run_sync(difference) == []
        (ana,) = (await connection.execute(select(schema.accounts))).mappings()
    assert dict(ana) == {**ANA, "is_admin": False}
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


async def test_what_was_written_is_there_after_it_was_opened_again(database_url: str) -> None:
    database = await Database.open(database_url)
    async with database.write() as connection:
        await connection.execute(insert(schema.accounts).values(ANA))
    await database.close()

    again = await Database.open(database_url)

    assert await names(again) == ["ana"]
    await again.close()


async def test_a_block_that_fails_writes_nothing(database_url: str) -> None:
    database = await Database.open(database_url)

    with pytest.raises(ZeroDivisionError):
        async with database.write() as connection:
            await connection.execute(insert(schema.accounts).values(ANA))
            raise ZeroDivisionError

    assert await names(database) == []
    await database.close()


async def test_writers_take_turns_and_readers_do_not_wait(database_url: str) -> None:
    database = await Database.open(database_url)
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


async def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    database = await Database.open(database_url)
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()

    with pytest.raises(StorageUnavailable, match="newer version"):
        await Database.open(database_url)


@pytest.mark.parametrize("url", ["nonsense", "mysql://h/d", "sqlite"])
async def test_an_address_that_cannot_be_meant_is_the_operators_mistake(url: str) -> None:
    with pytest.raises(ConfigError, match=r"storage\.url"):
        await Database.open(url)


async def test_changes_are_counted(database_url: str) -> None:
    database = await Database.open(database_url)
    async with database.write() as connection:
        await note_change(connection, "rooms")
        await note_change(connection, "rooms")
        await note_change(connection, "accounts")

    async with database.read() as connection:
        assert await change_numbers(connection) == {"rooms": 2, "accounts": 1}
    await database.close()


@pytest.mark.parametrize("version", ["", "0001"])
async def test_who_opens_it_at_once_makes_and_upgrades_it_once(
    database_url: str, version: str
) -> None:
    engine = await emptied(database_url)
    if version:
        async with engine.begin() as connection:
            await connection.run_sync(upgrade, version)
    await engine.dispose()

    async def use() -> None:
        database = await Database.open(database_url)
        async with database.write() as connection:
            await note_change(connection, "rooms")
        await database.close()

    await asyncio.gather(*(use() for _ in range(4)))

    database = await Database.open(database_url)
    async with database.read() as connection:
        assert await connection.run_sync(difference) == []
        assert await change_numbers(connection) == {"rooms": 4}
    await database.close()


async def test_two_processes_that_start_after_an_upgrade_share_the_database(
    postgresql: Cluster,
) -> None:
    """Nothing that they would share in memory helps: both see the old version before they begin."""
    engine = await emptied(url := postgresql.create())
    async with engine.begin() as connection:
        await connection.run_sync(upgrade, "0001")
    await engine.dispose()
    program = (
        "import asyncio, sys, alembic.command; from tertulia.storage.database import Database\n"
        "async def main():\n"
        f"    await (await Database.open({url!r})).close()\n"
        "print('loaded', flush=True)\n"
        "sys.stdin.read(1)\n"
        "asyncio.run(main())"
    )
    both = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for each in both:
        assert each.stdout is not None
        assert await each.stdout.readline() == b"loaded\n"

    await asyncio.gather(*(each.communicate(b"x") for each in both))

    assert [each.returncode for each in both] == [0, 0]
    database = await Database.open(url)
    async with database.read() as connection:
        assert await connection.run_sync(difference) == []
    await database.close()


class TestAPostgreSQL:
    """What only a server can do to us."""

    async def test_what_is_wrong_with_its_address_is_said(self, postgresql: Cluster) -> None:
        for url, reason in (
            (postgresql.url("elsewhere"), 'database "elsewhere" does not exist'),
            (postgresql.url("postgres", user="ana"), 'role "ana" does not exist'),
            ("postgresql://tests@/t?host=/nowhere", "No such file"),
            ("postgresql://tests@127.0.0.1:1/t", "refused|Connect call failed"),
        ):
            with pytest.raises(StorageUnavailable, match=reason):
                await Database.open(url)

    async def test_connections_that_it_ends_are_made_anew(self, postgresql: Cluster) -> None:
        database = await Database.open(url := postgresql.create())
        async with database.write() as connection:
            await connection.execute(insert(schema.accounts).values(ANA))

        await asyncio.to_thread(postgresql.cut, url, for_good=False)

        assert await names(database) == ["ana"]
        await database.close()

    async def test_while_it_takes_no_connections_it_is_unavailable(
        self, postgresql: Cluster
    ) -> None:
        database = await Database.open(url := postgresql.create())
        await asyncio.to_thread(postgresql.cut, url, for_good=True)

        with pytest.raises(StorageUnavailable, match="not permitted to log in"):
            await names(database)

        await asyncio.to_thread(postgresql.mend, url)
        assert await names(database) == []
        await database.close()

    async def test_a_connection_that_is_ended_in_the_middle_writes_nothing(
        self, postgresql: Cluster
    ) -> None:
        database = await Database.open(url := postgresql.create())

        with pytest.raises(StorageUnavailable):
            async with database.write() as connection:
                await connection.execute(insert(schema.accounts).values(ANA))
                await asyncio.to_thread(postgresql.cut, url, for_good=False)
                await connection.execute(insert(schema.accounts).values(ANA | {"name": "bea"}))

        assert await names(database) == []
        await database.close()

    async def test_one_that_does_not_answer_is_given_up(self, postgresql: Cluster) -> None:
        url = postgresql.create()
        database = await Database.open(url, StorageLimits(answer_s=0.2))
        other = await Database.open(url)
        async with other.write() as locking:
            await locking.execute(text("LOCK TABLE accounts"))

            with pytest.raises(StorageUnavailable, match="does not answer"):
                await names(database)

        assert await names(database) == []
        await database.close()
        await other.close()
