"""Where stanzas go: to bound sessions, to the services of our domains, or back with an error.

There is no federation: a domain that nobody serves here does not exist.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from tertulia.errors import MalformedInput, PeerError
from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.errors import JidMalformed, RemoteServerNotFound, ServiceUnavailable
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import address, refusal
from tertulia.xmpp.xml import Element, serialise

log = logging.getLogger("tertulia.xmpp")


class Session(Protocol):
    """A bound resource: a client's connection, or a part of this process such as the focus."""

    @property
    def jid(self) -> Jid:
        """The full JID."""

    def deliver(self, stanza: Element) -> None:
        """Queue a stanza towards it. The stanza is shared with others: read it, never change it.

        Must neither raise nor route anything before it returns.
        """


@runtime_checkable
class WireSession(Protocol):
    """A session that wants text: a fan-out is then serialised once for all of them."""

    def deliver_text(self, text: str) -> None:
        """Queue a serialised stanza."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How a client came to us: facts that components need about its connection."""

    remote_ip: str = ""
    host: str = ""  # the Host header of its WebSocket: the name by which it knows this server
    room: str = ""  # query parameters of the service URL (signalling reference 1.1)
    token: str = ""
    previd: str = ""  # id of the session that its client had before (XEP-0198)

    @classmethod
    def load(cls, state: dict[str, Any]) -> Origin:
        """What `dataclasses.asdict` gave. Raises: TypeError when it is none."""
        return cls(**{**state, "admission": Admission(**state.get("admission", {}))})

    admission: Admission = GUEST  # what its login has shown


@runtime_checkable
class _Connected(Protocol):
    origin: Origin


class Fanout:
    """One stanza (without `to`) for many: serialised once, `to` spliced in for each.

    The stanza must not change afterwards.
    """

    __slots__ = ("_head", "_stanza", "_tail")

    def __init__(self, stanza: Element) -> None:
        self._stanza = stanza
        self._head = f"<{stanza.name} to='"
        self._tail = ""

    def text_for(self, to: str) -> str:
        if not self._tail:
            self._tail = "'" + serialise(self._stanza)[len(self._stanza.name) + 1 :]
        return self._head + _quoted(to) + self._tail

    def element_for(self, to: str) -> Element:
        """A stanza of its own over the shared children."""
        stanza = self._stanza
        twin = Element(stanza.name, {"to": to, **stanza.attrs}, ns=stanza.ns)
        twin.children = stanza.children
        return twin


class Router:
    """Sessions by full JID, services by domain."""

    def __init__(self) -> None:
        self._services: dict[str, Callable[[Element], None]] = {}
        self._sessions: dict[Jid, Session] = {}
        self._wires: dict[Jid, Callable[[str], None]] = {}  # those that take text
        self._resources: dict[Jid, dict[str, Session]] = {}  # by bare JID
        self._asleep: dict[Jid, Session] = {}
        self.unbound: list[Callable[[Jid], None]] = []  # told when a full JID is gone for good
        self.hibernated: list[Callable[[Jid], None]] = []  # told when it is gone and may come back
        self.woken: list[Callable[[Jid], None]] = []  # told when it is back, or has missed things
        self.readmitted: list[
            Callable[[Jid], None]
        ] = []  # told when its login shows something else
        self.secluded: frozenset[str] = frozenset()  # domains; see `accept`

    def serve(self, domain: str, handle: Callable[[Element], None]) -> None:
        """Give everything addressed to `domain`, or to a node at it, to `handle`.

        Full JIDs with a bound session come first. `handle` must not raise.
        """
        self._services[domain.lower()] = handle

    def bind(self, session: Session) -> Session | None:
        """Make a session reachable; the one that had the JID before is unbound and returned."""
        jid = session.jid
        displaced = self._sessions.get(jid) or self._asleep.get(jid)
        if displaced is not None:
            self.unbind(displaced)
        self._enter(session)
        return displaced

    def unbind(self, session: Session) -> None:
        """Forget a session and tell those who care. Nothing happens if it is not the bound one."""
        jid = session.jid
        if self._asleep.get(jid) is session:
            del self._asleep[jid]
        elif self._sessions.get(jid) is session:
            self._leave(jid)
        else:
            return
        for tell in self.unbound:
            tell(jid)

    def hibernate(self, session: Session) -> None:
        """Nobody can reach this session for now, but its JID is kept for its return."""
        jid = session.jid
        if self._sessions.get(jid) is session:
            self._leave(jid)
            self._asleep[jid] = session
            for tell in self.hibernated:
                tell(jid)

    def wake(self, session: Session) -> None:
        """A session is back: from hibernation, or it has missed what happened meanwhile."""
        jid = session.jid
        if self._asleep.get(jid) is session:
            del self._asleep[jid]
            self._enter(session)
        for tell in self.woken:
            tell(jid)

    def readmit(self, jid: Jid) -> None:
        """The login of a full JID shows something else than it did when it was bound."""
        for tell in self.readmitted:
            tell(jid)

    def is_asleep(self, jid: Jid) -> bool:
        """Whether that full JID hibernates."""
        return jid in self._asleep

    def _enter(self, session: Session) -> None:
        jid = session.jid
        self._sessions[jid] = session
        if isinstance(session, WireSession):
            self._wires[jid] = session.deliver_text
        self._resources.setdefault(jid.bare, {})[jid.resource] = session

    def _leave(self, jid: Jid) -> None:
        del self._sessions[jid]
        self._wires.pop(jid, None)
        resources = self._resources[jid.bare]
        del resources[jid.resource]
        if not resources:
            del self._resources[jid.bare]

    def session(self, jid: Jid) -> Session | None:
        return self._sessions.get(jid)

    def sessions_of(self, bare: Jid) -> list[Session]:
        return list(self._resources.get(bare, {}).values())

    def origin(self, jid: Jid) -> Origin | None:
        """How the client bound as `jid` connected; None for parts of this process."""
        session = self._sessions.get(jid) or self._asleep.get(jid)
        return session.origin if isinstance(session, _Connected) else None

    @property
    def sessions(self) -> int:
        """How many sessions are bound."""
        return len(self._sessions)

    def accept(self, stanza: Element) -> None:
        """Route what a client sent; its `from` is stamped.

        Users at a domain in `secluded` are reached through rooms alone: who was in a room with
        them once knows their addresses, and would reach them in every meeting after it. They seem
        not to be there.
        """
        to = address(stanza.get("to"))
        if to is not None and to.node and to.domain in self.secluded:
            sender = address(stanza.get("from"))
            if sender is None or sender.bare != to.bare:
                self._bounce(stanza, _nobody_there())
                return
        self.route(stanza)

    def route(self, stanza: Element) -> None:
        """Deliver a stanza whose `from` is stamped and trusted, or answer why not."""
        to = address(stanza.get("to"))
        if to is None:
            self._bounce(stanza, JidMalformed("the stanza has no valid address"))
            return
        if to.resource:
            session = self._sessions.get(to)
            if session is not None:
                session.deliver(stanza)
                return
        handle = self._services.get(to.domain)
        if handle is not None:
            handle(stanza)
        else:
            self._bounce(stanza, RemoteServerNotFound(f"{to.domain} is not served here"))

    def broadcast(
        self, fanout: Fanout, recipients: Iterable[Jid], *, even_asleep: bool = False
    ) -> None:
        """Deliver one stanza to many full JIDs; those not bound are passed over.

        Args:
            even_asleep: hibernating ones get it too, when they are back.
        """
        for jid in recipients:
            deliver_text = self._wires.get(jid)
            if deliver_text is not None:
                deliver_text(fanout.text_for(str(jid)))
                continue
            session = self._sessions.get(jid)
            if session is None and even_asleep:
                session = self._asleep.get(jid)
            if session is not None:
                session.deliver(fanout.element_for(str(jid)))

    def to_account(self, stanza: Element, to: Jid) -> None:
        """A stanza to a user without a bound session of that address (RFC 6121 §8.5).

        Messages to a bare JID reach all its sessions; presences are dropped; the rest is refused.
        """
        if stanza.name == "presence":
            return
        if stanza.name == "message" and not to.resource:
            sessions = self.sessions_of(to)
            for session in sessions:
                session.deliver(stanza)
            if sessions:
                return
        self._bounce(stanza, _nobody_there())

    def _bounce(self, stanza: Element, error: PeerError) -> None:
        answer = refusal(stanza, error)
        if answer is None or stanza.name == "presence":
            return
        try:
            sender = Jid.parse(stanza.get("from"))
        except MalformedInput:
            return
        session = self._sessions.get(sender)
        if session is not None:
            session.deliver(answer)
        elif (handle := self._services.get(sender.domain)) is not None:
            handle(answer)


def _quoted(text: str) -> str:
    """An attribute value; addresses hardly ever need it, so it looks before it replaces."""
    if "&" in text or "<" in text or "'" in text or ">" in text:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        text = text.replace("'", "&apos;")
    return text


def _nobody_there() -> ServiceUnavailable:
    return ServiceUnavailable("nobody is connected under that address")
