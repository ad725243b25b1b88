"""The standard error of a process that a test has started, line by line, to wait for."""

from __future__ import annotations

import asyncio


class ProcessLog:
    """Reads until the process has closed it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        self.lines: list[str] = []
        self._stream = process.stderr
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for raw in self._stream:
            async with self._news:
                self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
                self._news.notify_all()

    async def until(self, text: str, *, after: int, within_s: float) -> int:
        """Wait for a line that contains `text`; return the index of the line after it."""
        async with asyncio.timeout(within_s), self._news:
            while True:
                for index in range(after, len(self.lines)):
                    if text in self.lines[index]:
                        return index + 1
                await self._news.wait()

    async def complete(self) -> None:
        """Wait for the end of it."""
        await self._reading
