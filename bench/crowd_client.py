"""A client of rooms alone: it joins, says lines, counts what comes, and leaves."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from typing import Any

from bench.synthetic import SyntheticClient

_LINE = re.compile(r"<body[^>]*>line (\d+) ")


class Chatter(SyntheticClient):
    """One voice of a crowd. It has no media, so the focus gives it no session."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, with_media=False, **options)
        self._line_ids = itertools.count(1)
        self.delays_ms: list[float] = []  # from saying to hearing, own lines included
        self.gone: set[str] = set()  # who was seen leaving
        self.left = asyncio.Event()

    async def say(self) -> None:
        stanza_id = f"line{next(self._line_ids)}"
        await self._send(
            f"<message xmlns='jabber:client' type='groupchat' to='{self._muc}' id='{stanza_id}'>"
            f"<body>line {time.monotonic_ns()} of somebody who has something to say</body>"
            "</message>"
        )

    async def leave(self) -> None:
        await self._send(
            f"<presence xmlns='jabber:client' type='unavailable' to='{self._muc}/{self.endpoint}'/>"
        )

    async def until_heard(self, lines: int) -> None:
        await self._until(lambda: len(self.delays_ms) >= lines)

    async def until_knows(self, others: int) -> None:
        await self._until(lambda: len(self.others.present) >= others)

    async def until_left(self) -> None:
        await self._until(self.left.is_set)

    async def _obey(self, frame: str) -> None:
        line = _LINE.search(frame) if frame.startswith("<message") else None
        if line is not None:
            self.delays_ms.append((time.monotonic_ns() - int(line[1])) / 1e6)
        else:
            await super()._obey(frame)

    def _see(self, frame: str, attrs: dict[str, str]) -> None:
        if attrs.get("type") == "unavailable":
            nick = attrs.get("from", "").partition("/")[2]
            self.gone.add(nick)
            if nick == self.endpoint:
                self.left.set()
                return
        super()._see(frame, attrs)
