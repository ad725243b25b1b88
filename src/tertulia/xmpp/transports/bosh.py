"""XMPP over BOSH (XEP-0124, XEP-0206): the handler of POST /http-bind, for networks in which a
WebSocket does not come through."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp import refusals
from tertulia.xmpp.bosh import (
    HOLD,
    Begun,
    BoshError,
    BoshFraming,
    Window,
    answer,
    created,
    pieces,
    read_rid,
    terminated,
)
from tertulia.xmpp.credentials import Credentials
from tertulia.xmpp.gate import ConnectionGate
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.patience import Patience
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.sessions import Sessions
from tertulia.xmpp.stream import ServerStream
from tertulia.xmpp.transports.connection import Connection
from tertulia.xmpp.transports.pulse import Pulse
from tertulia.xmpp.transports.reading import document
from tertulia.xmpp.transports.websocket import at_once, origin_of
from tertulia.xmpp.turns import Turns
from tertulia.xmpp.xml import Element, XmlLimits

log = logging.getLogger("tertulia.xmpp")

_SID_BYTES = 18
_SID = re.compile(rb"\ssid=['\"]([A-Za-z0-9_-]+)['\"]")
_HEAD_BYTES = 2048  # where the attributes of a body are
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Max-Age": "86400",
    "Cache-Control": "no-store",
}


class BoshEndpoint:
    """All BOSH clients of this process. `handle` is an aiohttp request handler."""

    def __init__(
        self,
        router: Router,
        credentials: Credentials,
        *,
        domain: str,
        sessions: Sessions,
        pulse: Pulse,
        limits: XmppLimits | None = None,
        turns: Turns | None = None,
        prepare: Callable[[str], Awaitable[None]] = at_once,
    ) -> None:
        """
        Args:
            prepare: waited for with the token of a client before it can log in.
        """
        self._prepare = prepare
        self.router = router
        self.credentials = credentials
        self.domain = domain
        self.sessions = sessions
        self.pulse = pulse
        self.limits = limits or XmppLimits()
        self.turns = turns or Turns(self.limits.turn_s)
        self.gate = ConnectionGate(self.limits)
        self.patience = Patience()
        self._open: dict[str, _BoshClient] = {}
        self._per_ip: Counter[str] = Counter()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request when there is something to say, or after a while with nothing."""
        if request.method != "POST":
            text = "XMPP over BOSH (XEP-0124) is spoken here.\n" if request.method == "GET" else ""
            return web.Response(text=text, headers=_HEADERS)
        try:
            data = await self._read(request)
            body = await document(
                data,
                self._xml_limits(data),
                turns=self.turns,
                reader=object(),
                piece_bytes=self.limits.piece_bytes,
            )
            if (body.name, body.ns) != ("body", NS.HTTPBIND):
                raise BoshError("bad-request", "a <body/> was expected")
            text = await self._answer(request, body, len(data))
        except MalformedInput as error:
            log.info("BOSH request refused: ip=%s reason=%s", request.remote, error)
            text = terminated("bad-request", reason=str(error))
        except BoshError as error:
            log.info("BOSH request refused: ip=%s reason=%s", request.remote, error)
            text = terminated(error.terminates_with, reason=str(error))
        return web.Response(text=text, content_type="text/xml", headers=_HEADERS)

    async def close(self) -> None:
        """End all streams because the server stops."""
        for client in list(self._open.values()):
            client.connection.shut_down()

    def forget(self, client: _BoshClient) -> None:
        """That session is over."""
        if self._open.pop(client.sid, None) is not None:
            self._per_ip[client.ip] -= 1
            if not self._per_ip[client.ip]:
                del self._per_ip[client.ip]

    def _xml_limits(self, data: bytes) -> XmlLimits:
        """What a body may cost: more for those who have logged in."""
        named = _SID.search(data[:_HEAD_BYTES])
        client = None if named is None else self._open.get(named[1].decode())
        if client is not None and client.connection.is_bound:
            return self.limits.after_login(is_account=client.connection.is_account)
        return self.limits.before_login()

    async def _read(self, request: web.Request) -> bytes:
        """The request's body. Raises: HTTPRequestEntityTooLarge, HTTPRequestTimeout."""
        most = self.limits.bosh_body_bytes
        read = bytearray()
        try:
            async with self.patience.timeout(self.limits.authenticate_s):
                while chunk := await request.content.readany():
                    read += chunk
                    if len(read) > most:
                        refusals.count("bosh_body_bytes", "413")
                        raise web.HTTPRequestEntityTooLarge(most, len(read), headers=_HEADERS)
        except TimeoutError:
            raise web.HTTPRequestTimeout(headers=_HEADERS) from None
        return bytes(read)

    async def _answer(self, request: web.Request, body: Element, size: int) -> str:
        sid = body.get("sid")
        if not sid:
            return await self._begin(request, body)
        client = self._open.get(sid)
        if client is None:
            raise BoshError("item-not-found", "no such session")
        return await client.requested(read_rid(body), body, size)

    async def _begin(self, request: web.Request, body: Element) -> str:
        ip = request.remote or ""
        begun = Begun.read(body, self.limits.bosh_wait_s)
        origin = origin_of(request)
        now = asyncio.get_running_loop().time()
        is_one_more = self._per_ip[ip] < self.limits.bosh_sessions_per_ip
        if not is_one_more or not self.gate.arrive(ip, now) or not self.gate.admit(ip):
            log.info("Connection refused: ip=%s", ip)
            refusals.count("bosh_sessions_per_ip", "policy-violation")
            raise BoshError("policy-violation", "too many sessions (bosh_sessions_per_ip)")
        sid = secrets.token_urlsafe(_SID_BYTES)
        client = _BoshClient(self, sid, begun, origin, is_secure=request.secure)
        self._open[client.sid] = client
        self._per_ip[ip] += 1
        await self._prepare(origin.token)
        return await client.began(body)


class _BoshClient:
    """One session: requests on one side, the Wire of a Connection on the other."""

    def __init__(
        self,
        endpoint: BoshEndpoint,
        sid: str,
        begun: Begun,
        origin: Origin,
        *,
        is_secure: bool,
    ) -> None:
        limits = endpoint.limits
        self._endpoint = endpoint
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self.sid = sid
        self.ip = origin.remote_ip
        self._begun = begun
        self._window = Window(begun.rid)
        self._requests: dict[int, asyncio.Future[str]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._out: list[str] = []
        self._characters = 0
        self._is_flushing = False
        self._pause: asyncio.TimerHandle | None = None
        self._has_begun = False
        self._is_finished = False
        stream = ServerStream(
            BoshFraming(limits.before_login()),
            endpoint.credentials,
            default_domain=endpoint.domain,
            limits=limits,
            secure=is_secure,
            origin=origin,
            resumptions=endpoint.sessions,
        )
        self._stream = stream
        self.connection = Connection(
            stream,
            endpoint.sessions,
            endpoint.router,
            self,
            limits=limits,
            origin=origin,
            now=self._loop.time(),
            on_login=lambda: endpoint.gate.release(self.ip),
            endures_silence=True,
        )
        self._login = endpoint.patience.call_later(limits.authenticate_s, self.connection.expire)
        self._untaken_bytes = 0  # of bodies that have come

    async def began(self, body: Element) -> str:
        """The request that created the session."""
        waiting = self._wait(self._begun.rid)
        self._take(body)
        return await waiting

    async def requested(self, rid: int, body: Element, size: int) -> str:
        """Any other one, of so many bytes. Raises: BoshError."""
        if self._window.is_repeated(rid):
            former = self._window.answer_to(rid)
            if former is not None:
                return former
            return await self._wait(rid)
        waiting = self._wait(rid)
        self._untaken_bytes += size
        try:
            bodies = self._window.arrived(rid, body)
        except BoshError:
            self._requests.pop(rid, None)
            self._timers.pop(rid).cancel()
            self.connection.fail("policy-violation", "a rid out of the window")
            raise
        for each in bodies:
            self._take(each)
        self._schedule()
        return await waiting

    def _take(self, body: Element) -> None:
        self._endpoint.pulse.watch(self.connection, self)
        size, self._untaken_bytes = self._untaken_bytes, 0
        for number, piece in enumerate(pieces(body)):
            take = partial(self._take_piece, piece, 0 if number else size)
            self._endpoint.turns.call(self, take)

    def _take_piece(self, piece: Element, size: int) -> None:
        pause_s = self.connection.receive(piece, self._loop.time(), size)
        if pause_s and not self._is_finished:
            # Who sends too much is answered later, and so sends the next later.
            self._is_flushing = True
            if self._pause is not None:
                self._pause.cancel()
            self._pause = self._loop.call_later(pause_s, self._flush)

    def _wait(self, rid: int) -> asyncio.Future[str]:
        former = self._requests.pop(rid, None)
        if former is not None and not former.done():
            former.set_result(answer(""))  # whoever sent it has given it up
        waiting: asyncio.Future[str] = self._loop.create_future()
        self._requests[rid] = waiting
        if rid in self._timers:
            self._timers.pop(rid).cancel()
        self._timers[rid] = self._loop.call_later(self._begun.wait_s, self._waited)
        return waiting

    def _waited(self) -> None:
        """Some request has waited for long enough."""
        if self._window.waiting:
            self._respond()

    # Wire

    def send(self, text: str) -> None:
        if not text or self._is_finished:
            return
        self._out.append(text)
        self._characters += len(text)
        self._schedule()

    def queued_bytes(self) -> int:
        return self._characters

    def unread_bytes(self) -> int:
        return self._characters

    def sent_bytes(self) -> int:
        return 0

    def ping(self) -> None:
        """Nothing to do: a request that waits is answered after `bosh_wait_s`, and the next one is
        the sign of life."""

    def start_tls(self) -> None:
        """Never asked for: HTTP is inside TLS or it is not."""

    def finish(self, reason: str = "") -> None:
        """The session is over once everything that is queued has left."""
        self._is_finished = True
        self._login.cancel()
        self._endpoint.pulse.forget(self.connection)
        self._endpoint.forget(self)
        self._schedule()

    def abort(self) -> None:
        self._out.clear()
        self._characters = 0
        self.finish()

    # Answers

    def _schedule(self) -> None:
        """What is said in one turn of the event loop leaves together."""
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        if self._is_finished:
            while self._window.waiting:
                self._respond()
            return
        while self._window.waiting and (self._out or self._window.waiting > HOLD):
            self._respond()

    def _respond(self) -> None:
        """Answer the oldest request with all there is."""
        content = "".join(self._out)
        self._out.clear()
        self._characters = 0
        if self._is_finished:
            condition = "remote-stream-error" if "<stream:error" in content else ""
            text = terminated(condition, content)
        elif not self._has_begun:
            self._has_begun = True
            text = created(
                self._begun, self.sid, self._endpoint.domain, self._limits.resume_s, content
            )
        else:
            text = answer(content)
        rid = self._window.answered(text)
        timer = self._timers.pop(rid, None)
        if timer is not None:
            timer.cancel()
        waiting = self._requests.pop(rid, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(text)
