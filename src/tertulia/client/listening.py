"""Events on their way to one `events()`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from tertulia.client.events import Ended, Event

MOST_WAITING = 10_000  # the oldest are lost then


class EventQueue(AsyncIterator[Event]):
    """What one `events()` has not yet taken."""

    def __init__(self, first: list[Event]) -> None:
        self._waiting: deque[Event] = deque(first, maxlen=MOST_WAITING)
        self._wake = asyncio.Event()
        self._is_over = False

    def put(self, event: Event) -> None:
        self._waiting.append(event)
        self._wake.set()

    async def __anext__(self) -> Event:
        if self._is_over:
            raise StopAsyncIteration
        while not self._waiting:
            self._wake.clear()
            await self._wake.wait()
        event = self._waiting.popleft()
        self._is_over = isinstance(event, Ended)
        return event
