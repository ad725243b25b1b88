"""What a server has to know of its database before anybody comes in, without loading SQLAlchemy.

That takes longer than the rest of a start. The tables of an SQLite file can be read by the standard
library too; nothing is ever written here.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tertulia.storage.migrations import HEAD
from tertulia.storage.place import FILE_NAME

_BUSY_S = 5.0  # how long to wait for a command that is writing


@dataclass(frozen=True, slots=True)
class FirstLook:
    """Rows of tables, by the names of their columns."""

    accounts: list[dict[str, Any]] = field(default_factory=list)
    rooms: list[dict[str, Any]] = field(default_factory=list)


def first_look(url: str, data: Path) -> FirstLook | None:
    """Read them; None where the database has to be opened for it: it is of another kind, not of
    this version, or something is wrong with it.

    Args:
        url: `storage.url`; "" for SQLite in the folder `data`.
    """
    if url:
        return None
    file = data / FILE_NAME
    if not file.exists():
        return FirstLook()
    try:
        # To be written to if need be: what a killed process left is put in order by the reading.
        with closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_S)
        ) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("BEGIN")
            version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            if version is None or version[0] != HEAD:
                return None
            return FirstLook(
                accounts=list(map(dict, connection.execute("SELECT * FROM accounts"))),
                rooms=list(map(dict, connection.execute("SELECT * FROM rooms"))),
            )
    except sqlite3.Error:
        return None
