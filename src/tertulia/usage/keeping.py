"""Writes down what has been counted, every few seconds; what cannot be written is tried again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Protocol

from tertulia.storage.errors import StorageUnavailable
from tertulia.usage.days import Day, day_of
from tertulia.usage.tally import Counted, Tally

log = logging.getLogger("tertulia.usage")

WRITE_EVERY_S = 2.0  # what a killed process costs


class UsageTable(Protocol):
    """Where days are kept. Each method may raise StorageUnavailable."""

    async def add(self, counted: Counted) -> None:
        """Add to what is there, all of it or nothing."""

    async def days(self, first: str, last: str) -> Mapping[str, Day]:
        """The days from the first to the last, those without a meeting left out."""

    async def months(self) -> list[str]:
        """The months of which something is kept, such as 2026-11, in their order."""

    async def forget(self, before: str, marks_before: str) -> None:
        """Delete the days, and what stands for rooms, of before a day each."""


class Keeper:
    """`run` it while the table is open. `retention_days`: 0 for keeping nothing."""

    def __init__(self, tally: Tally, clock: Callable[[], float], *, retention_days: int) -> None:
        self._tally = tally
        self._clock = clock
        self._retention_days = retention_days
        self._trouble = ""
        self._table: UsageTable | None = None
        self._forgot = ""

    @property
    def table(self) -> UsageTable:
        """Raises: StorageUnavailable until the database is open."""
        if self._table is None:
            raise StorageUnavailable("the database is not open yet")
        return self._table

    async def run(self, table: UsageTable) -> None:
        """Until cancelled; then what is left is written, if that works at once."""
        self._table = table
        try:
            while True:
                await self.write()
                await asyncio.sleep(WRITE_EVERY_S)
        finally:
            await self.write()

    async def write(self) -> None:
        """Write what was counted up to now. Never raises because of the database."""
        if self._table is None:
            return
        now_ms = int(self._clock() * 1000)
        counted = self._tally.take(now_ms)
        if not self._retention_days:
            return
        try:
            if counted.days:
                await self._table.add(counted)
            counted = Counted({}, {})
            await self._forget(day_of(now_ms))
        except StorageUnavailable as error:
            self._tally.give_back(counted)
            if not self._trouble:
                log.error("Usage counts cannot be written: %s", error)
            self._trouble = str(error)
            return
        if self._trouble:
            log.info("Usage counts are written again")
            self._trouble = ""

    async def _forget(self, today: str) -> None:
        if self._forgot == today:
            return
        before = date.fromisoformat(today) - timedelta(days=self._retention_days)
        # Rooms are told from one another within a month only.
        await self.table.forget(before.isoformat(), f"{today[:7]}-01")
        self._forgot = today
