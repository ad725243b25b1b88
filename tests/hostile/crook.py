"""A participant that means harm: it enters like anybody, then says what it likes."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from html import unescape

from bench.synthetic import Sending, SyntheticClient

ANSWER_WITHIN_S = 30.0
_ID = re.compile(r"""\bid=['"]([^'"]+)['"]""")
_TYPE = re.compile(r"""\btype=['"](\w+)['"]""")
_FROM = re.compile(r"""\bfrom=['"]([^'"]+)['"]""")
_REAL_JID = re.compile(r"""<item[^>]*\bjid=['"]([^'"]+)['"]""")
_SID = re.compile(r"""<jingle[^>]*\bsid=['"]([^'"]+)['"]""")
_CHANNEL = re.compile(r"""<web-socket[^>]*\burl=['"]([^'"]+)['"]""")
_CONDITION = re.compile(r"<(?:stream:)?error\b.*?<([a-z]+(?:-[a-z]+)*)[\s/>]", re.DOTALL)


def condition_of(frame: str) -> str:
    """The first condition inside a stanza's or a stream's error."""
    found = _CONDITION.search(frame)
    return found[1] if found else ""


def head_of(frame: str) -> str:
    return frame[: frame.find(">") + 1]


class Crook(SyntheticClient):
    """What it is told is kept: errors by the id of the stanza they answer."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.errors: dict[str, str] = {}  # id -> condition
        self.results: dict[str, float] = {}  # id -> when it came
        self.stream_error = ""
        self.close_code: int | None = None
        self.sid = ""
        self.channel = ""  # of the bridge
        self.real_jids: dict[str, str] = {}  # by nickname
        self.lines: dict[str, str] = {}  # ids of what others said, by nickname
        self.heard: deque[str] = deque(maxlen=5000)  # what came of late

    @property
    def muc(self) -> str:
        return self._muc

    def own(self, nick: str = "") -> str:
        return f"{self._muc}/{nick or self.endpoint}"

    async def say(self, frame: str) -> None:
        """Send a frame as it is."""
        await self._send(frame)

    async def say_bytes(self, frame: bytes) -> None:
        assert self._socket is not None
        await self._socket.send_bytes(frame)

    def vanish(self) -> None:
        """Drop the connection without a word."""
        if self._reader is not None:
            self._reader.cancel()
        assert self._socket is not None
        self._socket._response.close()

    async def refusal(self, stanza_id: str) -> str:
        """The condition with which that stanza was refused; "result" if it was not."""
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await self._until(lambda: stanza_id in self.errors or stanza_id in self.results)
        return self.errors.get(stanza_id, "result")

    async def end(self, within_s: float = ANSWER_WITHIN_S) -> str:
        """With which word we are cut off."""
        async with asyncio.timeout(within_s):
            assert self._reader is not None
            await asyncio.wait((self._reader,))
        return self.stream_error or f"closed with {self.close_code}"

    def answer(self, offer: str) -> Sending:
        found, channel = _SID.search(offer), _CHANNEL.search(offer)
        self.sid = found[1] if found else ""
        self.channel = unescape(channel[1]) if channel else ""
        return super().answer(offer)

    async def _obey(self, frame: str) -> None:
        self.heard.append(frame)
        head = head_of(frame)
        if frame.startswith("<stream:error"):
            self.stream_error = condition_of(frame)
            return
        if frame.startswith("<close"):
            return
        kind, name = _TYPE.search(head), _ID.search(head)
        stanza_id = name[1] if name else ""
        if kind and kind[1] == "error":
            self.errors[stanza_id] = condition_of(frame)
            return
        if kind and kind[1] == "result":
            self.results[stanza_id] = time.monotonic()
        sender = _FROM.search(head)
        nick = sender[1].partition("/")[2] if sender else ""
        if frame.startswith("<presence") and (jid := _REAL_JID.search(frame)):
            self.real_jids[nick] = jid[1]
        if frame.startswith("<message") and kind and kind[1] == "groupchat":
            self.lines[nick] = stanza_id
        await super()._obey(frame)

    async def _read(self) -> None:
        await super()._read()
        assert self._socket is not None
        self.close_code = self._socket.close_code
