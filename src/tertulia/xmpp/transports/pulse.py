"""One timer for all clients: who is still there, and what becomes of those who are not.

A timer for each client would cost more than all the rest of an idle one (docs/performance.md).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.sessions import Sessions
from tertulia.xmpp.transports.connection import Connection

BEAT_S = 0.5
_LATE_S = 0.2  # from here on it is we who are slow, not the clients
_COUNTS_EVERY = 10  # beats after which clients are asked what they have
_LOOKS_EVERY = 4  # beats after which we look how much clients have read
_PROGRESS_BYTES = 1024  # so much read is a sign of life; less may be the kernel alone


class Socket(Protocol):
    """What can be done with a client's socket. No method raises or waits."""

    def ping(self) -> None:
        """Ask for a sign of life, which the transport notes in `Connection.heard`."""

    def unread_bytes(self) -> int:
        """What the client has not taken yet."""

    def sent_bytes(self) -> int:
        """What was ever sent to it; 0 always, where it fetches what there is."""


@dataclass(slots=True)
class _Watched:
    socket: Socket
    asked: float = 0.0
    unread: int = 0
    sent: int = 0  # bytes up to some moment, which the client has not all read
    since: float = 0.0  # that moment


class Pulse:
    """Beats while there is anybody to look after."""

    def __init__(self, sessions: Sessions, limits: XmppLimits) -> None:
        self._sessions = sessions
        self._limits = limits
        self._watched: dict[Connection, _Watched] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._beats = 0

    def watch(self, connection: Connection, socket: Socket) -> None:
        self._watched[connection] = _Watched(socket)
        self.start()

    def forget(self, connection: Connection) -> None:
        self._watched.pop(connection, None)

    def start(self) -> None:
        """Begin to beat, if it does not already."""
        if self._timer is None:
            self._next(asyncio.get_running_loop())

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + BEAT_S
        self._timer = loop.call_at(self._due, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        late_s = now - self._due
        if late_s > _LATE_S:
            self._sessions.forgive(late_s)
            for connection in self._watched:
                connection.heard = min(now, connection.heard + late_s)
        self.check(now)
        self._timer = None
        if self._watched or self._sessions.are_any_silent:
            self._next(loop)

    def check(self, now: float) -> None:
        """One beat."""
        limits = self._limits
        self._beats += 1
        asks_counts = self._beats % _COUNTS_EVERY == 0
        looks = self._beats % _LOOKS_EVERY == 0
        for connection, watched in list(self._watched.items()):
            if asks_counts:
                connection.request_count()
            if looks and self._is_behind(watched, now):
                self.forget(connection)
                connection.behind()
                continue
            silent_s = now - connection.heard
            if silent_s < limits.quiet_ping_s:
                continue
            if now - watched.asked >= limits.quiet_ping_s:
                # It may be reading a lot of what we sent, over a thin line, before it comes to
                # our ping.
                unread = watched.socket.unread_bytes()
                if watched.unread - unread >= _PROGRESS_BYTES:
                    connection.heard = now
                watched.unread = unread
                watched.asked = now
                watched.socket.ping()
            if silent_s >= limits.silence_s and connection.heard != now:
                self.forget(connection)
                connection.silent()
        self._sessions.check(now)

    def _is_behind(self, watched: _Watched, now: float) -> bool:
        """Whether the client has still not read what was sent `behind_s` ago."""
        sent = watched.socket.sent_bytes()
        if sent == 0:
            return False
        unread = watched.socket.unread_bytes()  # what is wrapped by TLS counts as more
        if unread == 0 or max(0, sent - unread) >= watched.sent:
            watched.sent, watched.since = sent, now
        return now - watched.since >= self._limits.behind_s
