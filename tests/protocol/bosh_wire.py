"""A client's end of BOSH that looks like one of a WebSocket: transcripts run over it too."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import deque

import aiohttp
from tests.protocol.transcript import FRAMING, Closed

from tertulia.xmpp.xml import Element, parse_document, serialise

HTTPBIND = "http://jabber.org/protocol/httpbind"
_WITHIN = aiohttp.ClientTimeout(total=30)


class BoshWire:
    """Keeps one request waiting, sends what is said in another."""

    def __init__(self, http: aiohttp.ClientSession, url: str, tls: ssl.SSLContext) -> None:
        self._http = http
        self._url = url
        self._tls = tls
        self._rid = random.randrange(2**40)
        self._sid = ""
        self._frames: deque[str] = deque()
        self._arrived = asyncio.Event()
        self._requests: set[asyncio.Task[None]] = set()
        self._is_over = False

    async def send(self, text: str) -> None:
        if text.startswith("<open"):
            opening = parse_document(text)
            extra = f"to='{opening.get('to')}' " + (
                "xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'"
                if self._sid
                else "wait='60' hold='1' ver='1.6' xml:lang='en' "
                "xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'"
            )
            self._frames.append(f"<open xmlns='{FRAMING}' from='{opening.get('to')}'/>")
            await self._post("", extra)
        elif text.startswith("<close"):
            self._post_later("", "type='terminate'")
        else:
            self._post_later(text, "")

    async def receive(self) -> str:
        while not self._frames:
            if self._is_over:
                raise Closed("the session is over")
            self._arrived.clear()
            await self._arrived.wait()
        return self._frames.popleft()

    async def drop(self) -> None:
        self._is_over = True
        for each in list(self._requests):
            each.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)

    def _post_later(self, content: str, extra: str) -> None:
        task = asyncio.create_task(self._post(content, extra))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def _post(self, content: str, extra: str) -> None:
        self._rid += 1
        sid = f" sid='{self._sid}'" if self._sid else ""
        body = f"<body xmlns='{HTTPBIND}' rid='{self._rid}'{sid} {extra}>{content}</body>"
        async with self._http.post(self._url, data=body, ssl=self._tls, timeout=_WITHIN) as answer:
            assert answer.status == 200, answer.status
            found = parse_document(await answer.text())
        self._take(found)

    def _take(self, body: Element) -> None:
        self._sid = body.get("sid") or self._sid
        for each in body.elements():
            self._frames.append(serialise(each))
        if body.get("type") == "terminate":
            self._is_over = True
        self._arrived.set()
        if not self._is_over and not self._requests - {asyncio.current_task()}:
            self._post_later("", "")
