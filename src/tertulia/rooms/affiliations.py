"""Who is what in a room (XEP-0045 §5.2), and who moderates for want of somebody else.

A breakout room has no affiliations of its own: those of its main room hold.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import ClassVar

from tertulia.rooms.kept import KeptRoom
from tertulia.rooms.occupant import Affiliation, Occupant
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.roster import Roster
from tertulia.xmpp.admission import Admission
from tertulia.xmpp.errors import NotAllowed, ResourceConstraint
from tertulia.xmpp.jid import Jid


class Affiliations:
    """The affiliations of one room, by bare JID.

    Attributes:
        main: those of the main room, in a breakout room.
    """

    REMEMBERED: ClassVar[tuple[str, ...]] = ("_lasting", "_hosts", "_elected", "_welcomed")

    def __init__(self, room: Jid, policy: RoomPolicy, roster: Roster) -> None:
        self.main: Affiliations | None = None
        self._room = room
        self._policy = policy
        self._roster = roster
        self._lasting: dict[Jid, Affiliation] = {}
        self._hosts: set[Jid] = set()  # whose room it is, by its account
        self._elected: Jid | None = None  # owner only as long as it is here
        # Who came as a moderator has had its affiliation; what others made of it then counts.
        self._welcomed: OrderedDict[Jid, None] = OrderedDict()

    @property
    def kept(self) -> KeptRoom | None:
        """What is laid down for the room whether or not anybody is here, if anything is."""
        return self._policy.kept(self._room)

    def of(self, jid: Jid) -> Affiliation:
        bare = jid.bare
        if bare in (self._policy.focus.bare, self._elected):
            return Affiliation.OWNER
        if self.main is not None:
            return self.main.of(bare)
        return self._lasting.get(bare, Affiliation.NONE)

    def all_of(self, affiliation: Affiliation) -> list[Jid]:
        """The bare JIDs that have it."""
        there = self.main or self
        elected = () if there._elected is None else (there._elected,)
        known = (*there._lasting, *elected, self._policy.focus.bare)
        return [jid for jid in dict.fromkeys(known) if self.of(jid) is affiliation]

    def has_owner(self) -> bool:
        """Whether one of those in the meeting is."""
        return any(self.of(bare) is Affiliation.OWNER for bare in self._roster.elsewhere) or any(
            each.affiliation is Affiliation.OWNER for each in self._roster.people()
        )

    def has_moderator(self) -> bool:
        return any(
            self.of(jid).rank >= Affiliation.ADMIN.rank
            for jid in (*self._roster.everybody(), *self._roster.elsewhere)
            if not self._roster.is_focus(jid)
        )

    # Given and taken

    def check_place(self, jid: Jid) -> None:
        """Raises: ResourceConstraint when the room cannot remember one more."""
        known = (self.main or self)._lasting
        if len(known) >= self._policy.limits.affiliations and jid.bare not in known:
            raise ResourceConstraint("the room knows too many people (affiliations)")

    def give(self, jid: Jid, affiliation: Affiliation) -> None:
        """What somebody was before counts no more."""
        self.forget(jid)
        if affiliation is not Affiliation.NONE:
            (self.main or self)._lasting[jid.bare] = affiliation

    def forget(self, jid: Jid) -> None:
        there = self.main or self
        there._lasting.pop(jid.bare, None)
        there._hosts.discard(jid.bare)
        if there._elected == jid.bare:
            there._elected = None

    def hand_on(self, before: Jid, now: Jid) -> None:
        """The same person is here under another address: what it was, it is there."""
        there = self.main or self
        affiliation, was_elected = self.of(before), there._elected == before.bare
        is_host = before.bare in there._hosts
        self.give(now, affiliation)
        self.forget(before)
        if was_elected:
            there._lasting.pop(now.bare, None)
            there._elected = now.bare
        if is_host:
            there._hosts.add(now.bare)

    def let_in(self, jid: Jid) -> None:
        """A member, unless it is something already. Raises: ResourceConstraint."""
        if self.of(jid) is Affiliation.NONE:
            self.check_place(jid)
            (self.main or self)._lasting[jid.bare] = Affiliation.MEMBER

    def spare_hosts(self, actor: Jid, whom: Jid) -> None:
        """Whose room it is, is not removed by those whom it made owners (decision 34).

        Raises: NotAllowed.
        """
        hosts = (self.main or self)._hosts
        is_theirs = whom.bare in hosts and actor.bare not in hosts
        if is_theirs and not self._roster.is_focus(actor):
            raise NotAllowed("the room is theirs")

    # By login

    def comes_as_owner(self, jid: Jid, admission: Admission) -> bool:
        """Whether its login makes somebody an owner, and nobody here has said otherwise yet."""
        if jid.bare in self._welcomed:
            return False
        kept = self.kept
        if kept is not None and kept.owner and admission.moderates is None:
            return admission.account == kept.owner
        return admission.is_moderator

    def welcome(self, jid: Jid, admission: Admission) -> None:
        """Somebody comes, or has logged in meanwhile."""
        if self.main is not None or not self.comes_as_owner(jid, admission):
            return
        self._lasting[jid.bare] = Affiliation.OWNER
        kept = self.kept
        if kept is not None and kept.owner and admission.account == kept.owner:
            self._hosts.add(jid.bare)
        self._welcomed[jid.bare] = None
        if len(self._welcomed) > self._policy.limits.affiliations:
            self._welcomed.popitem(last=False)

    # By election

    @property
    def _elects(self) -> bool:
        """Whether one of those present becomes owner for want of another."""
        kept = self.kept
        has_its_owner = kept is not None and bool(kept.owner)
        return self._policy.first_becomes_owner and self.main is None and not has_its_owner

    def elect(self, jid: Jid, admission: Admission) -> None:
        """The first person becomes owner, so that every meeting has a moderator."""
        if self._elects and admission.may_be_elected and not self.has_owner():
            self._elected = jid.bare

    def succeed(self, left: Jid) -> Occupant | None:
        """When the last owner has left, the person who is here longest takes over."""
        if left.bare == self._elected and not self._roster.holds_person(left):
            self._elected = None
        if not self._elects or self.has_owner():
            return None
        for each in self._roster.people():
            if each.admission.may_be_elected:
                self._elected = each.jid.bare
                return self.renewed(each)
        self._elected = next(iter(self._roster.elsewhere), None)
        return None

    def renewed(self, occupant: Occupant) -> Occupant:
        """An occupant with the affiliation that it has by now."""
        return self._roster.put(replace(occupant, affiliation=self.of(occupant.jid)))
