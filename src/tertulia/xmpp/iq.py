"""IQ requests and their answers (RFC 6120 §8.2.3), over anything that can send a stanza."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable

from tertulia.xmpp.errors import IqTimeout
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import address, read_error
from tertulia.xmpp.xml import Element


class IqTracker:
    """Matches answers to requests by id and by sender, so that nobody else can answer."""

    def __init__(self, send: Callable[[Element], None]) -> None:
        self._send = send
        self._prefix = secrets.token_hex(4)
        self._counter = itertools.count(1)
        self._waiting: dict[str, tuple[Jid | None, asyncio.Future[Element]]] = {}

    async def request(self, stanza: Element, timeout_s: float) -> Element:
        """Send an IQ and wait for its result. An `id` is given to it in any case.

        Raises: StanzaError when it is refused, IqTimeout when nothing comes.
        """
        stanza_id = f"{self._prefix}-{next(self._counter)}"
        stanza.attrs["id"] = stanza_id
        answer: asyncio.Future[Element] = asyncio.get_running_loop().create_future()
        self._waiting[stanza_id] = (address(stanza.get("to")), answer)
        try:
            self._send(stanza)
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise IqTimeout(f"{stanza.get('to')} did not answer in {timeout_s} s") from None
        finally:
            del self._waiting[stanza_id]

    def feed(self, stanza: Element) -> bool:
        """Offer a stanza that arrived; True if it was an answer that somebody waits for."""
        kind = stanza.get("type")
        if stanza.name != "iq" or kind not in ("result", "error"):
            return False
        asked, answer = self._waiting.get(stanza.get("id"), (None, None))
        if answer is None or answer.done():
            return False
        sender = address(stanza.get("from"))
        # Without `to` the request went to our own account: the answer may name it, the server, or
        # nobody (RFC 6120 §10.3).
        if asked is not None and sender != asked:
            return False
        if kind == "error":
            answer.set_exception(read_error(stanza))
        else:
            answer.set_result(stanza)
        return True

    def cancel(self, error: Exception) -> None:
        """Give all who wait an error: the connection is gone."""
        for _, answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(error)
