"""The beat of the bridge process, on a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tertulia.bridge.pulse import LEAST_APART_S, STANDS_IN_S, Duty, Pulse


class Clock:
    """Stands for the event loop: time passes when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: self.now, raising=False)
        monkeypatch.setattr(loop, "call_later", self._call_later, raising=False)

    def _call_later(self, delay: float, do: Callable[[], None]) -> asyncio.TimerHandle:
        self.timers.append((self.now + delay, do))
        return asyncio.TimerHandle(self.now + delay, do, (), asyncio.get_running_loop())

    def ring(self) -> None:
        """Let the timer that was set last go off."""
        self.now, do = self.timers[-1]
        do()


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def test_it_beats_with_the_reports_and_not_more_often(clock: Clock) -> None:
    done: list[float] = []
    pulse = Pulse([Duty(0.1, lambda: done.append(clock.now))], lambda _: None)

    for _ in range(10):
        clock.now += LEAST_APART_S * 0.6
        pulse.reported()

    assert len(done) == 5


async def test_without_reports_a_timer_stands_in(clock: Clock) -> None:
    done: list[float] = []
    Pulse([Duty(0.1, lambda: done.append(clock.now))], lambda _: None)

    clock.ring()
    clock.ring()

    assert done == pytest.approx([100 + STANDS_IN_S, 100 + 2 * STANDS_IN_S])


async def test_each_duty_has_its_own_interval(clock: Clock) -> None:
    often: list[float] = []
    seldom: list[float] = []
    duties = [
        Duty(0.1, lambda: often.append(clock.now)),
        Duty(1.0, lambda: seldom.append(clock.now)),
    ]
    pulse = Pulse(duties, lambda _: None)

    for _ in range(30):
        clock.now += 0.1
        pulse.reported()

    assert (len(often), len(seldom)) == (30, 3)


async def test_a_loop_that_was_busy_is_told_of(clock: Clock) -> None:
    lags: list[float] = []
    pulse = Pulse([], lags.append)

    clock.now += 0.1
    pulse.reported()
    clock.now += STANDS_IN_S + 2.0
    pulse.reported()

    assert lags == pytest.approx([0.0, 2.0])


async def test_a_bug_ends_it_and_is_raised(clock: Clock) -> None:
    def broken() -> None:
        raise RuntimeError("a bug")

    pulse = Pulse([Duty(0.1, broken)], lambda _: None)

    clock.ring()

    with pytest.raises(RuntimeError, match="a bug"):
        await pulse.keep()
