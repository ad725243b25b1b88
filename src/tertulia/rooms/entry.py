"""Who may come into a room (XEP-0045 §7.2): bans, nicknames, logins, the lobby, the password."""

from __future__ import annotations

import hmac
from typing import ClassVar

from tertulia.rooms.administration import Configuration
from tertulia.rooms.affiliations import Affiliations
from tertulia.rooms.bans import Bans
from tertulia.rooms.errors import (
    AuthenticationRequired,
    Banned,
    DisplayNameRequired,
    MembersOnly,
    NicknameConflict,
    NicknameNotAllowed,
    NotPermitted,
    PasswordRequired,
    RoomAndTokenMismatched,
    RoomDoesNotExist,
    RoomIsFull,
)
from tertulia.rooms.let_in import LetIn
from tertulia.rooms.occupant import Affiliation
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.roster import FOCUS_NICK, Roster
from tertulia.xmpp.admission import Admission
from tertulia.xmpp.errors import ResourceConstraint
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.pace import TokenBucket


class Entry:
    """The door of one room.

    Attributes:
        main: that of the main room, in a breakout room; who was banned there is banned here.
        configuration: the password, and whether people knock.
        bans: who was banned, as far as it can be told when they come again.
    """

    REMEMBERED: ClassVar[tuple[str, ...]] = ("configuration", "bans", "_let_in", "_tries")

    def __init__(
        self, room: Jid, policy: RoomPolicy, roster: Roster, affiliations: Affiliations
    ) -> None:
        self.main: Entry | None = None
        kept = policy.kept(room)
        self.configuration = Configuration()
        if kept is not None:
            self.configuration = Configuration(password=kept.password, members_only=kept.lobby)
        self.bans = Bans(policy.limits.bans)
        self._let_in = LetIn(policy.limits.affiliations)
        self._tries: dict[Jid, TokenBucket] = {}
        self._room = room
        self._policy = policy
        self._limits = policy.limits
        self._roster = roster
        self._affiliations = affiliations

    @property
    def lobby(self) -> str:
        """The address of the lobby, "" while there is none."""
        if not self.configuration.members_only or self.main is not None or not self._policy.lobbies:
            return ""
        return f"{self._room.node}@{self._policy.lobbies}"

    # Who stays outside for good

    def keeps_away(self, jid: Jid, name: str) -> bool:
        """Whether somebody may not even knock: it was banned, as far as can be told."""
        is_outcast = self._affiliations.of(jid) is Affiliation.OUTCAST
        return is_outcast or self.bans.holds(jid, self._policy.trace_of(jid), name)

    def ban(self, jid: Jid, name: str) -> None:
        there = self.main or self
        there.bans.add(jid.bare, self._policy.trace_of(jid), name)
        there._let_in.forget(jid.bare)

    def lift_ban(self, jid: Jid) -> None:
        (self.main or self).bans.lift(jid)

    # Who has been let in

    def came_in(self, jid: Jid) -> None:
        """Who was inside while there is a lobby need not knock when it comes back."""
        if self.configuration.members_only:
            self._let_in.add(jid, self._policy.trace_of(jid))

    def let_in(self, jid: Jid) -> None:
        self._let_in.add(jid, self._policy.trace_of(jid))

    def removed(self, jid: Jid) -> None:
        """Somebody was removed: it knocks when it comes back."""
        (self.main or self)._let_in.forget(jid)

    # Who comes

    def check(
        self,
        jid: Jid,
        nick: str,
        admission: Admission,
        *,
        name: str,
        password: str,
        now: float,
        takes_over: bool = False,
    ) -> None:
        """Whether somebody may come in now under this nickname.

        Args:
            takes_over: the same person is here already, and leaves when this one is in.
        Raises: PeerError.
        """
        is_focus = self._roster.is_focus(jid)
        affiliation = self._affiliations.of(jid)
        if not self._policy.may_enter(jid) or affiliation is Affiliation.OUTCAST:
            raise Banned("you may not enter this room")
        if affiliation is Affiliation.NONE and (self.main or self).keeps_away(jid, name):
            raise Banned("you were removed from this meeting and may not come back")
        self._check_nick(jid, nick)
        if is_focus:
            return
        if self.main is not None:
            self.main.may_visit(jid)
        elif not self._policy.may_join(admission) and not self._policy.is_internal(jid):
            raise AuthenticationRequired
        elif not admission.is_for(self._room.node):
            raise RoomAndTokenMismatched
        elif self._affiliations.comes_as_owner(jid, admission):
            affiliation = Affiliation.OWNER
        if takes_over:
            return
        is_known = affiliation.rank >= Affiliation.MEMBER.rank or self._was_let_in(jid)
        if not is_known and self._keeps_out(admission):
            self._bypass(jid, name, password, now)
        elif self.configuration.password and not self._needs_no_password(affiliation, is_known):
            self._check_password(jid, password, now)
        if self._roster.size >= self._limits.occupants:
            raise RoomIsFull(self._limits.occupants)

    def may_visit(self, jid: Jid) -> None:
        """Whether somebody may enter a breakout room of this room: those who are of it.

        Raises: NotPermitted.
        """
        if not self._roster.holds_person(jid):
            raise NotPermitted("breakout rooms are for those who came through the main room")

    def _check_nick(self, jid: Jid, nick: str) -> None:
        is_focus = self._roster.is_focus(jid)
        if (nick.lower() == FOCUS_NICK) != is_focus or (is_focus and nick != FOCUS_NICK):
            raise NicknameNotAllowed("that nickname is reserved")
        if len(nick) > self._limits.nick_characters or not self._policy.nick.fullmatch(nick):
            raise NicknameNotAllowed("nicknames are letters, digits and underscores")
        if self._policy.needs_focus and not self._roster.has_focus and not is_focus:
            raise RoomDoesNotExist
        if self._roster.is_taken(nick, jid):
            raise NicknameConflict(nick)

    def _was_let_in(self, jid: Jid) -> bool:
        is_known = self._let_in.holds(jid, self._policy.trace_of(jid))
        return self.configuration.members_only and is_known

    def _keeps_out(self, admission: Admission) -> bool:
        """Whether somebody without an affiliation has to stay outside, or to knock."""
        kept = self._affiliations.kept
        if kept is not None and kept.members_only:
            return not admission.is_authenticated
        return self.configuration.members_only

    def _bypass(self, jid: Jid, name: str, password: str, now: float) -> None:
        """Who knows the password need not knock (signalling reference 6.4); the others may."""
        if password and self.lobby and self.configuration.password:
            try:
                self._check_password(jid, password, now)
            except PasswordRequired:
                pass  # a wrong one is no better than none
            else:
                return
        if self.lobby and not name:
            raise DisplayNameRequired
        raise MembersOnly(self.lobby, waiting_for_host=not self._affiliations.has_moderator())

    def _needs_no_password(self, affiliation: Affiliation, is_known: bool) -> bool:
        """Owners need none, nor who was let in from a lobby: it is not told the password."""
        return affiliation is Affiliation.OWNER or (is_known and self.configuration.members_only)

    def _check_password(self, jid: Jid, password: str, now: float) -> None:
        if not password:
            raise PasswordRequired
        tries = self._tries.get(jid.bare)
        if tries is None:
            per_minute = self._limits.password_tries_per_minute
            if len(self._tries) >= self._limits.affiliations:
                self._tries.pop(next(iter(self._tries)))
            tries = self._tries[jid.bare] = TokenBucket(per_minute / 60, per_minute, now)
        if not tries.take(now):
            raise ResourceConstraint("too many passwords tried (password_tries_per_minute)")
        if not hmac.compare_digest(password.encode(), self.configuration.password.encode()):
            raise PasswordRequired
