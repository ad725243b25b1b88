"""Accounts and kept rooms in the database. Each method may raise StorageUnavailable."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select, update

from tertulia.accounts.errors import AccountError
from tertulia.accounts.passwords import Account, written
from tertulia.accounts.rows import account_of, room_of
from tertulia.rooms.kept import KeptRoom
from tertulia.storage.database import Database, change_numbers, note_change
from tertulia.storage.schema import accounts, rooms
from tertulia.xmpp.sasl import ScramKeys

ACCOUNTS, ROOMS = "accounts", "rooms"


class AccountTable:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Account]:
        """By name."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(accounts).order_by(accounts.c.name))
            return [account_of(dict(row)) for row in rows.mappings()]

    async def add(self, account: Account) -> None:
        """Raises: AccountError when there is one of that name."""
        async with self._database.write() as connection:
            same = accounts.c.name == account.name
            if (await connection.execute(select(accounts.c.name).where(same))).first() is not None:
                raise AccountError(f"there is an account {account.name} already")
            await connection.execute(
                insert(accounts).values(
                    name=account.name,
                    display_name=account.display_name,
                    created_ms=account.created_ms,
                    is_admin=account.is_admin,
                    **_columns(account.keys),
                )
            )
            await note_change(connection, ACCOUNTS)

    async def set_keys(self, name: str, keys: dict[str, ScramKeys]) -> None:
        """Raises: AccountError when there is no such account."""
        await self._set(name, _columns(keys))

    async def set_admin(self, name: str, *, is_admin: bool) -> None:
        """Raises: AccountError when there is no such account."""
        await self._set(name, {"is_admin": is_admin})

    async def _set(self, name: str, values: dict[str, Any]) -> None:
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(accounts).where(accounts.c.name == name).values(**values)
            )
            if changed.rowcount == 0:
                raise AccountError(f"there is no account {name}")
            await note_change(connection, ACCOUNTS)

    async def remove(self, name: str) -> None:
        """Raises: AccountError when there is no such account, or it owns rooms."""
        async with self._database.write() as connection:
            owned = await connection.scalars(select(rooms.c.name).where(rooms.c.owner == name))
            if names := list(owned):
                raise AccountError(
                    f"{name} owns the room {names[0]}; give it to somebody else first "
                    f"(tertulia room set {names[0]} --owner NAME) or remove it"
                )
            gone = await connection.execute(delete(accounts).where(accounts.c.name == name))
            if gone.rowcount == 0:
                raise AccountError(f"there is no account {name}")
            await note_change(connection, ACCOUNTS)


class RoomTable:
    """Owners are names of accounts here; in memory they are addresses at `host`."""

    def __init__(self, database: Database, host: str) -> None:
        self._database = database
        self._host = host

    async def all(self) -> dict[str, KeptRoom]:
        """By the node of their addresses."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(rooms).order_by(rooms.c.name))
            return {row["name"]: room_of(dict(row), self._host) for row in rows.mappings()}

    async def add(self, name: str, room: KeptRoom, created_ms: int) -> None:
        """Raises: AccountError when it is kept already, or its owner does not exist."""
        async with self._database.write() as connection:
            same = select(rooms.c.name).where(rooms.c.name == name)
            if (await connection.execute(same)).first() is not None:
                raise AccountError(f"the room {name} is kept already; change it with room set")
            await self._check_owner(connection, room)
            await connection.execute(
                insert(rooms).values(name=name, created_ms=created_ms, **self._values(room))
            )
            await note_change(connection, ROOMS)

    async def put(self, name: str, room: KeptRoom) -> None:
        """Change a room. Raises: AccountError when it is not kept, or its owner does not exist."""
        async with self._database.write() as connection:
            await self._check_owner(connection, room)
            changed = await connection.execute(
                update(rooms).where(rooms.c.name == name).values(**self._values(room))
            )
            if changed.rowcount == 0:
                raise AccountError(f"the room {name} is not kept; add it with room add")
            await note_change(connection, ROOMS)

    async def remove(self, name: str) -> None:
        """Raises: AccountError when it is not kept."""
        async with self._database.write() as connection:
            gone = await connection.execute(delete(rooms).where(rooms.c.name == name))
            if gone.rowcount == 0:
                raise AccountError(f"the room {name} is not kept")
            await note_change(connection, ROOMS)

    async def _check_owner(self, connection: Any, room: KeptRoom) -> None:
        name = room.owner.partition("@")[0]
        same = select(accounts.c.name).where(accounts.c.name == name)
        if name and (await connection.execute(same)).first() is None:
            raise AccountError(f"there is no account {name}; make it with user add")

    def _values(self, room: KeptRoom) -> dict[str, Any]:
        return {
            "owner": room.owner.partition("@")[0],
            "password": room.password,
            "lobby": room.lobby,
            "members_only": room.members_only,
            "start_audio_muted": room.start_audio_muted,
            "start_video_muted": room.start_video_muted,
            "may_open": room.may_open,
            "chat_retention": room.chat_retention,
        }


class Tables:
    """Both, and how often each was changed."""

    def __init__(self, database: Database, host: str) -> None:
        self.accounts = AccountTable(database)
        self.rooms = RoomTable(database, host)
        self._database = database

    async def change_numbers(self) -> tuple[int, int]:
        """Of accounts and of rooms."""
        async with self._database.read() as connection:
            numbers = await change_numbers(connection)
            return numbers.get(ACCOUNTS, 0), numbers.get(ROOMS, 0)


def _columns(keys: dict[str, ScramKeys]) -> dict[str, str]:
    return {f"scram_{name}": written(each) for name, each in keys.items()}
