"""The XMPP client of bridges, bots and tests, over WebSocket or TCP.

One that resumes (XEP-0198) connects again by itself when its connection is lost, and nobody notices
as long as the server keeps the session. Else, and after that, reconnecting is the caller's job;
`closed` tells when.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from tertulia.errors import ConfigError
from tertulia.xmpp import ns as NS
from tertulia.xmpp.client_stream import ClientEvent, ClientStream, Counted, Login, Ready
from tertulia.xmpp.errors import IqTimeout, LoginFailed, StanzaError, StreamError
from tertulia.xmpp.framing import TcpFraming, WebSocketFraming
from tertulia.xmpp.iq import IqTracker
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.resumption import REQUEST, Resumable, answer, read_count
from tertulia.xmpp.router import Origin
from tertulia.xmpp.stanza import iq
from tertulia.xmpp.stream_events import Arrived, Over, Send, StartTls
from tertulia.xmpp.transports.dial import Dialled, dial_tcp, dial_websocket
from tertulia.xmpp.trust import Trust, is_loopback
from tertulia.xmpp.xml import Element, XmlLimits, iq_result, serialise

log = logging.getLogger("tertulia.xmpp")

DEFAULT_PATH = "/xmpp-websocket"
_CLOSE_S = 5.0
_RESUME_AFTER_S = (0.2, 0.5, 1.0, 2.0)  # the last one again and again, while there is hope
_RESUME_TRY_S = 5.0  # for one attempt
_RESUME_WITHIN_S = 60.0  # if the server does not say how long it waits
# A server that is away itself does not count that time, and media goes on without it.
_SERVER_AWAY_S = 120.0
_UNNAMED = "?"
_REQUEST_EVERY = 20  # stanzas of ours after which the server is asked for its count
_FROM_SERVER = XmlLimits(max_bytes=4 * 1024 * 1024, max_elements=200_000)


class _NotResumed(StreamError):
    """The server has given the session up."""


class XmppClient:
    """One session with a server; make a new client for the next one."""

    def __init__(
        self,
        on_stanza: Callable[[Element], None] = lambda stanza: None,
        *,
        ping_interval_s: float = 15.0,
        ping_timeout_s: float = 10.0,
        resumes: bool = False,
    ) -> None:
        """
        Args:
            resumes: survive the loss of the connection if the server can.
            on_stanza: called for what is neither an answer to `request` nor a ping. A request (IQ
                get or set) that reaches it has to be answered by the callee.
        """
        self.on_stanza = on_stanza
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ping_interval_s = ping_interval_s
        self._ping_timeout_s = ping_timeout_s
        self._iqs = IqTracker(self.send)
        self._stream: ClientStream | None = None
        self._wire: Dialled | None = None
        self._ready: asyncio.Future[Jid] = asyncio.get_running_loop().create_future()
        self._keepalive: asyncio.Task[None] | None = None
        self._heard = 0.0
        self._domain = ""
        self._jid: Jid | None = None
        self._resumes = resumes
        self._kept: Resumable | None = None
        self._resume_within_s = 0.0
        self._resumed: asyncio.Future[None] | None = None
        self._resuming: asyncio.Task[None] | None = None
        self._is_closing = False
        self._dialling: Callable[[Element | None], Awaitable[None]] | None = None

    @property
    def jid(self) -> Jid:
        """The bound address; only after `connect`."""
        assert self._jid is not None
        return self._jid

    async def connect(
        self,
        url: str,
        *,
        domain: str,
        user: str = "",
        password: str = "",
        resource: str = "",
        trust: Trust | None = None,
        timeout_s: float = 15.0,
    ) -> Jid:
        """Connect, log in and bind; the full JID.

        Args:
            url: wss://host[:port][/path] or xmpp://host[:port] (TCP, STARTTLS required);
                ws:// is for the loopback only.
            user: without it, as a guest.
            trust: whom to believe; the system's authorities when omitted.
        Raises: ConfigError for the url, LoginFailed, StreamError, or OSError when there is no
            connection (TimeoutError among them).
        """
        parts = urlsplit(url)
        trust = trust or Trust.system()
        login = Login(domain=domain, user=user, password=password, resource=resource)
        self._domain = domain
        self._dialling = lambda resume: self._dial(url, login, trust, resume)
        try:
            async with asyncio.timeout(timeout_s):
                await self._dialling(None)
                jid = self._jid = await self._ready
        except BaseException:
            self._ended("could not connect")
            if self._wire is not None:
                self._wire.abort()
            raise
        log.info("Connected: jid=%s server=%s", jid, parts.netloc)
        if self._resumes:
            # Kept from now on; what the server calls the session it will say.
            self._kept = Resumable(id=_UNNAMED, jid=jid, is_account=bool(user), origin=Origin())
            self._send_text(serialise(Element("enable", {"resume": "true"}, ns=NS.SM)))
        self._keepalive = asyncio.create_task(self._keep_alive())
        return jid

    async def _dial(self, url: str, login: Login, trust: Trust, resume: Element | None) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "xmpp" and host:
            self._stream = ClientStream(
                TcpFraming(_FROM_SERVER), login, secure=False, resume=resume
            )
            port = parts.port or 5222
            self._wire = await dial_tcp(host, port, trust, self._received, self._lost)
        elif parts.scheme in ("ws", "wss") and host:
            if parts.scheme == "ws" and not is_loopback(host):
                raise ConfigError(f"{url}: a connection without TLS is for this machine only")
            self._stream = ClientStream(
                WebSocketFraming(_FROM_SERVER), login, secure=True, resume=resume
            )
            path = parts.path if parts.path not in ("", "/") else DEFAULT_PATH
            query = f"previd={resume.get('previd')}" if resume is not None else parts.query
            full = parts._replace(path=path, query=query).geturl()
            self._wire = await dial_websocket(full, host, trust, self._received, self._lost)
        else:
            raise ConfigError(f"{url}: wss://host[:port][/path] or xmpp://host[:port] would do")
        self._perform(self._stream.begin())

    def send(self, stanza: Element) -> None:
        """Queue a stanza; silently dropped when the connection is gone for good."""
        if self.closed.done():
            return
        text, kept = serialise(stanza), self._kept
        if kept is not None:
            kept.keep(text)
        if self._resuming is None:
            self._send_text(text)
            if kept is not None and kept.sent % _REQUEST_EVERY == 0:
                self._send_text(REQUEST)

    def _send_text(self, text: str) -> None:
        if self._wire is not None:
            self._wire.send(text)

    async def request(self, stanza: Element, timeout_s: float = 15.0) -> Element:
        """Send an IQ and wait for its result. Raises: StanzaError, IqTimeout, StreamError."""
        if self.closed.done():
            raise StreamError("connection-timeout", "the connection is gone")
        return await self._iqs.request(stanza, timeout_s)

    async def close(self) -> None:
        """Log out and wait until the connection is closed."""
        self._is_closing = True
        if self._resuming is not None:
            self._resuming.cancel()
            self._ended("closed")
        if self._stream is not None and self._wire is not None:
            self._perform(self._stream.close())
        if self._wire is not None:
            await asyncio.wait([self._wire.gone], timeout=_CLOSE_S)
            self._wire.abort()
            await self._wire.gone

    # What the transport reports

    def _received(self, data: str | bytes) -> None:
        self._heard = asyncio.get_running_loop().time()
        if self._stream is not None:
            self._perform(self._stream.receive(data))

    def _lost(self, error: BaseException | None) -> None:
        kept = self._kept
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_exception(ConnectionError(str(error or "lost")))
        elif kept is not None and self._can_resume and not self._is_closing:
            if not self.closed.done() and self._resuming is None:
                log.info("Connection lost, resuming: jid=%s reason=%s", kept.jid, error)
                self._resuming = asyncio.create_task(self._resume(kept))
        elif isinstance(error, LoginFailed | ssl.SSLCertVerificationError):
            self._ended(str(error), "not-authorized", str(error))
        else:
            self._ended(str(error or "the connection was lost"))

    @property
    def _can_resume(self) -> bool:
        return self._kept is not None and self._kept.id != _UNNAMED

    def _perform(self, events: list[ClientEvent]) -> None:
        assert self._wire is not None
        assert self._stream is not None
        for event in events:
            match event:
                case Send(text):
                    self._wire.send(text)
                case StartTls():
                    self._wire.start_tls(lambda: self._perform(self._secured()))
                case Ready(jid):
                    if not self._ready.done():
                        self._ready.set_result(jid)
                case Arrived(stanza):
                    if self._kept is not None:
                        self._kept.took()
                    self._arrived(stanza)
                case Counted(element):
                    self._counted(element)
                case Over(condition, text):
                    self._is_closing = True  # both sides mean it
                    self._ended(f"{condition}: {text}" if text else condition, condition, text)
                    self._wire.finish()

    def _counted(self, element: Element) -> None:
        kept = self._kept
        if kept is None:
            return
        if element.name == "enabled" and element.get("resume") in ("true", "1"):
            kept.id = element.get("id")
            kept.received = 0
            self._resume_within_s = float(element.get("max") or _RESUME_WITHIN_S)
        elif element.name == "r":
            self._send_text(answer(kept.received))
        elif element.name in ("a", "resumed"):
            kept.acknowledge(read_count(element.get("h")))
            if element.name == "resumed" and self._resumed is not None:
                self._resumed.set_result(None)
        elif self._resumed is not None and not self._resumed.done():
            self._resumed.set_exception(_NotResumed("item-not-found", "not resumed"))

    async def _resume(self, kept: Resumable) -> None:
        """Connect again with the same session, until the server says that it is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._resume_within_s + _SERVER_AWAY_S
        attempt, reason = 0, "the session could not be resumed"
        while loop.time() < until:
            await asyncio.sleep(_RESUME_AFTER_S[min(attempt, len(_RESUME_AFTER_S) - 1)])
            attempt += 1
            self._resumed = loop.create_future()
            attrs = {"h": str(kept.received), "previd": kept.id}
            assert self._dialling is not None
            try:
                async with asyncio.timeout(_RESUME_TRY_S):
                    await self._dialling(Element("resume", attrs, ns=NS.SM))
                    await self._resumed
            except (_NotResumed, LoginFailed) as error:
                reason = str(error)
                break
            except (OSError, StreamError) as error:
                log.info("Not resumed yet: jid=%s reason=%s", kept.jid, error)
                if self._wire is not None:
                    self._wire.abort()
                continue
            log.info("Resumed: jid=%s", kept.jid)
            self._resumed = self._resuming = None
            for text in tuple(kept.unacknowledged):
                self._send_text(text)
            return
        self._resumed = self._resuming = None
        self._is_closing = True
        self._ended(reason)
        if self._wire is not None:
            self._wire.abort()

    def _secured(self) -> list[ClientEvent]:
        assert self._stream is not None
        return self._stream.secured()

    def _arrived(self, stanza: Element) -> None:
        if self._iqs.feed(stanza):
            return
        is_ping = stanza.get("type") == "get" and stanza.find("ping", NS.PING) is not None
        if stanza.name == "iq" and is_ping:
            self.send(iq_result(stanza))
        else:
            self.on_stanza(stanza)

    def _ended(self, reason: str, condition: str = "", text: str = "") -> None:
        if self._keepalive is not None:
            self._keepalive.cancel()
        if not self._ready.done():
            if condition:
                self._ready.set_exception(LoginFailed(reason))
            else:
                self._ready.set_exception(ConnectionError(reason))
            self._ready.exception()  # whoever waits gets it; nobody else has to
        if not self.closed.done():
            self.closed.set_result(reason)
            self._iqs.cancel(StreamError(condition or "connection-timeout", text or reason))

    async def _keep_alive(self) -> None:
        """Ping when the server has been silent, so that a dead connection is noticed."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._ping_interval_s)
            if loop.time() - self._heard < self._ping_interval_s:
                continue
            try:
                ping = iq("get", self._domain, Element("ping", ns=NS.PING))
                await self._iqs.request(ping, self._ping_timeout_s)
            except StanzaError:
                continue  # an error is a sign of life too
            except IqTimeout:
                if self._wire is not None:
                    self._wire.abort()
                if self._can_resume:
                    continue  # `_lost` follows, and what it does
                self._ended("the server does not answer pings")
                return
