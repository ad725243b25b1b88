"""Tasks of a page's own thread, from the browser's tracing (Trace Event Format).

Of each task the time on the clock and the time on the processor are known. A machine that is busy
with other work takes the processor away in the middle of a task: that makes it longer on the clock,
and is not the page's doing.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import CDPSession, Page

LONG_MS = 50.0  # W3C Long Tasks
_THREAD = "CrRendererMain"
_TASK = "ThreadControllerImpl::RunTask"
_READ_BYTES = 1 << 20
# Said by the page itself: the browser has other renderers, for pages of its own.
_MARK = "traced-page"


@dataclass(frozen=True, slots=True)
class Task:
    """One turn of the thread: ms on the clock, and of those on the processor."""

    wall_ms: float
    processor_ms: float


@dataclass(slots=True)
class Traced:
    """What was traced; empty until tracing has ended."""

    tasks: list[Task] = field(default_factory=list)

    @property
    def long_ms(self) -> list[float]:
        """The long tasks, on the clock."""
        return [task.wall_ms for task in self.tasks if task.wall_ms > LONG_MS]

    @property
    def longest_ms(self) -> float:
        return max((task.wall_ms for task in self.tasks), default=0.0)

    @property
    def longest_on_processor_ms(self) -> float:
        return max((task.processor_ms for task in self.tasks), default=0.0)


def page_tasks(events: Iterable[dict[str, Any]]) -> list[Task]:
    """The tasks of the thread with the mark; without one, of the renderer that worked most."""
    mains: set[tuple[int, int]] = set()
    found: list[tuple[tuple[int, int], Task]] = []
    page: tuple[int, int] | None = None
    for event in events:
        thread = (event["pid"], event["tid"])
        if event["ph"] == "M" and event["name"] == "thread_name":
            if event["args"]["name"] == _THREAD:
                mains.add(thread)
        elif event["name"] == _MARK:
            page = thread
        elif event["ph"] == "X" and event["name"] == _TASK:
            task = Task(event.get("dur", 0) / 1000, event.get("tdur", 0) / 1000)
            found.append((thread, task))
    worked: defaultdict[tuple[int, int], float] = defaultdict(float)
    for thread, task in found:
        if thread in mains:
            worked[thread] += task.processor_ms
    if page is None and worked:
        page = max(worked, key=lambda thread: worked[thread])
    return [task for thread, task in found if thread == page]


@asynccontextmanager
async def tracing(tools: CDPSession, page: Page) -> AsyncIterator[Traced]:
    """Trace the browser of `tools`; what was found of `page` is known after the block."""
    traced = Traced()
    # Tasks alone: whoever traces more slows down what is measured.
    categories = ["toplevel", "blink.user_timing"]
    config = {"includedCategories": categories, "recordMode": "recordAsMuchAsPossible"}
    await tools.send("Tracing.start", {"traceConfig": config, "transferMode": "ReturnAsStream"})
    try:
        yield traced
        await page.evaluate(f"performance.mark('{_MARK}')")
    finally:
        document = json.loads(await _end(tools))
    traced.tasks.extend(page_tasks(document["traceEvents"]))


async def _end(tools: CDPSession) -> str:
    complete: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    def ended(event: dict[str, Any]) -> None:  # Playwright keeps notes on handlers
        complete.set_result(event)

    tools.once("Tracing.tracingComplete", ended)
    await tools.send("Tracing.end")
    handle = (await complete)["stream"]
    parts: list[str] = []
    while True:
        part = await tools.send("IO.read", {"handle": handle, "size": _READ_BYTES})
        parts.append(part["data"])
        if part.get("eof"):
            await tools.send("IO.close", {"handle": handle})
            return "".join(parts)
