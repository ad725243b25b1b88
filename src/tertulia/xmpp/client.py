"""The XMPP client of bridges, bots and tests: one connection, over WebSocket or TCP.

Reconnecting is the caller's job; `closed` tells when.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from tertulia.errors import ConfigError
from tertulia.xmpp import ns as NS
from tertulia.xmpp.client_stream import ClientEvent, ClientStream, Login, Ready
from tertulia.xmpp.errors import IqTimeout, LoginFailed, StanzaError, StreamError
from tertulia.xmpp.framing import TcpFraming, WebSocketFraming
from tertulia.xmpp.iq import IqTracker
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import iq
from tertulia.xmpp.stream import Arrived, Over, Send, StartTls
from tertulia.xmpp.transports.dial import Dialled, dial_tcp, dial_websocket
from tertulia.xmpp.trust import Trust, is_loopback
from tertulia.xmpp.xml import Element, XmlLimits, iq_result, serialise

log = logging.getLogger("tertulia.xmpp")

DEFAULT_PATH = "/xmpp-websocket"
_CLOSE_S = 5.0
_FROM_SERVER = XmlLimits(max_bytes=4 * 1024 * 1024, max_elements=200_000)


class XmppClient:
    """One connection to a server; make a new client for the next one."""

    def __init__(
        self,
        on_stanza: Callable[[Element], None] = lambda stanza: None,
        *,
        ping_interval_s: float = 15.0,
        ping_timeout_s: float = 10.0,
    ) -> None:
        """
        Args:
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

    @property
    def jid(self) -> Jid:
        """The bound address; only after `connect`."""
        assert self._stream is not None
        assert self._stream.jid is not None
        return self._stream.jid

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
        try:
            async with asyncio.timeout(timeout_s):
                await self._dial(url, login, trust)
                jid = await self._ready
        except BaseException:
            self._ended("could not connect")
            if self._wire is not None:
                self._wire.abort()
            raise
        log.info("Connected: jid=%s server=%s", jid, parts.netloc)
        self._keepalive = asyncio.create_task(self._keep_alive())
        return jid

    async def _dial(self, url: str, login: Login, trust: Trust) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "xmpp" and host:
            self._stream = ClientStream(TcpFraming(_FROM_SERVER), login, secure=False)
            port = parts.port or 5222
            self._wire = await dial_tcp(host, port, trust, self._received, self._lost)
        elif parts.scheme in ("ws", "wss") and host:
            if parts.scheme == "ws" and not is_loopback(host):
                raise ConfigError(f"{url}: a connection without TLS is for this machine only")
            self._stream = ClientStream(WebSocketFraming(_FROM_SERVER), login, secure=True)
            path = parts.path if parts.path not in ("", "/") else DEFAULT_PATH
            full = parts._replace(path=path).geturl()
            self._wire = await dial_websocket(full, host, trust, self._received, self._lost)
        else:
            raise ConfigError(f"{url}: wss://host[:port][/path] or xmpp://host[:port] would do")
        self._perform(self._stream.begin())

    def send(self, stanza: Element) -> None:
        """Queue a stanza; silently dropped when the connection is gone."""
        if self._wire is not None and not self.closed.done():
            self._wire.send(serialise(stanza))

    async def request(self, stanza: Element, timeout_s: float = 15.0) -> Element:
        """Send an IQ and wait for its result. Raises: StanzaError, IqTimeout, StreamError."""
        if self.closed.done():
            raise StreamError("connection-timeout", "the connection is gone")
        return await self._iqs.request(stanza, timeout_s)

    async def close(self) -> None:
        """Log out and wait until the connection is closed."""
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
        if isinstance(error, LoginFailed | ssl.SSLCertVerificationError):
            self._ended(str(error), "not-authorized", str(error))
        else:
            self._ended(str(error or "the connection was lost"))

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
                    self._arrived(stanza)
                case Over(condition, text):
                    self._ended(f"{condition}: {text}" if text else condition, condition, text)
                    self._wire.finish()

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
                self._ended("the server does not answer pings")
                return
