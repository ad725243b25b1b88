"""Requests of the focus that await an answer, as callbacks.

`xmpp.iq.IqTracker` serves code that may wait. The focus must not: a request leaves in the very
order in which a core gave it, between the other stanzas, and its answer is handled in the order
in which it came, so that an answer never overtakes, or is overtaken by, a presence.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import address
from tertulia.xmpp.xml import Element

Then = Callable[[Element | None], None]


@dataclass(slots=True)
class _Waiting:
    asked: Jid | None
    then: Then
    timer: asyncio.TimerHandle


class Asking:
    """Sends requests, and calls back once for each: the answer, or None when its time is over."""

    def __init__(self, send: Callable[[Element], None]) -> None:
        self._send = send
        self._prefix = secrets.token_hex(4)
        self._ids = itertools.count(1)
        self._waiting: dict[str, _Waiting] = {}

    def ask(self, stanza: Element, timeout_s: float, then: Then) -> None:
        """Give the IQ an id and send it."""
        stanza_id = f"{self._prefix}-{next(self._ids)}"
        stanza.attrs["id"] = stanza_id
        timer = asyncio.get_running_loop().call_later(timeout_s, self._over, stanza_id)
        self._waiting[stanza_id] = _Waiting(address(stanza.get("to")), then, timer)
        self._send(stanza)

    def feed(self, answer: Element) -> bool:
        """Offer a result or error that arrived; True if it was asked for, and of its sender."""
        waiting = self._waiting.get(answer.get("id"))
        if waiting is None or waiting.asked != address(answer.get("from")):
            return False
        del self._waiting[answer.get("id")]
        waiting.timer.cancel()
        waiting.then(answer)
        return True

    def close(self) -> None:
        """Forget all; nobody is called back."""
        for waiting in self._waiting.values():
            waiting.timer.cancel()
        self._waiting.clear()

    def _over(self, stanza_id: str) -> None:
        waiting = self._waiting.pop(stanza_id, None)
        if waiting is not None:
            waiting.then(None)
