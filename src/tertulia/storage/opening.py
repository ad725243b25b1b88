"""Opening the database of a site: where it is, and what is made of it. Loads SQLAlchemy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tertulia.storage.database import Database, StorageLimits, default_url
from tertulia.storage.journal_table import SqlJournalTable
from tertulia.storage.place import keep_private


@dataclass(frozen=True, slots=True)
class Opened:
    database: Database
    journal: SqlJournalTable


async def open_storage(url: str, data: Path, limits: StorageLimits | None = None) -> Opened:
    """
    Args:
        url: `storage.url`; "" for SQLite in the folder `data`.
    Raises: ConfigError, StorageUnavailable.
    """
    if not url:
        keep_private(data)
    database = await Database.open(url or default_url(data), limits)
    return Opened(database, SqlJournalTable(database))
