"""The bridges as the focus keeps an eye on them: who comes, goes, is well.

Health: reference bridge 4.2, failures. What it means for conferences is said by callbacks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from tertulia.focus.asking import Asking
from tertulia.focus.brewery import Brewery, Bridge
from tertulia.focus.totals import Totals
from tertulia.xmpp import ns as NS
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import iq, read_error
from tertulia.xmpp.xml import Element

log = logging.getLogger("tertulia.focus")


class Bridges:
    """Takes the presences of the brewery and asks each bridge for its health.

    Args:
        on_gone: called when conferences had better leave a bridge: it left, or is not well.
        on_news: called with each presence of a bridge; the flag tells that it is a new one, or
            that it works again.
    """

    def __init__(
        self,
        brewery: Brewery,
        asking: Asking,
        totals: Totals,
        *,
        sender: Jid,
        interval_s: float,
        timeout_s: float,
        on_gone: Callable[[Jid], None],
        on_news: Callable[[Bridge, bool], None],
    ) -> None:
        self._brewery = brewery
        self._asking = asking
        self._totals = totals
        self._sender = sender
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._on_gone = on_gone
        self._on_news = on_news
        self._checks: dict[Jid, asyncio.TimerHandle] = {}
        self._unwell: set[Jid] = set()  # those whose last answer was that they do not work

    def close(self) -> None:
        for timer in self._checks.values():
            timer.cancel()

    def presence(self, sender: Jid, presence: Element) -> None:
        """A presence of an occupant other than ourselves."""
        kind = presence.get("type")
        if kind == "unavailable":
            gone = self._brewery.left(sender)
            if gone is not None:
                log.info("A bridge left the MUC: %s", gone)
                if not gone.is_shutting_down:
                    self._totals.bridges_lost += 1
                    log.warning("Lost a bridge: name=%s", gone.name)
                self._gone(sender)
        elif kind == "":
            before = self._brewery.get(sender)
            state = before.state if before is not None else "running"
            is_new = self._brewery.announced(sender, presence, asyncio.get_running_loop().time())
            bridge = self._brewery.get(sender)
            if bridge is None:
                return
            if is_new:
                log.info("Added new videobridge: %s", bridge)
                self._check(sender)
            if bridge.state != state:
                log.info("Bridge: name=%s %s", bridge.name, bridge.state)
            self._on_news(bridge, is_new)

    def all_gone(self) -> None:
        """The focus itself is out of the brewery."""
        for lost in self._brewery.clear():
            self._gone(lost.jid)

    def _gone(self, jid: Jid) -> None:
        check = self._checks.pop(jid, None)
        if check is not None:
            check.cancel()
        self._unwell.discard(jid)
        self._on_gone(jid)

    def _check(self, jid: Jid) -> None:
        bridge = self._brewery.get(jid)
        if bridge is not None:
            check = iq("get", jid, Element("healthcheck", ns=NS.HEALTHCHECK))
            check.attrs["from"] = str(self._sender)
            self._asking.ask(check, self._timeout_s, partial(self._checked, bridge))

    def _checked(self, bridge: Bridge, answer: Element | None) -> None:
        jid = bridge.jid
        if self._brewery.get(jid) is not bridge:
            return  # it left; another may sit in its place
        loop = asyncio.get_running_loop()
        if answer is None:
            # Signalling may be slow; running conferences stay until a request of theirs fails.
            log.warning("Health check timed out: bridge=%s", jid)
            self._totals.bridge_timeouts += 1
            self._brewery.failed(jid, loop.time())
        elif answer.get("type") == "error":
            log.warning("Health check failed: bridge=%s reason=%s", jid, read_error(answer))
            self._brewery.failed(jid, loop.time())
            self._unwell.add(jid)
            self._on_gone(jid)
        elif jid in self._unwell:
            # It was only slow, or starved: what conferences it has, it has still.
            self._unwell.discard(jid)
            log.info("Bridge works again: bridge=%s", jid)
            self._on_news(bridge, True)
        elif jid not in self._checks:
            log.info("Performed a successful health check: bridge=%s", jid)
        if jid in self._checks:
            self._checks[jid].cancel()
        self._checks[jid] = loop.call_later(self._interval_s, self._check, jid)
