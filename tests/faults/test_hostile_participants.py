"""People in a meeting do their worst, and those who hold it lose nothing.

Figures: security reference A4, row F24. What is done stands in `tests/hostile`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.conftest import RunningServer
from tests.faults.ledger import Ledger, numbered_meeting
from tests.faults.site import site
from tests.heavy import heavy

HONEST = ("Ana", "Bea", "Cyd")
ROOM = "f24"
_PORT = re.compile(r"Media sockets: 127\.0\.0\.1:(\d+)")


class Gang:
    """The hostile ones, in a process of their own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def _line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(120):
            line = (await self._process.stdout.readline()).decode().strip()
        assert line, "the hostile ones failed, see their error output"
        return line

    async def gathered(self) -> None:
        assert await self._line() == "ready"

    async def does_its_worst(self) -> list[tuple[str, str, str]]:
        """What was done, what was to come of it, and what came."""
        self._go_on()
        done = []
        while (line := await self._line()) != "over":
            act, wanted, got = json.loads(line)
            done.append((act, wanted, got))
        return done

    def _go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    async def disperses(self) -> None:
        self._go_on()
        async with asyncio.timeout(30):
            await self._process.wait()


@contextlib.asynccontextmanager
async def gang(server: RunningServer, *options: str) -> AsyncIterator[Gang]:
    line = await server.logged("Media sockets:")
    found = _PORT.search(server.log[line - 1])
    assert found is not None
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.hostile", server.url, ROOM, HONEST[0], found[1], *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Gang(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def held_through(server: RunningServer, quiet_s: float, *options: str) -> Ledger:
    """The same meeting while nothing happens and while the worst does; nobody loses anything."""
    (bridge,) = server.bridge_pids()
    async with (
        numbered_meeting(f"{server.url}{ROOM}", HONEST) as held,
        gang(server, *options) as bad,
    ):
        await bad.gathered()
        endpoints = {name: person.id for name, person in held.people.items()}
        began = time.monotonic()
        await asyncio.sleep(quiet_s)
        calm = time.monotonic()

        done = await bad.does_its_worst()

        over = time.monotonic()
        missing = await held.settled()
        assert missing == {}
        wrong = [each for each in done if each[1] != each[2]]
        assert not wrong, wrong
        assert held.twice == []
        assert held.ended == []
        assert {name: person.id for name, person in held.people.items()} == endpoints
        assert server.bridge_pids() == [bridge]
        print(f"F24: {len(done)} answers to hostile acts in {over - calm:.1f} s")
        for kind in ("line", "frame"):
            before, during = held.p99_ms(kind, began, calm), held.p99_ms(kind, calm, over)
            ratio = f"{during / before:.2f} x"
            print(f"F24, p99 of a {kind}: {before:.1f} ms quiet, {during:.1f} ms then ({ratio})")
        await bad.disperses()
        return held


async def test_f24_hostile_participants_cost_the_others_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as (server, _):
        await held_through(server, 1.0)


@heavy
async def test_f24_hostile_participants_who_do_not_stop(tmp_path: Path) -> None:
    async with site(tmp_path) as (server, _):
        await held_through(server, 20.0, "--long", "30")
