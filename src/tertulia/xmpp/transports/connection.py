"""What both server transports share: the stream core wired to the router and to one socket."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from tertulia.xmpp import refusals
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.pace import StanzaPace
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.stream import Arrived, Bound, Event, Over, Send, ServerStream, StartTls
from tertulia.xmpp.xml import Element, serialise

log = logging.getLogger("tertulia.xmpp")


class Wire(Protocol):
    """The socket, as far as a connection needs it. No method raises or waits."""

    def send(self, text: str) -> None:
        """Queue text (one frame)."""

    def queued_bytes(self) -> int:
        """What waits because the client does not read."""

    def start_tls(self) -> None:
        """Begin TLS after what is queued; the wire then calls `Connection.secured`."""

    def finish(self) -> None:
        """Close once everything queued has left."""

    def abort(self) -> None:
        """Close at once."""


class Connection:
    """One client: a Session of the router from its bind to its end.

    The transport calls `receive` for what arrives, `expire` when the login took too long, and
    `lost` exactly once when the socket is gone.
    """

    def __init__(
        self,
        stream: ServerStream,
        router: Router,
        wire: Wire,
        *,
        limits: XmppLimits,
        origin: Origin,
        now: float,
        on_login: Callable[[], None],
    ) -> None:
        """
        Args:
            on_login: called once, when the client is bound or gone without that.
        """
        self.origin = origin
        self._stream = stream
        self._router = router
        self._wire = wire
        self._limits = limits
        self._on_login: Callable[[], None] | None = on_login
        self._pace = StanzaPace(limits, now)
        self._has_account_pace = False
        self._is_bound = False
        self._is_stuck = False  # over outgoing_bytes: about to be disconnected

    @property
    def jid(self) -> Jid:
        assert self._stream.jid is not None
        return self._stream.jid

    @property
    def is_bound(self) -> bool:
        return self._is_bound

    def receive(self, data: str | bytes, now: float) -> float:
        """Take what arrived; seconds during which no more shall be read from this client."""
        events = self._stream.receive(data)
        self._perform(events)
        stanzas = sum(1 for event in events if isinstance(event, Arrived | Send))
        if self._stream.is_account and not self._has_account_pace:
            self._has_account_pace = True
            self._pace = StanzaPace.of_account(self._limits, now)
        pause_s = self._pace.count(now, stanzas) if stanzas else 0.0
        if pause_s and self._pace.is_overloaded(now):
            self.fail("policy-violation", "too many stanzas for too long (stanzas_per_s)")
        return pause_s

    def secured(self) -> None:
        self._stream.secured()

    def fail(self, condition: str, text: str = "") -> None:
        """End the stream with an error (RFC 6120 §4.9.3)."""
        self._perform(self._stream.fail(condition, text))

    def expire(self) -> None:
        """The time to log in is over."""
        if not self._is_bound:
            self.fail("connection-timeout", "the login took too long (authenticate_s)")

    def lost(self) -> None:
        """The socket is gone."""
        self._stream.close()
        self._leave()

    def deliver(self, stanza: Element) -> None:
        try:
            text = serialise(stanza)
        except ValueError:
            log.error(
                "Dropped a stanza that is no XML: to=%s from=%s", self.jid, stanza.get("from")
            )
            return
        self.deliver_text(text)

    def deliver_text(self, text: str) -> None:
        if not self._is_bound or self._is_stuck:
            return
        self._wire.send(text)
        if self._wire.queued_bytes() > self._limits.outgoing_bytes:
            # It leaves the router when the transport says that it is gone, not in the middle of
            # somebody else's fan-out.
            log.warning("Client does not read, disconnecting: jid=%s", self.jid)
            refusals.count("outgoing_bytes", "disconnected")
            self._is_stuck = True
            self._wire.abort()

    def _perform(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Send(text):
                    self._wire.send(text)
                case Arrived(stanza):
                    self._router.route(stanza)
                case Bound():
                    self._enter()
                case StartTls():
                    self._wire.start_tls()
                case Over(condition, text):
                    if condition:
                        refusals.count("stream", condition)
                        log.info(
                            "Stream closed: jid=%s ip=%s condition=%s text=%r",
                            self._stream.jid,
                            self.origin.remote_ip,
                            condition,
                            text,
                        )
                    self._leave()
                    self._wire.finish()

    def _enter(self) -> None:
        self._is_bound = True
        displaced = self._router.bind(self)
        if isinstance(displaced, Connection):
            # RFC 6120 §7.7.2.2: the newer one wins, so that a bridge whose old connection hangs
            # can come back at once.
            displaced.replaced()
        self._logged_in()

    def replaced(self) -> None:
        """Somebody else logged in to the same account with the same resource."""
        self._is_bound = False
        self.fail("conflict", "replaced by a new connection of the same resource")

    def _leave(self) -> None:
        if self._is_bound:
            self._is_bound = False
            self._router.unbind(self)
        self._logged_in()

    def _logged_in(self) -> None:
        if self._on_login is not None:
            tell, self._on_login = self._on_login, None
            tell()
