"""One MUC room (XEP-0045 §7): presence and messages in, what everybody gets to know out.

Without I/O and without a clock: times are passed in, in seconds since the epoch. Whoever calls
sends the deliveries in the order given. Nothing is changed when an error is raised.

The room knows the focus by its JID: it owns the room, has a nickname of its own, and does not count
as an occupant where people are counted.

`Room` puts the parts of a room together, each with a reason of its own, and holds no rule itself:
`roster` who is here, `affiliations` who is what, `privileges` what each may do, `entry` who may
come, `visits` coming and going, `leading` what moderators do, `saying` what is said.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from tertulia.rooms import remembering
from tertulia.rooms.administration import AffiliationChange, Configuration, Kick
from tertulia.rooms.affiliations import Affiliations
from tertulia.rooms.bans import Bans, Trace
from tertulia.rooms.chat import Chat, Line
from tertulia.rooms.entry import Entry
from tertulia.rooms.events import Delivery
from tertulia.rooms.hands import Hands
from tertulia.rooms.kept import KeptRoom
from tertulia.rooms.leading import Leading
from tertulia.rooms.limits import RoomLimits
from tertulia.rooms.occupant import Affiliation, Occupant
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.presences import Presences
from tertulia.rooms.privileges import Privileges
from tertulia.rooms.remembering import Remembers
from tertulia.rooms.rights import Feature, Permissions
from tertulia.rooms.roster import Roster
from tertulia.rooms.saying import Saying
from tertulia.rooms.visits import Visits
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element


class Room:
    """One room: the state of its parts, and the way to their rules."""

    REMEMBERED: ClassVar[tuple[str, ...]] = ("meeting_id",)

    def __init__(self, jid: Jid, policy: RoomPolicy, *, meeting_id: str = "") -> None:
        self.jid = jid
        self.meeting_id = meeting_id or str(uuid.uuid4())
        self._policy = policy
        self._main: Room | None = None
        self._roster = roster = Roster(policy.is_focus)
        self._affiliations = affiliations = Affiliations(jid, policy, roster)
        self._privileges = privileges = Privileges(policy)
        self._entry = entry = Entry(jid, policy, roster, affiliations)
        self._presences = presences = Presences(roster, privileges)
        self._saying = saying = Saying(
            jid, policy.limits, roster=roster, privileges=privileges, presences=presences
        )
        self._visits = visits = Visits(
            policy,
            roster=roster,
            affiliations=affiliations,
            privileges=privileges,
            entry=entry,
            presences=presences,
            saying=saying,
        )
        self._leading = Leading(
            jid,
            policy,
            roster=roster,
            affiliations=affiliations,
            entry=entry,
            presences=presences,
            visits=visits,
        )

    # The room itself

    @property
    def main(self) -> Room | None:
        """The main room of a breakout room. Who enters, who moderates and which nicknames are
        taken is decided there; it lasts as long as somebody is in its breakout rooms."""
        return self._main

    @main.setter
    def main(self, main: Room) -> None:
        self._main = main
        self._roster.main = main._roster
        self._affiliations.main = main._affiliations
        self._privileges.main = main._privileges
        self._entry.main = main._entry

    @property
    def limits(self) -> RoomLimits:
        return self._policy.limits

    @property
    def kept(self) -> KeptRoom | None:
        """What is laid down for it whether or not anybody is here, if anything is."""
        return self._affiliations.kept

    @property
    def created_ms(self) -> int | None:
        """When the second person joined, in ms since the epoch."""
        return self._visits.created_ms

    @property
    def ended_because(self) -> str:
        """The reason with which it was ended, "" for none."""
        return self._leading.ended_because

    @property
    def configuration(self) -> Configuration:
        return self._entry.configuration

    @property
    def lobby(self) -> str:
        """The address of its lobby, "" while there is none."""
        return self._entry.lobby

    # Who is here

    @property
    def is_empty(self) -> bool:
        return self._roster.is_empty

    @property
    def is_over(self) -> bool:
        """Nobody is here, and nobody in its breakout rooms either."""
        return self._roster.is_over

    @property
    def people(self) -> int:
        """How many occupants there are without the focus."""
        return self._roster.size

    @property
    def has_focus(self) -> bool:
        return self._roster.has_focus

    @property
    def has_breakouts(self) -> bool:
        """Whether somebody who switches rooms goes to a breakout room."""
        return self._roster.has_breakouts

    @has_breakouts.setter
    def has_breakouts(self, has_breakouts: bool) -> None:
        self._roster.has_breakouts = has_breakouts

    @property
    def elsewhere(self) -> dict[Jid, str]:
        """Who is in its breakout rooms or on the way to one: nicknames by bare JID."""
        return self._roster.elsewhere

    def is_focus(self, jid: Jid) -> bool:
        return self._policy.is_focus(jid)

    def is_internal(self, jid: Jid) -> bool:
        """True of the focus, and of recorders and gateways, which have accounts of our own."""
        return self._policy.is_internal(jid)

    def occupants(self) -> list[Occupant]:
        """In the order in which they came."""
        return self._roster.occupants()

    def occupant(self, nick: str) -> Occupant | None:
        return self._roster.occupant(nick)

    def occupant_of(self, jid: Jid) -> Occupant | None:
        """The occupant with this real full JID."""
        return self._roster.occupant_of(jid)

    def is_hidden(self, occupant: Occupant) -> bool:
        """Whether the others believe that it has left."""
        return self._roster.is_hidden(occupant)

    def holds(self, jid: Jid) -> bool:
        """Whether somebody is in the meeting: here or in a breakout room."""
        return self._roster.holds(jid)

    def nick_of(self, jid: Jid) -> str:
        """The nickname of somebody in the meeting, "" of nobody."""
        return self._roster.nick_of(jid)

    def trace_of(self, jid: Jid) -> Trace:
        """What a real full JID is known by besides."""
        return self._policy.trace_of(jid)

    # Who may what

    @property
    def permissions(self) -> Permissions:
        """For whom each feature of the meeting is; a breakout room goes by its main room."""
        return self._privileges.permissions

    @permissions.setter
    def permissions(self, permissions: Permissions) -> None:
        self._privileges.permissions = permissions

    @property
    def presenters(self) -> dict[str, Jid]:
        """Nickname -> the bare JID it was given to."""
        return self._privileges.presenters

    @presenters.setter
    def presenters(self, presenters: dict[str, Jid]) -> None:
        self._privileges.presenters = presenters

    def permits(self, occupant: Occupant, feature: Feature) -> bool:
        """Whether somebody may use a feature now. The focus and internal accounts always may."""
        return self._privileges.permits(occupant, feature)

    def is_presenter(self, occupant: Occupant) -> bool:
        """Whether a moderator has named it; somebody else who takes the nickname is not meant."""
        return self._privileges.is_presenter(occupant)

    def affiliation_of(self, jid: Jid) -> Affiliation:
        return self._affiliations.of(jid)

    def affiliated(self, actor: Jid, affiliation: Affiliation) -> list[Jid]:
        """The bare JIDs with that affiliation; for owners only (XEP-0045 §9.5, §10.5)."""
        self._leading.owner(actor)
        return self._affiliations.all_of(affiliation)

    # Who may come

    @property
    def bans(self) -> Bans:
        return self._entry.bans

    def keeps_away(self, jid: Jid, name: str) -> bool:
        """Whether somebody may not even knock: it was banned, as far as can be told."""
        return self._entry.keeps_away(jid, name)

    def may_visit(self, jid: Jid) -> None:
        """Whether somebody may enter a breakout room of this room: those who are of it.

        Raises: NotPermitted.
        """
        self._entry.may_visit(jid)

    def let_in(self, jid: Jid) -> None:
        """A moderator lets somebody in who knocked: a member for as long as the meeting lasts."""
        self._affiliations.let_in(jid)
        self._entry.let_in(jid)

    def let_in_everybody(self) -> None:
        """Who is here when the lobby is opened comes back without knocking."""
        for jid in self._roster.everybody():
            self._entry.let_in(jid)

    # What survives a restart of the process

    def dump(self) -> dict[str, Any]:
        """Everything but the occupants, who of them is away, and the main room."""
        return remembering.dump(self._things())

    def load(self, state: dict[str, Any], occupants: Iterable[Occupant]) -> None:
        """Take back what `dump` gave, and those who were here, in the order in which they came."""
        remembering.load(self._things(), state)
        self._roster.restore(occupants)

    def _things(self) -> dict[str, Remembers]:
        return {
            "room": self,
            "roster": self._roster,
            "affiliations": self._affiliations,
            "privileges": self._privileges,
            "entry": self._entry,
            "presences": self._presences,
            "saying": self._saying,
            "visits": self._visits,
        }

    # Coming and going

    def join(
        self, jid: Jid, nick: str, stanza: Element, *, now: float, password: str = ""
    ) -> list[Delivery]:
        """Admit somebody (§7.2), or tell an occupant who joins again everything once more."""
        return self._visits.join(jid, nick, stanza, now=now, password=password)

    def readmit(self, jid: Jid) -> list[Delivery]:
        """More is known of an occupant than when it came: it has logged in meanwhile."""
        return self._visits.readmit(jid)

    def update(self, jid: Jid, nick: str, stanza: Element, *, now: float = 0.0) -> list[Delivery]:
        """Relay an occupant's new presence whole (§7.7)."""
        return self._visits.update(jid, nick, stanza, now=now)

    def hibernate(self, jid: Jid, *, now: float) -> list[Delivery]:
        """An occupant's client is gone and may come back: the others see it leave."""
        return self._visits.hibernate(jid, now=now)

    def wake(self, jid: Jid) -> list[Delivery]:
        """It is back in its seat, as what it was; it gets to know what it missed."""
        return self._visits.wake(jid)

    def leave(self, jid: Jid, stanza: Element | None = None) -> list[Delivery]:
        """Somebody goes (§7.14), with its last presence if it sent one."""
        return self._visits.leave(jid, stanza)

    def forget_visitor(self, jid: Jid) -> list[Delivery]:
        """Somebody who was in a breakout room will not come back; it may have moderated."""
        return self._visits.forget_visitor(jid)

    def refreshed(self) -> list[Delivery]:
        """Show everybody whose affiliation is another now: it follows the main room."""
        return self._visits.refreshed()

    def shown(self, nick: str) -> list[Delivery]:
        """An occupant's presence to everybody once more, since what it may do has changed."""
        occupant = self._roster.occupant(nick)
        return [] if occupant is None else self._presences.shown(occupant)

    # What moderators and owners do

    def kick(self, actor: Jid, kick: Kick) -> list[Delivery]:
        """Remove an occupant (§8.2); its affiliation does not outlive it (reference 4.7)."""
        return self._leading.kick(actor, kick)

    def administer(self, actor: Jid, changes: Sequence[AffiliationChange | Kick]) -> list[Delivery]:
        """Carry out the items of one muc#admin request: all of them, or none."""
        return self._leading.administer(actor, changes)

    def may_configure(self, actor: Jid) -> Occupant:
        """Raises: NotPermitted, NotInRoom."""
        return self._leading.owner(actor)

    def configure(self, actor: Jid, configuration: Configuration) -> list[Delivery]:
        """Owners change the room (§10.2); everybody is told that something changed."""
        return self._leading.configure(actor, configuration)

    def destroy(self, actor: Jid, *, reason: str = "", alternate: str = "") -> list[Delivery]:
        """An owner ends the room (§10.9): everybody is sent away."""
        return self._leading.destroy(actor, reason=reason, alternate=alternate)

    def dissolve(self, *, reason: str = "", alternate: str = "") -> list[Delivery]:
        """The server ends the room: everybody is sent away, from its breakout rooms too."""
        return self._leading.dissolve(reason=reason, alternate=alternate)

    # What is said

    @property
    def chat(self) -> Chat:
        return self._saying.chat

    @property
    def hands(self) -> Hands:
        return self._presences.hands

    @property
    def subject(self) -> str:
        return self._saying.subject

    def say(self, jid: Jid, stanza: Element, *, now: float) -> list[Delivery]:
        """A message to everybody, the sender included, with the same id (§7.4)."""
        return self._saying.say(jid, stanza, now=now)

    def whisper(self, jid: Jid, nick: str, stanza: Element, *, now: float) -> list[Delivery]:
        """A message to one occupant (§7.5)."""
        return self._saying.whisper(jid, nick, stanza, now=now)

    def told_again(self, to: tuple[Jid, ...], lines: Iterable[Line]) -> list[Delivery]:
        """Lines from the past, for those who were not here."""
        return self._saying.told_again(to, lines)

    def retitled(self, subject: str) -> list[Delivery]:
        """The server changes the subject."""
        return self._saying.retitle(subject)
