"""The entrance of a site: who may come in, who may open a room, and as whom each is known there.

To open a room and to join one are two rights. Everything a client shows is checked here once, when
it logs in or asks for a conference; what came out stays with its session as an `Admission`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from tertulia.accounts.directory import Directory
from tertulia.accounts.errors import AccountError, TokenRefused
from tertulia.accounts.kept_rooms import KeptRooms
from tertulia.accounts.logins import Logins
from tertulia.accounts.passwords import account_name
from tertulia.accounts.tokens import Tokens
from tertulia.focus.component import Asked, SessionInvalid, Visit
from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.errors import NotAcceptable, NotAuthorized
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Origin
from tertulia.xmpp.sasl import SaslFailure


class Who(StrEnum):
    """For whom something is."""

    EVERYBODY = "everybody"
    ACCOUNTS = "accounts"  # who logged in with a password, or has a token
    OWNER = "owner"  # of a kept room


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    opens: Who = Who.EVERYBODY  # who may open rooms
    joins: Who = Who.EVERYBODY  # who may come into rooms that are open


class Entrance:
    """Wired to logins (`admit`), to rooms (`admission_of`) and to the focus (`ask`, `log_out`)."""

    def __init__(
        self,
        host: str,
        access: Access,
        *,
        directory: Directory,
        kept_rooms: KeptRooms,
        tokens: Tokens,
        logins: Logins,
        origin_of: Callable[[Jid], Origin | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            origin_of: how the client bound as a full JID came here.
            clock: seconds since the epoch.
        """
        self._host = host
        self._access = access
        self._directory = directory
        self._kept_rooms = kept_rooms
        self._tokens = tokens
        self._logins = logins
        self._origin_of = origin_of
        self._clock = clock
        self.on_proved: Callable[[Jid], None] = lambda jid: None  # a guest has shown its login

    # Logins

    def takes_guests(self, domain: str, origin: Origin) -> bool:
        """Whether ANONYMOUS is offered at a domain to somebody who came like that.

        With a token it always is, since that is how tokens come (signalling reference 1.5). On the
        main domain guests without one are asked for a password where one is needed for anything:
        they are told to use the domain of guests instead, and to log in from there.
        """
        needs_account = Who.ACCOUNTS in (self._access.opens, self._access.joins)
        return (
            bool(origin.token)
            or self._directory.is_empty
            or domain != self._host
            or not needs_account
        )

    def admit(self, username: str, origin: Origin, earlier: Origin | None) -> Admission:
        """As whom somebody is let in.

        Args:
            username: that of a password, "" without one.
            earlier: how it had come for a session that goes on now, or is followed by a new one.
        Raises: SaslFailure with a text for the person.
        """
        if username:
            return self._with_password(username)
        if earlier is not None and origin.token in ("", earlier.token):
            return earlier.admission  # it was good when the meeting began
        if origin.token:
            return self._tokens.admission(origin.token, self._clock())
        if self._access.joins is not Who.EVERYBODY and self._directory.is_empty:
            raise TokenRefused("token required")
        return GUEST  # who may still log in, from a second connection

    def may_join(self, admission: Admission) -> bool:
        """Whether somebody may come into rooms at all."""
        return self._access.joins is Who.EVERYBODY or admission.is_authenticated

    def resume(self, origin: Origin, earlier: Origin) -> Origin:
        """The origin of a session that goes on from a new connection (XEP-0198), admitted again.

        What a new token says holds from now on if it is for the room for which the earlier one
        was; else the earlier claims stay (signalling reference 1.5).
        """
        if not origin.token or origin.admission.room != earlier.admission.room:
            return replace(origin, token=earlier.token, admission=earlier.admission)
        return origin

    def admission_of(self, jid: Jid) -> Admission:
        """What is known of a full JID: by its own login, and by one that it has shown since."""
        origin = self._origin_of(jid)
        admission = GUEST if origin is None else origin.admission
        return _logged_in(admission, self._logins.account_of(jid))

    def gone(self, jid: Jid) -> None:
        """A full JID is not bound any more."""
        self._logins.forget(jid)

    # Conference requests

    @property
    def has_logins(self) -> bool:
        """Whether a login with a password is of any use here."""
        return not self._directory.is_empty

    def ask(
        self,
        room: Jid | None,
        by: Jid | None,
        asked: Asked,
        *,
        is_open: bool,
        origin: Origin | None = None,
    ) -> Visit:
        """Somebody asks for a conference. Raises: PeerError when it may not have it (3.3)."""
        visit = self._visit(by, asked)
        if room is None:
            return visit
        if by is not None:
            admission = self.admission_of(by)
        else:
            shown = GUEST if origin is None else origin.admission
            admission = _logged_in(shown, visit.identity)
        if not admission.is_for(room.node):
            # Stock clients show the reason when the room says it; here it would be "no conference".
            return replace(visit, is_refused_by_room=True)
        if not self.may_join(admission):
            raise NotAuthorized("log in to join this room")
        if not is_open and not self.may_open(room.node, admission):
            raise NotAuthorized("the host has not opened this room yet")
        return visit

    def may_open(self, room: str, admission: Admission) -> bool:
        """Whether somebody may be the first in a room."""
        kept = self._kept_rooms.room(room)
        if kept is not None and kept.lobby:
            return True  # it is there already: one can knock, and nobody is let in before the host
        who = Who(kept.may_open) if kept is not None and kept.may_open else self._access.opens
        if who is Who.EVERYBODY:
            return True
        if who is Who.OWNER and kept is not None and admission.moderates is None:
            return bool(kept.owner) and admission.account == kept.owner
        return admission.is_moderator

    def log_out(self, login_id: str) -> None:
        """End the session of a login. Raises: SessionInvalid."""
        if not self._logins.end(login_id):
            raise SessionInvalid

    def _visit(self, by: Jid | None, asked: Asked) -> Visit:
        origin = None if by is None else self._origin_of(by)
        account = "" if origin is None else origin.admission.account
        limit = self._logins.limits.machine_uid_characters
        if len(asked.machine_uid) > limit:
            raise NotAcceptable(f"a machine-uid is over {limit} characters")
        if account:
            if not asked.machine_uid:
                raise NotAcceptable("a machine-uid is needed to log in")
            login = self._logins.begin(asked.machine_uid, account, self._clock())
            return Visit(identity=account, session_id=login.id)
        if asked.session_id:
            shown = self._logins.show(asked.session_id, asked.machine_uid, by, self._clock())
            if shown is None:
                raise SessionInvalid
            if by is not None:
                self.on_proved(by)
            return Visit(identity=shown.account, session_id=shown.id)
        return Visit()

    def _with_password(self, username: str) -> Admission:
        try:
            name = account_name(username)
        except AccountError as error:
            raise SaslFailure("not-authorized", str(error)) from None
        return Admission(is_authenticated=True, account=f"{name}@{self._host}")


def _logged_in(admission: Admission, account: str) -> Admission:
    """What is known of somebody who has also proved an account; "" for none."""
    if not account:
        return admission
    return replace(admission, is_authenticated=True, account=account, moderates=None)
