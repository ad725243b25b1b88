"""Processes that are found again, with small real programs as those that were left."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tertulia.adoption import Survivor
from tertulia.supervisor import Backoff, supervise

PROGRAM = """
import asyncio, signal, sys
from pathlib import Path
from tertulia.adoption import Beacon, Report

async def main():
    people = 1
    def report():
        nonlocal people
        people -= 1
        return Report(identity="as-wanted", people=max(people, 0), is_seated=True)
    def adopted():
        print("hello", file=sys.stderr, flush=True)
        print("said it", flush=True)
    Beacon(Path(sys.argv[1]), report, adopted).light()
    print("lit", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


# Its parent is a shell and not this test: a status is told to one only, and who adopts asks, too.
SHELL = '"$@" & echo $!; wait $!; echo ended $?'


@dataclass
class LeftAlone:
    """A process with a beacon, whose supervisor is of no more use."""

    pid: int
    output: asyncio.StreamReader

    async def said(self) -> str:
        return (await self.output.readline()).decode().strip()

    async def until_ended_by(self, number: signal.Signals) -> None:
        async with asyncio.timeout(30):
            while not (line := await self.said()).startswith("ended"):
                assert line
        assert line == f"ended {128 + number}"


@contextlib.asynccontextmanager
async def left_alone(place: Path) -> AsyncIterator[LeftAlone]:
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-c", SHELL, "sh", sys.executable, "-c", PROGRAM, str(place)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert shell.stdout is not None
    process = LeftAlone(int(await shell.stdout.readline()), shell.stdout)
    try:
        async with asyncio.timeout(30):
            assert await process.said() == "lit"
        yield process
    finally:
        if shell.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        await shell.wait()


async def test_a_process_is_found_where_it_said(tmp_path: Path) -> None:
    place = tmp_path / "it.sock"
    async with left_alone(place) as process:
        found = Survivor.find(place)

        assert found is not None
        assert found.pid == process.pid
        assert found.ask().identity == "as-wanted"
        found.close()


async def test_nobody_is_found_where_nobody_is(tmp_path: Path) -> None:
    place = tmp_path / "it.sock"
    assert Survivor.find(place) is None
    async with left_alone(place) as process:
        os.kill(process.pid, signal.SIGKILL)
        await process.until_ended_by(signal.SIGKILL)

        assert place.exists()
        assert Survivor.find(place) is None


async def test_a_process_that_hangs_is_ended(tmp_path: Path) -> None:
    place = tmp_path / "it.sock"
    async with left_alone(place) as process:
        os.kill(process.pid, signal.SIGSTOP)

        assert Survivor.find(place, within_s=0.2) is None

        await process.until_ended_by(signal.SIGKILL)


async def test_an_adopted_process_is_supervised_like_a_child(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "it.sock"
    pids: asyncio.Queue[int] = asyncio.Queue()
    async with left_alone(place) as process:
        found = Survivor.find(place)
        assert found is not None
        adopted = await found.adopt()
        forever = [sys.executable, "-c", "import signal; signal.pause()"]
        supervision = asyncio.create_task(
            supervise(
                forever,
                name="it",
                adopted=adopted,
                backoff=Backoff(first_s=0.0),
                started=pids.put_nowait,
            )
        )
        async with asyncio.timeout(30):
            assert await pids.get() == process.pid
            assert await process.said() == "said it"

            os.kill(process.pid, signal.SIGKILL)

            assert await pids.get() != process.pid  # one of ours is started instead
            assert "last_line='hello'" in caplog.text  # what it said after that came to us
        supervision.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await supervision


async def test_cancelling_ends_an_adopted_process(tmp_path: Path) -> None:
    place = tmp_path / "it.sock"
    async with left_alone(place) as process:
        found = Survivor.find(place)
        assert found is not None
        pids: asyncio.Queue[int] = asyncio.Queue()
        supervision = asyncio.create_task(
            supervise([], name="it", adopted=await found.adopt(), started=pids.put_nowait)
        )
        async with asyncio.timeout(30):
            await pids.get()
            supervision.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await supervision
        await process.until_ended_by(signal.SIGTERM)


async def test_it_is_replaceable_when_nobody_is_on_it(tmp_path: Path) -> None:
    place = tmp_path / "it.sock"
    async with left_alone(place):
        found = Survivor.find(place)
        assert found is not None
        async with asyncio.timeout(30):
            await found.until_replaceable()
        found.close()
