"""A bridge's place in one brewery: logged in, joined, statistics published, orders obeyed.

It logs in until the server is there, and again whenever the connection is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets

from tertulia.bridge.requests import Requests
from tertulia.bridge.settings import BridgeConfig, ServerConfig
from tertulia.bridge.shards import Shard
from tertulia.bridge.stats import element
from tertulia.bridge.videobridge import Lost
from tertulia.bridge.watch import Watch
from tertulia.xmpp import ns as NS
from tertulia.xmpp.client import XmppClient
from tertulia.xmpp.colibri2 import ConferenceModified, EndpointReport
from tertulia.xmpp.errors import LoginFailed, StreamError
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import address, iq, read_error
from tertulia.xmpp.trust import Trust
from tertulia.xmpp.xml import Element

log = logging.getLogger("tertulia.bridge")

BRIDGE_ACCOUNT = "bridge"
FOCUS_NICK = "focus"


class _Left(Exception):
    """The seat in the brewery is gone; the message says why."""


class Seat:
    """One place of a bridge. `keep` holds it for ever; `publish` and `report` never wait."""

    def __init__(self, config: BridgeConfig, server: ServerConfig, room: Jid, watch: Watch) -> None:
        """`room` is one of the server's breweries."""
        self.shard = Shard(f"{room} at {server.url}", server.public_netloc or server.host)
        self._config = config
        self._server = server
        self._room = room
        self._watch = watch
        self._watch.seats[self.shard.name] = "still starting"
        self._occupant = room.with_resource(config.name)
        self._focus = room.with_resource(FOCUS_NICK)
        self._requests = Requests(
            watch.bridge,
            self._focus,
            config.version,
            asyncio.get_running_loop().time,
            lambda: watch.health,
            shard=self.shard,
            report=watch.report,
            drain=watch.drain,
        )
        self._client: XmppClient | None = None
        self._joined: asyncio.Future[None] | None = None
        self._lost = asyncio.Event()
        self._hurry = asyncio.Event()
        self._is_leaving = False

    @property
    def is_joined(self) -> bool:
        return self._joined is not None and self._joined.done() and self._client is not None

    async def keep(self) -> None:
        """Log in and publish for ever, whatever happens to the connection."""
        delay_s = 0.25
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._sit()
            except (OSError, LoginFailed, StreamError, _Left) as error:
                log.warning("Not in the brewery: server=%s reason=%s", self._server.url, error)
                self._watch.seats[self.shard.name] = str(error) or type(error).__name__
            if asyncio.get_running_loop().time() - began > 30.0:
                delay_s = 0.25
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s * (0.75 + secrets.randbelow(500) / 1000)):
                    await self._hurry.wait()
                    delay_s = 0.125
            self._hurry.clear()
            delay_s = min(delay_s * 2, 10.0)

    def hurry(self) -> None:
        """Do not wait before the next try."""
        self._hurry.set()

    async def _sit(self) -> None:
        name, server = self._config.name, self._server
        loop = asyncio.get_running_loop()
        self._joined = loop.create_future()
        self._lost.clear()
        client = self._client = XmppClient(self._receive)
        trust = (
            Trust.pinned(server.certificate_sha256) if server.certificate_sha256 else Trust.system()
        )
        try:
            await client.connect(
                server.url,
                domain=f"auth.{server.host}",
                user=BRIDGE_ACCOUNT,
                password=server.password,
                # Not the name: a second bridge of that name shall be told so, not push us out.
                resource=f"{name}-{secrets.token_hex(4)}",
                trust=trust,
            )
            self.publish(Element("x", ns=NS.MUC))
            try:
                async with asyncio.timeout(10.0):
                    await self._joined
            except TimeoutError:
                raise _Left(f"{self._room} does not answer") from None
            log.info("Joined MUC: %s", self._room)
            self._watch.seats[self.shard.name] = ""
            try:
                await self._until_lost(client)
            finally:
                self._watch.disconnects += not self._is_leaving
        finally:
            self._client = None
            await client.close()

    async def _until_lost(self, client: XmppClient) -> None:
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            done, _ = await asyncio.wait((client.closed, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
        if client.closed in done:
            raise _Left(client.closed.result())
        raise _Left("removed from the room")

    def leave(self) -> None:
        """Give the place up for good."""
        self._is_leaving = True
        self._presence("unavailable")

    # -- stanzas

    def _receive(self, stanza: Element) -> None:
        if stanza.name == "iq" and stanza.get("type") in ("get", "set"):
            answer = self._requests.answer(stanza)
            if answer is not None and self._client is not None:
                self._client.send(answer)
        elif stanza.name == "presence" and address(stanza.get("from")) == self._occupant:
            self._own_presence(stanza)

    def _own_presence(self, presence: Element) -> None:
        kind = presence.get("type")
        joined = self._joined
        if joined is None:
            return
        if kind == "error":
            error = read_error(presence)
            reason = f"the room refuses us: {error}"
            if error.condition == "conflict":
                reason = f"another bridge is named {self._config.name}; names must be unique"
            if not joined.done():
                joined.set_exception(_Left(reason))
        elif kind == "unavailable":
            self._lost.set()
        elif not joined.done():
            joined.set_result(None)

    def publish(self, *children: Element) -> None:
        """Send the statistics as they are now."""
        self._presence("", *children, element(self._watch.values()))

    def report(self, lost: Lost) -> None:
        """Tell the focus of an endpoint that is gone or silent, if it can be told."""
        if self._client is None:
            return  # it takes stock when we are back (`focus.conference`)
        gone = EndpointReport(id=lost.endpoint, expire=lost.is_gone, reason=lost.reason)
        payload = ConferenceModified(meeting_id=lost.meeting_id, endpoints=(gone,)).element()
        number = secrets.token_hex(4)  # whose answer nobody waits for
        self._client.send(iq("set", self._focus, payload, stanza_id=f"lost-{number}"))

    def _presence(self, kind: str, *children: Element) -> None:
        if self._client is None:
            return
        attrs = {"to": str(self._occupant)} | ({"type": kind} if kind else {})
        self._client.send(Element("presence", attrs, *children, ns=NS.CLIENT))
