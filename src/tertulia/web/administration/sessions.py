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
    admin_message_characters: int = 1000  # of a message to a room
    admin_asks_per_s: float = 20.0  # questions of one session
    admin_asks_burst: int = 100


@dataclass(slots=True)
class _Session:
    name: str
    keys: object  # of the password it was begun with
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
        session_id = secrets.token_urlsafe(32)
        self._sessions[_digest(session_id)] = _Session(account.name, account.keys, now, now)
        while len(self._sessions) > self._limits.admin_sessions:
            self._sessions.popitem(last=False)
        return session_id

    def account(self, session_id: str, now: float) -> Account | None:
        """Who it is; None when it has ended, or the account is no administrator any longer, or
        has another password."""
        digest = _digest(session_id)
        session = self._sessions.get(digest)
        if session is None:
            return None
        account = self._directory.account(session.name)
        is_over = (
            now - session.used > self._limits.admin_unused_s
            or now - session.begun > self._limits.admin_longest_s
        )
        if is_over or account is None or not account.is_admin or account.keys != session.keys:
            del self._sessions[digest]
            return None
        session.used = now
        self._sessions.move_to_end(digest)
        return account

    def end(self, session_id: str) -> None:
        self._sessions.pop(_digest(session_id), None)


def _digest(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
