"""What a start loads: nothing that takes long and can wait until the first meeting is possible."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tertulia.accounts.passwords import Account, keys_of
from tertulia.accounts.tables import Tables
from tertulia.storage.opening import open_storage

WITHIN_S = 30
# Each takes from 0.1 s to as long as all the rest.
HEAVY = ("sqlalchemy", "aiosqlite", "asyncpg", "alembic", "mako", "joserfc")
START = f"""
import asyncio, os, sys
from tertulia.config import load
from tertulia.server.running import serve

async def main():
    is_ready = asyncio.Event()
    def ready(url):
        print(*[name for name in {HEAVY} if name in sys.modules], flush=True)
        is_ready.set()
    loaded = load(environment=os.environ, command_line={{}})
    serving = asyncio.create_task(serve(loaded.config, ready))
    waiting = asyncio.create_task(is_ready.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    serving.cancel()

asyncio.run(main())
"""


async def with_an_account(data: Path) -> None:
    opened = await open_storage("", data)
    keys = keys_of("correct horse", iterations=4096)
    account = Account(name="ana", display_name="Ana", keys=keys)
    await Tables(opened.database, "localhost").accounts.add(account)
    await opened.database.close()


@pytest.mark.parametrize("has_been_used", [False, True])
def test_a_start_loads_neither_the_database_nor_tokens(tmp_path: Path, has_been_used: bool) -> None:
    if has_been_used:
        asyncio.run(with_an_account(tmp_path))
    settings = {
        "TERTULIA_HTTP_LISTEN": "127.0.0.1",
        "TERTULIA_HTTP_PORT": "0",
        "TERTULIA_MEDIA_PORT": "0",
        "TERTULIA_MONITOR_ENABLED": "false",
        "TERTULIA_MEDIA_ADDRESSES": "127.0.0.1",
        "TERTULIA_DATA": str(tmp_path),
    }

    started = subprocess.run(
        (sys.executable, "-c", START),
        env={**os.environ, **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )

    assert started.stdout == "\n", started.stdout + started.stderr
