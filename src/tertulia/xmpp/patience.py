"""Deadlines for peers that leave out the time in which we were too busy to serve them.

When hundreds of people come at once, the event loop is seconds late, and an answer that a client
gave in time lies unread. Nobody is to be sent away for that: a deadline of `Patience` moves on by
what its clock, which looks at itself twenty times a second while anybody waits, was late.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_LOOK_S = 0.05
_EXACT_S = 0.002  # timers of event loops count in milliseconds


class Patience:
    """A clock that stands still while the event loop is late, and deadlines on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """`loop`: the one that is running when the first deadline is set, if omitted."""
        self._given = loop
        self._late_s = 0.0
        self._look_at = 0.0
        self._looking: asyncio.TimerHandle | None = None
        self._waiting = 0

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._given or asyncio.get_running_loop()

    def now(self) -> float:
        """Seconds since some moment, without those in which we were late."""
        now = self.loop.time()
        late = now - self._look_at if self._looking is not None else 0.0
        return now - self._late_s - max(0.0, late)

    def call_later(self, delay_s: float, call: Callable[[], object]) -> Deadline:
        """Call when `delay_s` have passed in which we were there to listen."""
        if not self._waiting:
            self._look_at = self.loop.time() + _LOOK_S
            self._looking = self.loop.call_later(_LOOK_S, self._look)
        self._waiting += 1
        return Deadline(self, delay_s, call)

    @asynccontextmanager
    async def timeout(self, delay_s: float) -> AsyncIterator[None]:
        """Like `asyncio.timeout`. Raises: TimeoutError."""
        async with asyncio.timeout(None) as scope:
            deadline = self.call_later(delay_s, lambda: scope.reschedule(self.loop.time()))
            try:
                yield
            finally:
                deadline.cancel()

    def _look(self) -> None:
        now = self.loop.time()
        self._late_s += max(0.0, now - self._look_at)
        self._look_at = now + _LOOK_S
        self._looking = self.loop.call_later(_LOOK_S, self._look)

    def _over(self) -> None:
        self._waiting -= 1
        if not self._waiting and self._looking is not None:
            self._looking.cancel()
            self._looking = None


class Deadline:
    """What `Patience.call_later` returns."""

    __slots__ = ("_call", "_due", "_patience", "_timer")

    def __init__(self, patience: Patience, delay_s: float, call: Callable[[], object]) -> None:
        self._patience = patience
        self._call: Callable[[], object] | None = call
        self._due = patience.now() + delay_s
        self._timer = patience.loop.call_later(delay_s, self._check)

    def cancel(self) -> None:
        """Nothing happens when it is over already."""
        if self._call is not None:
            self._call = None
            self._timer.cancel()
            self._patience._over()

    def _check(self) -> None:
        left = self._due - self._patience.now()
        if left > _EXACT_S:
            self._timer = self._patience.loop.call_later(left, self._check)
            return
        call = self._call
        self.cancel()
        if call is not None:
            call()
