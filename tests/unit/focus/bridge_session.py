"""A bridge without packets and network, for the router of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.unit.bridge.recorder import Recorder

from tertulia.bridge.requests import Requests
from tertulia.bridge.videobridge import BridgeLimits, Videobridge
from tertulia.monitoring import Health, Status
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Router
from tertulia.xmpp.xml import Element, parse_document


class BridgeSession:
    """Bound in the router, seated in the brewery; the mind is real, the engine a recorder."""

    def __init__(
        self,
        router: Router,
        name: str,
        host: str = "meet.example",
        limits: BridgeLimits | None = None,
    ) -> None:
        brewery = f"jvbbrewery@internal.auth.{host}"
        self.jid = Jid("bridge", f"auth.{host}", name)
        self.media = Recorder()
        self.bridge = Videobridge(
            self.media, server_id=name, public_netloc="inner:1", limits=limits
        )
        loop = asyncio.get_running_loop()
        focus = Jid.parse(f"{brewery}/focus")
        self.health = Health(Status.HEALTHY)
        self._requests = Requests(self.bridge, focus, "1", loop.time, health=lambda: self.health)
        self._router = router
        self._changed = asyncio.Event()
        router.bind(self)
        stats = parse_document(
            "<stats xmlns='http://jitsi.org/protocol/colibri'><stat name='drain' value='false'/>"
            f"<stat name='relay_id' value='{name}'/></stats>"
        )
        join = Element("x", ns="http://jabber.org/protocol/muc")
        attrs = {"from": str(self.jid), "to": f"{brewery}/{name}"}
        router.route(Element("presence", attrs, join, stats, ns="jabber:client"))

    def deliver(self, stanza: Element) -> None:
        if stanza.name == "iq" and stanza.get("type") in ("get", "set"):
            asyncio.get_running_loop().call_soon(self._answer, stanza)

    def _answer(self, stanza: Element) -> None:
        answer = self._requests.answer(stanza)
        self._changed.set()
        if answer is not None and self._router.session(self.jid) is self:
            self._router.route(answer)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    def is_killed(self) -> None:
        self._router.unbind(self)
