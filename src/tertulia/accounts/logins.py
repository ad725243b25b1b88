"""Sessions of a login (signalling reference 3.4): a browser that has proved an account's password.

A stock client proves it on a second connection, is given a session id there, and shows that on the
first one, which stays a guest's. The id belongs to the browser (`machine-uid`) that logged in.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from tertulia.xmpp.jid import Jid


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginLimits:
    sessions: int = 10_000  # the one unused for longest ends first
    unused_s: float = 24 * 3600.0
    machine_uid_characters: int = 128


@dataclass(slots=True, kw_only=True)
class Login:
    id: str
    machine_uid: str
    account: str  # bare address
    used: float


class Logins:
    """Times are passed in, in seconds."""

    def __init__(self, limits: LoginLimits | None = None) -> None:
        self.limits = limits or LoginLimits()
        self._logins: OrderedDict[str, Login] = OrderedDict()
        self._of: dict[tuple[str, str], str] = {}  # (machine uid, account) -> id
        self._shown_by: dict[Jid, str] = {}  # full JID of a guest -> id

    def begin(self, machine_uid: str, account: str, now: float) -> Login:
        """The session of an account in a browser: the one it has, or a new one."""
        login = self._login(self._of.get((machine_uid, account), ""), now)
        if login is None:
            login = Login(
                id=secrets.token_urlsafe(24), machine_uid=machine_uid, account=account, used=now
            )
            self._logins[login.id] = login
            self._of[machine_uid, account] = login.id
            if len(self._logins) > self.limits.sessions:
                self.end(next(iter(self._logins)))
        return login

    def show(self, login_id: str, machine_uid: str, by: Jid | None, now: float) -> Login | None:
        """A guest shows an id; None when there is no such session, or not of that browser.

        Args:
            by: its full JID from then on has that account; None when it has none yet.
        """
        login = self._login(login_id, now)
        if login is None or not hmac.compare_digest(
            login.machine_uid.encode(), machine_uid.encode()
        ):
            return None
        if by is not None:
            self._shown_by[by] = login.id
        return login

    def account_of(self, jid: Jid) -> str:
        """The account whose session a guest has shown, "" for none."""
        login = self._logins.get(self._shown_by.get(jid, ""))
        return "" if login is None else login.account

    def end(self, login_id: str) -> bool:
        """Log out; False when there is no such session."""
        login = self._logins.pop(login_id, None)
        if login is None:
            return False
        del self._of[login.machine_uid, login.account]
        return True

    def end_of(self, account: str) -> None:
        """The account is gone, or its password is another one now."""
        for login in [each for each in self._logins.values() if each.account == account]:
            self.end(login.id)

    def forget(self, jid: Jid) -> None:
        """A guest's connection is gone for good."""
        self._shown_by.pop(jid, None)

    def _login(self, login_id: str, now: float) -> Login | None:
        login = self._logins.get(login_id)
        if login is None:
            return None
        if now - login.used > self.limits.unused_s:
            self.end(login_id)
            return None
        login.used = now
        self._logins.move_to_end(login_id)
        return login
