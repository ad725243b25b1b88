"""Keeps one child process running: starts it, passes its log lines on, starts it again.

The first restart is immediate, because a meeting is waiting; a child that keeps failing is given
more and more time. A child that outlived an earlier supervisor (`adoption`) is taken over instead
of started.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

logger = logging.getLogger("tertulia.supervisor")

MAX_LINE_BYTES = 64 * 1024
CONFIG_ERROR_STATUS = 2  # what our commands exit with on the operator's mistake


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a restart, by how often the child failed in a row."""

    first_s: float = 0.1
    then_s: float = 1.0
    most_s: float = 30.0
    steady_after_s: float = 60.0  # a child that ran this long starts the series anew

    def delay_s(self, failures: int) -> float:
        if failures <= 1:
            return self.first_s
        return min(self.most_s, self.then_s * 2.0 ** min(failures - 2, 16))


class ChildRefused(Exception):
    """The child's first start ended with status 2: its last line names the operator's mistake."""


class Child(Protocol):
    """What is asked of a child; `asyncio.subprocess.Process` has more."""

    @property
    def pid(self) -> int: ...

    @property
    def stderr(self) -> asyncio.StreamReader | None: ...

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


async def supervise(
    command: Sequence[str],
    *,
    name: str,
    adopted: Child | None = None,
    backoff: Backoff | None = None,
    started: Callable[[int], None] | None = None,
    stop_within_s: float = 5.0,
) -> None:
    """Run `command` for ever; cancel to end it (SIGTERM, then SIGKILL after `stop_within_s`).

    Args:
        adopted: a child that runs already; the first is started only when it has ended.
        started: told the process id of every new child.
    Raises: ChildRefused with the child's last line when it refuses its very first start.
    """
    backoff = backoff or Backoff()
    loop = asyncio.get_running_loop()
    failures = 0
    first = adopted is None
    while True:
        began = loop.time()
        child, adopted = adopted or await _start(command, name), None
        if started is not None:
            started(child.pid)
        try:
            last_line = await _pass_on(child, name)
            status = await child.wait()
        finally:
            await _stop(child, stop_within_s)
        if first and status == CONFIG_ERROR_STATUS:
            raise ChildRefused(last_line.removeprefix("tertulia: "))
        first = False
        failures = 1 if loop.time() - began > backoff.steady_after_s else failures + 1
        delay_s = backoff.delay_s(failures)
        logger.warning(
            "Process ended: %s pid=%d status=%d restart_in_s=%g last_line=%r",
            *(name, child.pid, status, delay_s, last_line),
        )
        await asyncio.sleep(delay_s)


async def _start(command: Sequence[str], name: str) -> Child:
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_LINE_BYTES,
    )
    logger.info("Started process: %s pid=%d", name, child.pid)
    return child


async def _pass_on(child: Child, name: str) -> str:
    """Copy the child's log lines to our standard error until it closes it; return the last one."""
    assert child.stderr is not None
    last = ""
    while True:
        try:
            raw = await child.stderr.readline()
        except ValueError:  # longer than MAX_LINE_BYTES: what was read so far is dropped
            continue
        if not raw:
            return last
        last = raw.decode("utf-8", "replace").rstrip("\n")
        if last.startswith(("time=", "{")):  # a log line of our own commands, already marked
            sys.stderr.write(last + "\n")
        elif last and not last.startswith("tertulia: "):  # that one is told when it has ended
            logger.warning("Process says: %s: %s", name, last)


async def _stop(child: Child, within_s: float) -> None:
    if child.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    # Its pipe is read to the end, or a child with much to say could never leave.
    drained = asyncio.ensure_future(_drain(child))
    try:
        await asyncio.wait_for(child.wait(), within_s)
    except TimeoutError:
        logger.warning("Process did not stop: pid=%d waited_s=%g, killing it", child.pid, within_s)
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    finally:
        drained.cancel()


async def _drain(child: Child) -> None:
    assert child.stderr is not None
    while raw := await child.stderr.read(MAX_LINE_BYTES):
        sys.stderr.write(raw.decode("utf-8", "replace"))
