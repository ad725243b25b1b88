"""Bound clients as the router knows them: each outlives its connections if it asked for that.

    attached ──lost──> detached ──silence_s──> hibernating ──resume_s──> ended
        ^─────────────────┴──────── resumed ────────┘

A detached session is still reachable and in its rooms: what comes for it waits, and nobody notices
a short cut. A hibernating one is gone for everybody else (`Router.hibernate`) and comes back to its
place when the client does. Times are passed in, in seconds of any one clock; nothing here waits.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from typing import Protocol

from tertulia.errors import PeerError
from tertulia.xmpp import refusals
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.resumption import REQUEST, Resumable
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.xml import Element, serialise

log = logging.getLogger("tertulia.xmpp")

_ID_BYTES = 18  # 24 characters of [A-Za-z0-9_-], the only ones that clients pass on (1.1)
_REQUEST_EVERY = 50  # stanzas of ours after which the client is asked for its count

# Asked before a session goes on from a new connection: gives the origin that holds from then on,
# raises PeerError to refuse (a token that is no longer good, say).
MayResume = Callable[[Origin, Resumable], Origin]


def _from_anywhere(origin: Origin, kept: Resumable) -> Origin:
    return origin


class Scribe(Protocol):
    """Writes down for the next process what we took of clients, before they are told of it."""

    def noting(self, kept: Resumable, tell: Callable[[], None]) -> None:
        """Call `tell` once everything that came of this session up to now is written."""

    def note(self, kept: Resumable) -> None:
        """The same without waiting."""


class NoScribe:
    """Nothing outlives this process."""

    def noting(self, kept: Resumable, tell: Callable[[], None]) -> None:
        tell()

    def note(self, kept: Resumable) -> None: ...


class Carrier(Protocol):
    """What brings stanzas to the client at the moment: its connection."""

    def carry(self, text: str) -> None:
        """Queue text. Neither raises nor routes."""

    def replaced(self) -> None:
        """Another connection speaks for the session now: end this one."""


class ClientSession:
    """The `Session` of one client in the router."""

    __slots__ = (
        "_limits",
        "_unrequested",
        "carrier",
        "has_missed",
        "is_readmitted",
        "jid",
        "kept",
        "origin",
    )

    def __init__(self, jid: Jid, origin: Origin, limits: XmppLimits) -> None:
        self.jid = jid
        self.origin = origin
        self.kept: Resumable | None = None  # once its stanzas are counted
        self.carrier: Carrier | None = None  # None while it is detached
        self.has_missed = False  # what a former process had for it is lost
        self.is_readmitted = False  # its client came back as somebody else: with a new token
        self._limits = limits
        self._unrequested = 0

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
        kept = self.kept
        if kept is not None:
            kept.keep(text)
        carrier = self.carrier
        if carrier is not None:
            carrier.carry(text)
        if kept is not None:
            self._unrequested += 1
            if self._unrequested >= _REQUEST_EVERY:
                self.request_count()
                self._check_waiting(kept)

    def request_count(self) -> None:
        """Ask the client how much it has (XEP-0198 §4), if it was sent anything since."""
        if self._unrequested and self.carrier is not None:
            self._unrequested = 0
            self.carrier.carry(REQUEST)

    def send_again(self, kept: Resumable) -> None:
        """After a resumption: everything that the client may not have."""
        if self.carrier is not None:
            for text in kept.unacknowledged:
                self.carrier.carry(text)
            self._unrequested = len(kept.unacknowledged)

    def _check_waiting(self, kept: Resumable) -> None:
        limits = self._limits
        if (
            len(kept.unacknowledged) > limits.unacknowledged_stanzas
            or kept.characters > limits.unacknowledged_characters
        ):
            refusals.count("unacknowledged", "not resumable")
            log.info("Too much waits for a client, not resumable any more: jid=%s", self.jid)
            kept.give_up()


class Sessions:
    """All clients of this process, whatever they are connected by."""

    def __init__(
        self,
        router: Router,
        limits: XmppLimits,
        *,
        may_resume: MayResume = _from_anywhere,
    ) -> None:
        self._router = router
        self._limits = limits
        self._may_resume = may_resume
        self.scribe: Scribe = NoScribe()
        self._by_id: dict[str, ClientSession] = {}
        self._silent: dict[ClientSession, float] = {}  # detached ones: when they were heard last

    # For connections

    def open(
        self, carrier: Carrier, jid: Jid, origin: Origin, *, replaces: str = ""
    ) -> ClientSession:
        """A client has bound `jid`; `replaces` is the id of a session of its that ends now."""
        former = self._by_id.get(replaces)
        if former is not None:
            self.end(former)
        session = ClientSession(jid, origin, self._limits)
        session.carrier = carrier
        displaced = self._router.bind(session)
        if isinstance(displaced, ClientSession):
            # RFC 6120 §7.7.2.2: the newer one wins, so that a bridge whose old connection hangs
            # can come back at once.
            self.end(displaced)
        return session

    def count(self, session: ClientSession, kept: Resumable) -> None:
        """The session's stanzas are counted from now on."""
        session.kept = kept
        if kept.id:
            self._by_id[kept.id] = session

    def resume(self, carrier: Carrier, kept: Resumable) -> ClientSession | None:
        """Have a session that was claimed go on over another connection; then `wake` it."""
        session = self._by_id.get(kept.id)
        if session is None:
            return None
        former, session.carrier = session.carrier, carrier
        session.is_readmitted |= session.origin.admission != kept.origin.admission
        session.origin = kept.origin
        if former is not None:
            former.replaced()
        return session

    def wake(self, session: ClientSession) -> None:
        """The client has had what waited for it: it takes its place again."""
        self._silent.pop(session, None)
        if session.has_missed or self._router.is_asleep(session.jid):
            log.info("Session is back: jid=%s", session.jid)
            session.has_missed = False
            self._router.wake(session)
        if session.is_readmitted:
            session.is_readmitted = False
            self._router.readmit(session.jid)

    def detach(self, session: ClientSession, heard: float) -> None:
        """Its connection is gone; the last sign of life came at `heard`."""
        if session.kept is None or not session.kept.can_resume:
            self.end(session)
            return
        session.carrier = None
        self._silent[session] = heard

    def doze(self, session: ClientSession, heard: float) -> None:
        """As `detach`, of a client whose connection endures silence."""
        self._silent[session] = heard

    def end(self, session: ClientSession) -> None:
        """The session is over for good."""
        self._silent.pop(session, None)
        if session.kept is not None:
            self._by_id.pop(session.kept.id, None)
        former, session.carrier = session.carrier, None
        self._router.unbind(session)
        if former is not None:
            former.replaced()

    @property
    def are_any_silent(self) -> bool:
        """Whether anybody without a connection has to be looked after."""
        return bool(self._silent)

    def forgive(self, late_s: float) -> None:
        """We were late ourselves: nobody was silent in that time."""
        for session in self._silent:
            self._silent[session] += late_s

    def check(self, now: float) -> None:
        """Look after those without a connection; to be called about twice a second."""
        limits = self._limits
        for session, heard in list(self._silent.items()):
            silent_s = now - heard
            can_return = session.carrier is not None or (
                session.kept is not None and session.kept.can_resume
            )
            if not can_return or silent_s >= limits.resume_s:
                self.end(session)
            elif silent_s >= limits.silence_s and not self._router.is_asleep(session.jid):
                log.info("Session hibernates: jid=%s", session.jid)
                self._router.hibernate(session)
        for session in list(self._silent)[: -limits.hibernating_sessions or None]:
            refusals.count("hibernating_sessions", "ended")
            self.end(session)

    # For a restart of the process

    def dump(self) -> Iterator[Resumable]:
        """All that can be resumed, whether their clients are connected or not."""
        for session in self._by_id.values():
            if session.kept is not None and session.kept.can_resume:
                yield session.kept

    def load(self, kept: Resumable, now: float) -> None:
        """Take a session over from a former process: its client has until `resume_s` to come."""
        kept.is_restored = True
        kept.unacknowledged.clear()
        kept.characters = 0
        session = ClientSession(kept.jid, kept.origin, self._limits)
        session.kept = kept
        session.has_missed = True
        self._by_id[kept.id] = session
        self._silent[session] = now
        self._router.bind(session)

    @property
    def silence_s(self) -> float:
        """After how long without a sign of life others see somebody go."""
        return self._limits.silence_s

    def is_known(self, jid: Jid) -> bool:
        """Whether that full JID is somebody's, awake or asleep."""
        return self._router.session(jid) is not None or self._router.is_asleep(jid)

    # For streams (`Resumptions`)

    @property
    def max_s(self) -> int:
        return self._limits.resume_s

    def enable(self, jid: Jid, origin: Origin, *, is_account: bool, resume: bool) -> Resumable:
        sm_id = secrets.token_urlsafe(_ID_BYTES) if resume else ""
        return Resumable(id=sm_id, jid=jid, is_account=is_account, origin=origin)

    def claim(self, sm_id: str, *, domain: str, username: str, origin: Origin) -> Resumable | None:
        kept = self.proven(sm_id, domain=domain, username=username)
        if kept is None:
            return None
        try:
            kept.origin = self._may_resume(origin, kept)
        except PeerError as refused:
            log.info("Resumption refused: jid=%s reason=%s", kept.jid, refused)
            return None
        return kept

    def proven(self, sm_id: str, *, domain: str, username: str) -> Resumable | None:
        session = self._by_id.get(sm_id)
        kept = None if session is None else session.kept
        if kept is None or not kept.can_resume or kept.jid.domain != domain:
            return None
        if kept.is_account != bool(username) or (kept.is_account and kept.jid.node != username):
            return None
        return kept

    def resuming(self, kept: Resumable) -> None:
        self.scribe.note(kept)
