"""Deadlines that leave out the time in which the event loop was late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from tertulia.xmpp.patience import Patience


class Timer:
    def __init__(self, at: float, call: Callable[[], object]) -> None:
        self.at = at
        self.call = call
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """Time that passes when it is told to, smoothly or in one piece."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], object]) -> Timer:
        timer = Timer(self.now + delay, call)
        self.timers.append(timer)
        return timer

    def passes(self, seconds: float) -> None:
        end = self.now + seconds
        while (timer := self._next()) is not None and timer.at <= end:
            self.now = max(self.now, timer.at)
            self._run(timer)
        self.now = end

    def stands_still(self, seconds: float) -> None:
        """As if one callback had taken so long: then all that is due runs, late."""
        self.now += seconds
        while (timer := self._next()) is not None and timer.at <= self.now:
            self._run(timer)

    def _next(self) -> Timer | None:
        self.timers = [each for each in self.timers if not each.is_cancelled]
        return min(self.timers, key=lambda each: each.at, default=None)

    def _run(self, timer: Timer) -> None:
        self.timers.remove(timer)
        timer.call()


def patient() -> tuple[Loop, Patience, list[float]]:
    loop = Loop()
    patience = Patience(cast(asyncio.AbstractEventLoop, loop))
    over: list[float] = []
    patience.call_later(10.0, lambda: over.append(loop.now))
    return loop, patience, over


def test_who_is_listened_to_has_just_the_time_of_the_limit() -> None:
    loop, _, over = patient()

    loop.passes(9.9)
    assert over == []
    loop.passes(0.2)

    assert over == [pytest.approx(1_010.0, abs=0.01)]


def test_time_in_which_we_were_late_does_not_count() -> None:
    loop, _, over = patient()

    loop.passes(4.0)
    loop.stands_still(30.0)
    loop.passes(5.9)
    assert over == []
    loop.passes(0.3)

    assert len(over) == 1


def test_many_short_delays_count_like_a_long_one() -> None:
    loop, _, over = patient()

    for _ in range(100):  # a fifth of it is ours at most: each look comes 0.2 s late
        loop.stands_still(0.25)

    assert over == []


def test_a_deadline_that_is_called_off_leaves_nothing_behind() -> None:
    loop = Loop()
    patience = Patience(cast(asyncio.AbstractEventLoop, loop))
    over: list[bool] = []
    first = patience.call_later(1.0, lambda: over.append(True))
    second = patience.call_later(2.0, lambda: over.append(True))

    first.cancel()
    first.cancel()
    loop.passes(1.5)
    second.cancel()
    loop.passes(5.0)

    assert over == []
    assert loop.timers == []


async def test_a_timeout_ends_what_takes_too_long() -> None:
    patience = Patience()
    with pytest.raises(TimeoutError):
        async with patience.timeout(0.01):
            await asyncio.Event().wait()
    async with patience.timeout(60.0):
        pass
