"""What moderators and owners do with a room and its people (XEP-0045 §8 to §10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tertulia.rooms import claims
from tertulia.rooms.administration import AffiliationChange, Configuration, Kick
from tertulia.rooms.affiliations import Affiliations
from tertulia.rooms.entry import Entry
from tertulia.rooms.errors import NotPermitted
from tertulia.rooms.events import (
    BANNED,
    KICKED,
    SELF_PRESENCE,
    Delivery,
    Disappeared,
    configuration_changed,
)
from tertulia.rooms.occupant import Affiliation, Occupant
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.presences import Presences
from tertulia.rooms.roster import Roster
from tertulia.rooms.visits import Visits
from tertulia.xmpp.errors import BadRequest, Conflict, ItemNotFound, NotAllowed
from tertulia.xmpp.jid import Jid


class Leading:
    """Those who lead one room.

    Attributes:
        ended_because: the reason with which the room was ended, for its breakout rooms; a room
            that has ended is not remembered.
    """

    def __init__(
        self,
        room: Jid,
        policy: RoomPolicy,
        *,
        roster: Roster,
        affiliations: Affiliations,
        entry: Entry,
        presences: Presences,
        visits: Visits,
    ) -> None:
        self.ended_because = ""
        self._room = room
        self._policy = policy
        self._limits = policy.limits
        self._roster = roster
        self._affiliations = affiliations
        self._entry = entry
        self._presences = presences
        self._visits = visits

    # People

    def administer(self, actor: Jid, changes: Sequence[AffiliationChange | Kick]) -> list[Delivery]:
        """Carry out the items of one muc#admin request: all of them, or none."""
        for change in changes:
            if isinstance(change, Kick):
                self._may_kick(actor, change)
            else:
                self._may_affiliate(actor, change)
        deliveries: list[Delivery] = []
        for change in changes:
            if isinstance(change, AffiliationChange):
                deliveries += self._affiliate(actor, change)
            elif self._roster.occupant(change.nick) is not None:  # the same one may be named twice
                deliveries += self.kick(actor, change)
        return deliveries

    def kick(self, actor: Jid, kick: Kick) -> list[Delivery]:
        """Remove an occupant (§8.2); its affiliation does not outlive it (reference 4.7)."""
        moderator, victim = self._may_kick(actor, kick)
        self._affiliations.forget(victim.jid)
        self._entry.removed(victim.jid)
        gone = replace(victim, affiliation=Affiliation.NONE)
        reason = kick.reason[: self._limits.reason_characters]
        return self._visits.removed(
            victim,
            Disappeared(to=(), occupant=gone, codes=(KICKED,), actor=moderator.nick, reason=reason),
        )

    def _may_kick(self, actor: Jid, kick: Kick) -> tuple[Occupant, Occupant]:
        moderator = self._roster.known(actor)
        victim = self._roster.occupant(kick.nick)
        if moderator.affiliation.rank < Affiliation.ADMIN.rank:
            raise NotPermitted("only moderators remove people")
        if victim is None:
            raise ItemNotFound("no such nickname")
        if self._roster.is_focus(victim.jid):
            raise NotAllowed("the focus stays")
        if victim.affiliation.rank > moderator.affiliation.rank:
            raise NotAllowed("that occupant has a higher affiliation")
        self._affiliations.spare_hosts(actor, victim.jid)
        return moderator, victim

    def _may_affiliate(self, actor: Jid, change: AffiliationChange) -> None:
        """Owners change everything (§5.2); admins what is below them (decision 34)."""
        moderator = self._roster.known(actor)
        bare = change.jid.bare
        rank = moderator.affiliation.rank
        if rank < Affiliation.ADMIN.rank:
            raise NotPermitted("only moderators change what others are")
        highest = max(change.affiliation.rank, self._affiliations.of(bare).rank)
        if moderator.affiliation is not Affiliation.OWNER and highest >= rank:
            raise NotPermitted("only owners make moderators, or take that from them")
        if self._roster.is_focus(bare):
            raise NotAllowed("the focus owns the room")
        if change.affiliation is not Affiliation.OWNER:
            self._affiliations.spare_hosts(actor, bare)
        self._affiliations.check_place(bare)
        if change.affiliation is not Affiliation.OWNER and not self._roster.is_focus(actor):
            people = self._roster.people()
            if {e.jid.bare for e in people if e.affiliation is Affiliation.OWNER} == {bare}:
                raise Conflict("a room keeps one owner")  # §10.4

    def _affiliate(self, actor: Jid, change: AffiliationChange) -> list[Delivery]:
        bare = change.jid.bare
        self._entry.lift_ban(bare)
        self._affiliations.give(bare, change.affiliation)
        deliveries: list[Delivery] = []
        for each in self._roster.of_person(bare):
            changed = self._affiliations.renewed(each)
            if change.affiliation is Affiliation.OUTCAST:
                self._entry.ban(each.jid, claims.name_in(each.presence))
                moderator = self._roster.known(actor).nick
                reason = change.reason[: self._limits.reason_characters]
                farewell = Disappeared(
                    to=(), occupant=changed, codes=(BANNED,), actor=moderator, reason=reason
                )
                deliveries += self._visits.removed(changed, farewell)
            else:
                deliveries += self._presences.shown(changed)
        return deliveries

    # The room

    def owner(self, jid: Jid) -> Occupant:
        """The occupant with this full JID, who owns the room. Raises: NotPermitted, NotInRoom."""
        occupant = self._roster.known(jid)
        if occupant.affiliation is not Affiliation.OWNER:
            raise NotPermitted("only owners may do that")
        return occupant

    def configure(self, actor: Jid, configuration: Configuration) -> list[Delivery]:
        """Owners change the room (§10.2); everybody is told that something changed."""
        self.owner(actor)
        if len(configuration.password) > self._limits.password_characters:
            raise BadRequest("the password is too long (password_characters)")
        self._entry.configuration = configuration
        kept = self._affiliations.kept
        if kept is not None:
            kept = replace(kept, password=configuration.password, lobby=configuration.members_only)
            self._policy.keep(self._room, kept)
        return [configuration_changed(self._roster.everybody())]

    def destroy(self, actor: Jid, *, reason: str, alternate: str) -> list[Delivery]:
        """An owner ends the room (§10.9): everybody is sent away."""
        self.owner(actor)
        return self.dissolve(reason=reason, alternate=alternate)

    def dissolve(self, *, reason: str, alternate: str) -> list[Delivery]:
        """The server ends the room: everybody is sent away, from its breakout rooms too."""
        reason = reason[: self._limits.reason_characters]
        deliveries: list[Delivery] = [
            Disappeared(
                to=(each.jid,),
                occupant=replace(each, affiliation=Affiliation.NONE),
                codes=(SELF_PRESENCE,),
                reason=reason,
                destroyed=True,
                alternate=alternate,
            )
            for each in self._roster.occupants()
        ]
        self._roster.clear()
        self.ended_because = reason
        return deliveries
