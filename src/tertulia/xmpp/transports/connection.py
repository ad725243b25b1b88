"""What both server transports share: the stream core wired to the router and to one socket."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from tertulia.xmpp import refusals
from tertulia.xmpp.framing import Incoming
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.pace import StanzaPace
from tertulia.xmpp.resumption import Resumable, answer, resumed
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.sessions import ClientSession, Sessions
from tertulia.xmpp.stream import ServerStream
from tertulia.xmpp.stream_events import (
    Arrived,
    Bound,
    CountAsked,
    Enabled,
    Event,
    Over,
    Reply,
    Resumed,
    Send,
    StartTls,
)

log = logging.getLogger("tertulia.xmpp")


_COUNTED = (Arrived, Send, Reply, CountAsked)  # what a client makes us do, as its pace counts it


class Wire(Protocol):
    """The socket, as far as a connection needs it. No method raises or waits."""

    def send(self, text: str) -> None:
        """Queue text (one frame)."""

    def queued_bytes(self) -> int:
        """What waits because the client does not read."""

    def start_tls(self) -> None:
        """Begin TLS after what is queued; the wire then calls `Connection.secured`."""

    def finish(self, reason: str = "") -> None:
        """Close once everything queued has left; say why, where that can be said."""

    def abort(self) -> None:
        """Close at once."""


class Connection:
    """One client's way to us: from its first byte to its last, or until another takes its place.

    The transport calls `receive` for what arrives, `expire` when the login took too long, and
    `lost` exactly once when the socket is gone.
    """

    def __init__(
        self,
        stream: ServerStream,
        sessions: Sessions,
        router: Router,
        wire: Wire,
        *,
        limits: XmppLimits,
        origin: Origin,
        now: float,
        on_login: Callable[[], None],
        endures_silence: bool = False,
    ) -> None:
        """
        Args:
            on_login: called once, when the client is bound or gone without that.
            endures_silence: the transport itself goes on after a cut (BOSH), so that a silent
                client keeps its connection, and its session hibernates without XEP-0198.
        """
        self.origin = origin
        self.heard = now  # when the last sign of life came; transports move it on for pongs
        self._stream = stream
        self._sessions = sessions
        self._router = router
        self._wire = wire
        self._limits = limits
        self._on_login: Callable[[], None] | None = on_login
        self._pace = StanzaPace(limits, now)
        self._has_account_pace = False
        self._session: ClientSession | None = None
        self._endures_silence = endures_silence
        self._is_stuck = False  # over outgoing_bytes: about to be disconnected

    @property
    def jid(self) -> Jid:
        assert self._stream.jid is not None
        return self._stream.jid

    @property
    def is_bound(self) -> bool:
        return self._session is not None

    @property
    def is_account(self) -> bool:
        return self._stream.is_account

    def receive(self, data: Incoming, now: float, size: int = 0) -> float:
        """Take what arrived; seconds during which no more shall be read from this client.

        Args:
            size: bytes of what was parsed before, which does not tell itself.
        """
        self.heard = now
        if self._endures_silence and self._session is not None:
            self._sessions.wake(self._session)
        events = self._stream.receive(data)
        self._perform(events)
        stanzas = sum(1 for event in events if isinstance(event, _COUNTED))
        if self._stream.is_account and not self._has_account_pace:
            self._has_account_pace = True
            self._pace = StanzaPace.of_account(self._limits, now)
        size = len(data) if isinstance(data, str | bytes) else size
        pause_s = self._pace.count(now, stanzas, size) if size or stanzas else 0.0
        if pause_s and self._pace.is_overloaded(now):
            self.fail("policy-violation", "too much for too long (stanzas_per_s, sent_bytes_per_s)")
        return pause_s

    def secured(self) -> None:
        self._stream.secured()

    def fail(self, condition: str, text: str = "") -> None:
        """End the stream with an error (RFC 6120 §4.9.3)."""
        self._perform(self._stream.fail(condition, text))

    def expire(self) -> None:
        """The time to log in is over."""
        if not self.is_bound:
            self.fail("connection-timeout", "the login took too long (authenticate_s)")

    def silent(self) -> None:
        """Nothing was heard for `silence_s`: give the connection up, as if the socket were gone."""
        if self._endures_silence and self._session is not None:
            self._sessions.doze(self._session, self.heard)
            return
        refusals.count("silence_s", "disconnected")
        log.info("Client is silent, disconnecting: jid=%s", self._stream.jid)
        self.lost()
        self._wire.abort()

    def behind(self) -> None:
        """The client has not read for `behind_s` what was sent to it."""
        self._give_up("Client reads too slowly", "behind_s")

    def shut_down(self) -> None:
        """The server stops (§4.9.3.21); the session can be resumed, from the next process too."""
        self._detach()
        self.fail("system-shutdown")

    def lost(self) -> None:
        """The socket is gone."""
        self._stream.close()
        self._detach()
        self._logged_in()

    def request_count(self) -> None:
        """Ask the client what it has, if anything was sent since it was asked last."""
        if self._session is not None:
            self._session.request_count()

    def carry(self, text: str) -> None:
        """Queue what its session gets (`Carrier`)."""
        if self._is_stuck:
            return
        self._wire.send(text)
        if self._wire.queued_bytes() > self._limits.outgoing_bytes:
            # It leaves the router when the transport says that it is gone, not in the middle of
            # somebody else's fan-out.
            self._give_up("Client does not read", "outgoing_bytes")

    def _give_up(self, why: str, limit: str) -> None:
        log.warning("%s (%s), disconnecting: jid=%s", why, limit, self._stream.jid)
        refusals.count(limit, "disconnected")
        self._is_stuck = True
        self._wire.abort()

    def replaced(self) -> None:
        """Another connection has this one's session or address (`Carrier`)."""
        self._session = None
        self.fail("conflict", "replaced by a new connection of the same session or resource")

    def _perform(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Arrived(stanza):
                    self._router.accept(stanza)
                case Send(text):
                    self._wire.send(text)
                case Reply(text):
                    if self._session is None:
                        self._wire.send(text)
                    else:
                        self._session.deliver_text(text)
                case Bound(jid, replaces):
                    admission = self._stream.origin.admission
                    self.origin = replace(self.origin, admission=admission)
                    self._session = self._sessions.open(self, jid, self.origin, replaces=replaces)
                    self._logged_in()
                case Enabled(kept):
                    if self._session is not None:
                        self._sessions.count(self._session, kept)
                case CountAsked(h):
                    tell = partial(self._wire.send, answer(h))
                    if self._stream.kept is not None:
                        self._sessions.scribe.noting(self._stream.kept, tell)
                case Resumed(kept):
                    self._resumed(kept)
                case StartTls():
                    self._wire.start_tls()
                case Over(condition, text):
                    self._over(condition, text)

    def _resumed(self, kept: Resumable) -> None:
        self._wire.send(resumed(kept))
        session = self._session = self._sessions.resume(self, kept)
        if session is not None:
            session.send_again(kept)
            self._sessions.wake(session)
            session.request_count()
        self._logged_in()

    def _over(self, condition: str, text: str) -> None:
        if condition:
            refusals.count("stream", condition)
            log.info(
                "Stream closed: jid=%s ip=%s condition=%s text=%r",
                self._stream.jid,
                self.origin.remote_ip,
                condition,
                text,
            )
        session, self._session = self._session, None
        if session is not None:
            session.carrier = None
            self._sessions.end(session)
        self._logged_in()
        self._wire.finish(f"{condition}: {text}" if text else condition)

    def _detach(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        session.carrier = None
        if self._is_stuck:  # it would only fill up again
            self._sessions.end(session)
        else:
            self._sessions.detach(session, self.heard)

    def _logged_in(self) -> None:
        if self._on_login is not None:
            tell, self._on_login = self._on_login, None
            tell()
