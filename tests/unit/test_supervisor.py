"""Supervision, with small real programs as children: it is processes that have to be right."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from tertulia.supervisor import Backoff, ChildRefused, supervise

FOREVER = "import signal; signal.pause()"
AT_ONCE = Backoff(first_s=0.0, then_s=0.0)


def program(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@contextlib.asynccontextmanager
async def supervised(code: str, **options: object) -> AsyncIterator[asyncio.Queue[int]]:
    """The process ids of the children, as they are started."""
    pids: asyncio.Queue[int] = asyncio.Queue()
    task = asyncio.create_task(
        supervise(program(code), name="child", started=pids.put_nowait, **options)  # type: ignore[arg-type]
    )
    try:
        yield pids
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def next_of(pids: asyncio.Queue[int]) -> int:
    async with asyncio.timeout(30):
        return await pids.get()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_killed_child_is_started_again() -> None:
    async with supervised(FOREVER, backoff=AT_ONCE) as pids:
        first = await next_of(pids)
        os.kill(first, signal.SIGKILL)

        assert await next_of(pids) != first


async def test_a_child_that_ends_is_started_again() -> None:
    async with supervised("", backoff=AT_ONCE) as pids:
        assert len({await next_of(pids) for _ in range(3)}) == 3


async def test_cancelling_ends_the_child() -> None:
    async with supervised(FOREVER) as pids:
        child = await next_of(pids)

    assert not is_running(child)


async def test_a_child_that_ignores_the_request_is_killed() -> None:
    stubborn = (
        "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', file=sys.stderr, flush=True)\n"
        "while True: signal.pause()"
    )
    async with supervised(stubborn, stop_within_s=0.3) as pids:
        child = await next_of(pids)

    assert not is_running(child)


async def test_refusing_the_first_start_gives_its_last_line() -> None:
    code = "import sys; print('why', file=sys.stderr); sys.exit(2)"

    with pytest.raises(ChildRefused, match="why"):
        async with asyncio.timeout(30):
            await supervise(program(code), name="child")


async def test_lines_of_our_commands_pass_and_others_are_marked(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    code = "import sys; sys.stderr.write('time=1 level=info\\nthread panicked\\n'); sys.exit(2)"

    with pytest.raises(ChildRefused):
        await supervise(program(code), name="child")

    assert capfd.readouterr().err.splitlines()[0] == "time=1 level=info"
    assert "Process says: child: thread panicked" in caplog.text


def test_delays_grow_to_a_limit() -> None:
    backoff = Backoff(first_s=0.1, then_s=1, most_s=30)

    assert [backoff.delay_s(n) for n in (1, 2, 3, 4, 9, 99)] == [0.1, 1, 2, 4, 30, 30]
