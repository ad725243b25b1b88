"""Whose input is taken next when somebody says more than the others can wait for.

The first thing that a client says in a turn of the event loop is taken at once. What it has said
besides waits in a line, and in each turn those in the line are served in rotation, a piece of each,
for `XmppLimits.turn_s` together. In between the loop looks at everybody else, so that who says
little never waits for more than that.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """The line of all clients of one event loop. A client is any hashable object."""

    __slots__ = ("_clock", "_has_spoken", "_is_ticking", "_line", "_turn_s")

    def __init__(self, turn_s: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """
        Args:
            turn_s: seconds of each turn of the loop that go to those in the line. At least one
                piece is taken in a turn, however long it takes.
        """
        self._turn_s = turn_s
        self._clock = clock
        self._has_spoken: set[Hashable] = set()  # in this turn
        self._line: OrderedDict[Hashable, deque[tuple[Callable[[], None], float]]] = OrderedDict()
        self._is_ticking = False

    def call(self, speaker: Hashable, piece: Callable[[], None], costs_s: float = 0.0) -> None:
        """Have a piece taken: now, or when it is its turn. Pieces of one speaker keep their order.

        Args:
            costs_s: what a piece is charged at least, if its cost shows only later.
        """
        if costs_s or speaker in self._has_spoken or speaker in self._line:
            self._line.setdefault(speaker, deque()).append((piece, costs_s))
            self._tick_soon()
            return
        self._has_spoken.add(speaker)
        self._tick_soon()
        piece()

    async def take(self, speaker: Hashable, piece: Callable[[], T], costs_s: float = 0.0) -> T:
        """As `call`; returns what the piece returned, or raises what it raised."""
        taken: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.call(speaker, partial(_settle, taken, piece), costs_s)
        return taken.result() if taken.done() else await taken

    @property
    def waiting(self) -> int:
        """How many clients are in the line."""
        return len(self._line)

    def _tick_soon(self) -> None:
        if not self._is_ticking:
            self._is_ticking = True
            asyncio.get_running_loop().call_soon(self._tick)

    def _tick(self) -> None:
        """Another turn of the loop: serve the line for as long as it may have."""
        self._is_ticking = False
        self._has_spoken.clear()
        until = self._clock() + self._turn_s
        try:
            while self._line:
                speaker, pieces = self._line.popitem(last=False)
                piece, costs_s = pieces.popleft()
                if pieces:
                    self._line[speaker] = pieces  # behind the others
                self._has_spoken.add(speaker)
                until -= costs_s
                piece()
                if self._clock() >= until:
                    break
        finally:  # a bug in one piece must not cost the others theirs
            if self._line or self._has_spoken:
                self._tick_soon()


def _settle(taken: asyncio.Future[T], piece: Callable[[], T]) -> None:
    if taken.done():  # who waited for it has been cancelled
        return
    try:
        taken.set_result(piece())
    except Exception as error:  # for whoever waits for it
        taken.set_exception(error)
