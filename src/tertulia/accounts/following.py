"""Keeps accounts and kept rooms in memory up with the database, which commands change too."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from tertulia.accounts.directory import Directory
from tertulia.accounts.errors import AccountError
from tertulia.accounts.kept_rooms import KeptRooms
from tertulia.accounts.logins import Logins
from tertulia.accounts.passwords import Account
from tertulia.rooms.kept import KeptRoom
from tertulia.storage.errors import StorageUnavailable

log = logging.getLogger("tertulia.accounts")

LOOK_EVERY_S = 1.0


class _Accounts(Protocol):
    async def all(self) -> Sequence[Account]: ...


class _Rooms(Protocol):
    async def all(self) -> Mapping[str, KeptRoom]: ...

    async def put(self, name: str, room: KeptRoom) -> None: ...


class _Tables(Protocol):
    @property
    def accounts(self) -> _Accounts: ...

    @property
    def rooms(self) -> _Rooms: ...

    async def change_numbers(self) -> tuple[int, int]: ...


class Following:
    """`load` once before anybody comes in, then `run` beside everything else."""

    def __init__(
        self,
        tables: _Tables,
        directory: Directory,
        kept_rooms: KeptRooms,
        logins: Logins,
        host: str,
    ) -> None:
        self._tables = tables
        self._directory = directory
        self._kept_rooms = kept_rooms
        self._logins = logins
        self._host = host
        self._seen = (-1, -1)
        self._is_in_trouble = False

    async def load(self) -> None:
        """Read what has changed since the last time. Raises: StorageUnavailable."""
        # The numbers first: what changes while we read is read again the next time.
        accounts, rooms = numbers = await self._tables.change_numbers()
        if accounts != self._seen[0]:
            for name in self._directory.replace(await self._tables.accounts.all()):
                self._logins.end_of(f"{name}@{self._host}")
        if rooms != self._seen[1]:
            self._kept_rooms.replace(await self._tables.rooms.all())
        self._seen = numbers

    async def save(self) -> None:
        """Write what owners have changed in their rooms. Raises: StorageUnavailable."""
        for name, room in self._kept_rooms.unsaved().items():
            try:
                await self._tables.rooms.put(name, room)
            except AccountError as error:  # it, or its owner, was removed meanwhile
                log.info("A change of a room is lost: %s", error)
            self._kept_rooms.saved(name, room)

    async def run(self) -> None:
        """Until cancelled. While the database is away everything stays as it was."""
        try:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                await self._once()
        finally:
            await self._once()

    async def _once(self) -> None:
        try:
            await self.save()
            await self.load()
        except StorageUnavailable as error:
            if not self._is_in_trouble:
                log.error("Accounts and rooms are as they were, the database is away: %s", error)
            self._is_in_trouble = True
            return
        if self._is_in_trouble:
            log.info("Accounts and rooms follow the database again")
            self._is_in_trouble = False
