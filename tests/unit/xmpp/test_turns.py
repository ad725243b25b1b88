"""Who says much waits for who says little, and nothing is lost or changes its place."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from tertulia.xmpp.turns import Turns


class Clock:
    """Time that passes only when a piece takes some."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Table:
    """What was taken, in this order; each piece takes a millisecond."""

    def __init__(self, turn_s: float = 0.002) -> None:
        self.clock = Clock()
        self.turns = Turns(turn_s, self.clock)
        self.taken: list[str] = []

    def says(self, who: str, *words: str) -> None:
        for word in words:
            self.turns.call(who, partial(self._take, word))

    def _take(self, word: str) -> None:
        self.clock.now += 0.001
        self.taken.append(word)

    async def until_nobody_waits(self) -> None:
        while self.turns.waiting:  # noqa: ASYNC110  # it is the loop that is waited for
            await asyncio.sleep(0)


async def test_the_first_word_of_everybody_is_taken_at_once() -> None:
    table = Table()

    for who in "abc":
        table.says(who, who)

    assert table.taken == ["a", "b", "c"]
    assert table.turns.waiting == 0


async def test_more_of_one_waits_and_is_served_for_so_long_in_each_turn() -> None:
    table = Table(turn_s=0.002)
    table.says("a", *(f"a{n}" for n in range(6)))
    assert table.taken == ["a0"]

    await asyncio.sleep(0)
    assert table.taken == ["a0", "a1", "a2"]

    table.says("b", "b0")  # says little: it need not wait for the rest
    assert table.taken[-1] == "b0"
    await table.until_nobody_waits()
    assert table.taken == ["a0", "a1", "a2", "b0", "a3", "a4", "a5"]


async def test_those_in_the_line_are_served_in_rotation() -> None:
    table = Table(turn_s=0.004)
    table.says("a", "a0", "a1", "a2", "a3")
    table.says("b", "b0", "b1", "b2")

    await table.until_nobody_waits()

    assert table.taken == ["a0", "b0", "a1", "b1", "a2", "b2", "a3"]


async def test_who_is_served_from_the_line_is_not_first_again_in_that_turn() -> None:
    table = Table(turn_s=0.0)
    served: list[int] = []

    async def goes_on() -> None:
        for number in range(3):
            await table.turns.take("a", partial(served.append, number))

    speaking = asyncio.create_task(goes_on())
    turns_of_the_loop = 0
    while not speaking.done():
        before = len(served)
        await asyncio.sleep(0)
        turns_of_the_loop += 1
        assert len(served) - before <= 1
    assert served == [0, 1, 2]


async def test_what_costs_later_is_charged_now() -> None:
    table = Table(turn_s=0.002)
    for number in range(5):
        table.turns.call("door", partial(table.taken.append, str(number)), 0.001)
    assert table.taken == []

    await asyncio.sleep(0)

    assert table.taken == ["0", "1"]
    await table.until_nobody_waits()
    assert len(table.taken) == 5


async def test_an_error_is_its_speakers_and_the_others_are_served() -> None:
    table = Table(turn_s=1.0)

    def fails() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await table.turns.take("a", fails)
    table.says("a", "a1")
    with pytest.raises(ValueError, match="broken"):
        await table.turns.take("a", fails)
    assert table.taken == ["a1"]


async def test_who_stops_waiting_is_passed_over() -> None:
    table = Table()
    table.says("a", "a0")
    waiting = asyncio.create_task(table.turns.take("a", partial(table.taken.append, "a1")))
    await asyncio.sleep(0)
    assert not waiting.done() or table.taken == ["a0", "a1"]
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    await table.until_nobody_waits()

    table.says("b", "b0")
    assert table.taken[-1] == "b0"
