"""What happens in rooms, noted without waiting: chat, polls, attendance.

`note` takes an entry at once and one task writes what has gathered. While the database cannot be
written the newest `waiting` entries are held and tried again; older ones are dropped and counted.
The SQL is in `journal_table`; without loading it a journal can be handed to whoever notes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tertulia.storage.errors import StorageUnavailable

log = logging.getLogger("tertulia.storage")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLimits:
    waiting: int = 10_000  # entries held in memory
    batch: int = 500  # entries written at once
    retry_s: float = 5.0
    read: int = 1_000  # entries given at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened; `content` is whatever JSON can say."""

    room: str  # the node of its address
    meeting: str
    kind: str
    at_ms: int
    content: Mapping[str, Any]
    number: int = 0  # given when it is written


class JournalTable(Protocol):
    """Where entries are kept. Each method may raise StorageUnavailable."""

    async def append(self, entries: Sequence[Entry]) -> None:
        """Write all of them, or none."""

    async def read(
        self, room: str, kind: str, *, meeting: str, since_ms: int, newest: int
    ) -> list[Entry]: ...

    async def forget(
        self, kinds: Sequence[str], *, room: str, meeting: str, before_ms: int | None
    ) -> int: ...


class Journal:
    """`note` may be called at any time; what is noted is written while `run` runs."""

    def __init__(self, limits: JournalLimits | None = None) -> None:
        self._limits = limits or JournalLimits()
        self._table: JournalTable | None = None
        self._is_open = asyncio.Event()
        self._waiting: deque[Entry] = deque()
        self._something = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.lost = 0  # entries dropped since the start
        self.trouble = ""  # why the last writing failed; "" while it works

    def note(self, entry: Entry) -> None:
        """Queue an entry; never waits, never raises."""
        if len(self._waiting) >= self._limits.waiting:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(entry)
        self._idle.clear()
        self._something.set()

    async def run(self, table: JournalTable) -> None:
        """Write what is noted, until cancelled; then what is left, if that works at once."""
        self._table = table
        self._is_open.set()
        try:
            while True:
                await self._something.wait()
                if not await self._write(table):
                    await asyncio.sleep(self._limits.retry_s)
        finally:
            while self._waiting and await self._write(table):
                pass

    async def written(self) -> None:
        """Wait until nothing is queued."""
        await self._idle.wait()

    async def read(
        self, room: str, kind: str, *, meeting: str = "", since_ms: int = 0, newest: int = 0
    ) -> list[Entry]:
        """The entries of a room that are written, in the order in which they were noted. Waits for
        `run` to begin.

        Args:
            meeting: only of this meeting.
            newest: only so many, the last ones; at most `JournalLimits.read` in any case.
        Raises: StorageUnavailable.
        """
        limit = min(newest or self._limits.read, self._limits.read)
        table = await self._opened()
        return await table.read(room, kind, meeting=meeting, since_ms=since_ms, newest=limit)

    async def forget(
        self,
        kinds: Sequence[str],
        *,
        room: str = "",
        meeting: str = "",
        before_ms: int | None = None,
    ) -> int:
        """Delete entries of these kinds: of a room, of a meeting, older than a time, or all. Waits
        for `run` to begin.

        Returns: how many. Raises: StorageUnavailable.
        """
        table = await self._opened()
        return await table.forget(kinds, room=room, meeting=meeting, before_ms=before_ms)

    async def _opened(self) -> JournalTable:
        """The table, once there is one: `run` may begin after people have come in."""
        await self._is_open.wait()
        assert self._table is not None
        return self._table

    async def _write(self, table: JournalTable) -> bool:
        batch = [self._waiting[i] for i in range(min(len(self._waiting), self._limits.batch))]
        if not batch:
            self._something.clear()
            self._idle.set()
            return True
        lost = self.lost
        try:
            await table.append(batch)
        except StorageUnavailable as error:
            if not self.trouble:
                log.error("The journal of rooms cannot be written: %s", error)
            self.trouble = str(error)
            return False
        if self.trouble:
            log.info("The journal of rooms is written again: lost=%d", self.lost)
            self.trouble = ""
        # What was dropped meanwhile to make room came from the front: it has been written now.
        dropped = min(self.lost - lost, len(batch))
        self.lost -= dropped
        for _ in range(len(batch) - dropped):
            self._waiting.popleft()
        return True
