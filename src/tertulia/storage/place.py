"""Where the SQLite file of a site is."""

from __future__ import annotations

import os
from pathlib import Path

from tertulia.storage.errors import StorageUnavailable

FILE_NAME = "tertulia.sqlite3"


def keep_private(data: Path) -> None:
    """Make the SQLite file before anybody else could read it: it has keys of passwords."""
    file = data / FILE_NAME
    try:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StorageUnavailable(f"{file}: {error.strerror}") from None
