"""Administrators who have signed in: a random id in a cookie, kept in memory. Without I/O."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from tertulia.accounts.directory import Directory
from tertulia.accounts.passwords import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminLimits:
    admin_sessions: int = 100  # the one unused for longest ends first
    admin_unused_s: float = 3600.0
    admin_longest_s: float = 12 * 3600.0
    admin_signed_in_s: float = 3600.0  # of those from the provider, who has to be asked again then
    admin_message_characters: int = 1000  # of a message to a room
    admin_asks_per_s: float = 20.0  # questions of one session
    admin_asks_burst: int = 100


@dataclass(frozen=True, slots=True)
class Administrator:
    """As the log and the page name them."""

    name: str
    display_name: str


@dataclass(slots=True)
class _Session:
    who: Administrator
    keys: object  # of the password it was begun with; None: begun without one
    longest_s: float
    begun: float
    used: float


class AdminSessions:
    """Times are passed in, in seconds."""

    def __init__(self, directory: Directory, limits: AdminLimits) -> None:
        self._directory = directory
        self._limits = limits
        self._sessions: OrderedDict[str, _Session] = OrderedDict()  # by digest of the id

    def begin(self, account: Account, now: float) -> str:
        """Returns: the id, for the browser alone."""
        who = Administrator(account.name, account.display_name)
        return self._begin(_Session(who, account.keys, self._limits.admin_longest_s, now, now))

    def begin_signed_in(self, who: Administrator, now: float) -> str:
        """The same for somebody whom the provider has shown to be an administrator."""
        return self._begin(_Session(who, None, self._limits.admin_signed_in_s, now, now))

    def _begin(self, session: _Session) -> str:
        session_id = secrets.token_urlsafe(32)
        self._sessions[_digest(session_id)] = session
        while len(self._sessions) > self._limits.admin_sessions:
            self._sessions.popitem(last=False)
        return session_id

    def administrator(self, session_id: str, now: float) -> Administrator | None:
        """Who it is; None when it has ended, or the local account is no administrator any longer,
        or has another password."""
        digest = _digest(session_id)
        session = self._sessions.get(digest)
        if session is None:
            return None
        is_over = (
            now - session.used > self._limits.admin_unused_s
            or now - session.begun > session.longest_s
        )
        if is_over or not self._is_still_one(session):
            del self._sessions[digest]
            return None
        session.used = now
        self._sessions.move_to_end(digest)
        return session.who

    def _is_still_one(self, session: _Session) -> bool:
        if session.keys is None:
            return True  # the provider is asked again when the session is over
        account = self._directory.account(session.who.name)
        return account is not None and account.is_admin and account.keys == session.keys

    def end(self, session_id: str) -> None:
        self._sessions.pop(_digest(session_id), None)


def _digest(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
