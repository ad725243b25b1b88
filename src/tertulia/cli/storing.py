"""What commands share that change the database of a server, running or not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from tertulia.config import Config
from tertulia.errors import ConfigError

if TYPE_CHECKING:
    from tertulia.accounts.tables import Tables
    from tertulia.usage.days import Day


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Tables]:
    """The tables of the site. Raises: ConfigError, StorageUnavailable."""
    # Imported here: the other commands start without them.
    from tertulia.accounts.tables import Tables  # noqa: PLC0415
    from tertulia.storage.opening import open_storage  # noqa: PLC0415

    make_folder(config)
    storage = await open_storage(config.storage.url, config.data)
    try:
        yield Tables(storage.database, config.host)
    finally:
        await storage.database.close()


async def usage_days(config: Config, first: str, last: str) -> dict[str, Day]:
    """What was counted on these days. Raises: ConfigError, StorageUnavailable."""
    from tertulia.storage.opening import open_storage  # noqa: PLC0415
    from tertulia.usage.table import SqlUsageTable  # noqa: PLC0415

    make_folder(config)
    storage = await open_storage(config.storage.url, config.data)
    try:
        return await SqlUsageTable(storage.database).days(first, last)
    finally:
        await storage.database.close()


@contextmanager
def mistakes() -> Iterator[None]:
    """Errors about accounts, rooms and the database as the operator's: one line, status 2."""
    from tertulia.accounts.errors import AccountError  # noqa: PLC0415
    from tertulia.storage.errors import StorageUnavailable  # noqa: PLC0415

    try:
        yield
    except (AccountError, StorageUnavailable) as error:
        raise ConfigError(str(error)) from None


def make_folder(config: Config) -> None:
    """Raises: ConfigError."""
    try:
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"{config.data}: cannot be made ({error.strerror}); "
            "name a folder you can write with --data"
        ) from None
