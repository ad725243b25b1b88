"""Coming into a room, being in it and going (XEP-0045 §7): what changes, and who is told."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from tertulia.errors import PeerError
from tertulia.rooms import claims, flipping
from tertulia.rooms.affiliations import Affiliations
from tertulia.rooms.entry import Entry
from tertulia.rooms.errors import NicknameNotAllowed
from tertulia.rooms.events import (
    KICKED,
    SELF_PRESENCE,
    Delivery,
    Disappeared,
    Said,
    configuration_changed,
)
from tertulia.rooms.occupant import Occupant
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.presences import Presences
from tertulia.rooms.privileges import Privileges
from tertulia.rooms.rights import Feature
from tertulia.rooms.roster import Roster
from tertulia.rooms.saying import Saying
from tertulia.rooms.switching import is_switching
from tertulia.xmpp import ns as NS
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element


class Visits:
    """Those of one room.

    Attributes:
        created_ms: when the second person joined, in ms since the epoch.
    """

    REMEMBERED: ClassVar[tuple[str, ...]] = ("created_ms", "_refused_names")

    def __init__(
        self,
        policy: RoomPolicy,
        *,
        roster: Roster,
        affiliations: Affiliations,
        privileges: Privileges,
        entry: Entry,
        presences: Presences,
        saying: Saying,
    ) -> None:
        self.created_ms: int | None = None
        self._refused_names: dict[Jid, str] = {}
        self._policy = policy
        self._roster = roster
        self._affiliations = affiliations
        self._privileges = privileges
        self._entry = entry
        self._presences = presences
        self._saying = saying

    # Coming

    def join(
        self, jid: Jid, nick: str, stanza: Element, *, now: float, password: str
    ) -> list[Delivery]:
        """Admit somebody (§7.2), or tell an occupant who joins again everything once more."""
        here = self._roster.occupant_of(jid)
        if here is not None and here.nick != nick:
            raise NicknameNotAllowed("nicknames cannot be changed")
        admission = self._policy.admission_of(jid)
        is_focus = self._roster.is_focus(jid)
        presence = claims.presence(stanza, nick, self._policy.limits, is_focus=is_focus)
        other = None if here else flipping.place_for(jid, admission, stanza, self._roster)
        if here is None:
            self._entry.check(
                jid,
                nick,
                admission,
                name=claims.name_in(presence),
                password=password,
                now=now,
                takes_over=other is not None,
            )
        presence = self._presences.hands.stamped(nick, presence, now)
        if here is None and not is_focus:
            self._affiliations.welcome(jid, admission)
            self._affiliations.elect(jid, admission)
        if other is not None:
            self._affiliations.hand_on(other.jid, jid)
            presence = (*presence, flipping.MARK)
        may_read = here is not None or self._meets_somebody(jid)
        others = self._roster.absences.visible(but=nick)
        newcomer = self._roster.put(
            Occupant(
                nick=nick,
                jid=jid,
                affiliation=self._affiliations.of(jid),
                presence=(*presence, *claims.identity(admission)),
                admission=admission,
            )
        )
        if not is_focus:
            self._entry.came_in(jid)
        self._roster.elsewhere.pop(jid.bare, None)
        begun: list[Delivery] = []
        if self.created_ms is None and self._roster.size >= 2:
            self.created_ms = int(now * 1000)
            # Clients ask for it as they come, and again when they hear of a change (4.4).
            present = (each.jid for each in others if not self._roster.is_focus(each.jid))
            begun = [configuration_changed(tuple(present))]
        return [
            *self._presences.to_newcomer(newcomer, others, stanza.get("id")),
            *self._saying.for_newcomer(jid, stanza, may_read=may_read),
            *self._roster.absences.sweep(),
            *begun,
            *(self._flipped(other) if other is not None else ()),
        ]

    def _flipped(self, other: Occupant) -> list[Delivery]:
        """The device that somebody has left for another; clients make no fuss about it."""
        farewell = Disappeared(to=(), occupant=other, codes=(KICKED,), children=(flipping.MARK,))
        return self.removed(other, farewell)

    def _meets_somebody(self, jid: Jid) -> bool:
        """Whether somebody who comes reads what was said before: those who said it would see it.

        Not when all who are left are away and may never come back: the meeting would be over, but
        that their seats are kept for a while. Unless it is one of them with a new page, or the
        room shows its chat to whoever comes later anyway.
        """
        kept = self._affiliations.kept
        if self._roster.elsewhere or (kept is not None and kept.chat_days):
            return True
        if any(not self._roster.is_focus(e.jid) for e in self._roster.absences.present()):
            return True
        machine = self._policy.trace_of(jid).machine
        return machine != "" and any(
            self._policy.trace_of(each.jid).machine == machine for each in self._roster.people()
        )

    def readmit(self, jid: Jid) -> list[Delivery]:
        """More is known of an occupant than when it came: it has logged in meanwhile."""
        occupant = self._roster.known(jid)
        admission = self._policy.admission_of(jid)
        if admission == occupant.admission:
            return []
        self._affiliations.welcome(jid, admission)
        kept = tuple(each for each in occupant.presence if each.name != "identity")
        changed = replace(
            occupant,
            admission=admission,
            affiliation=self._affiliations.of(jid),
            presence=(*kept, *claims.identity(admission)),
        )
        return self._presences.shown(self._roster.put(changed))

    # Being there

    def update(self, jid: Jid, nick: str, stanza: Element, *, now: float) -> list[Delivery]:
        """Relay an occupant's new presence whole (§7.7)."""
        occupant = self._roster.known(jid)
        if nick != occupant.nick:
            raise NicknameNotAllowed("nicknames cannot be changed")
        is_focus = self._roster.is_focus(jid)
        presence = claims.presence(stanza, nick, self._policy.limits, is_focus=is_focus)
        presence = self._presences.hands.stamped(nick, presence, now)
        vouched = claims.identity(occupant.admission)
        refused: list[Delivery] = []
        name, wanted = claims.name_in(occupant.presence), claims.name_in(presence)
        may_rename = self._privileges.permits(occupant, Feature.RENAME)
        if name and wanted != name and not may_rename:
            # The rest of the presence counts all the same: it tells who is muted.
            presence = claims.renamed(presence, name)
            refused = self._refused_name(occupant, wanted)
        changed = self._roster.put(replace(occupant, presence=(*presence, *vouched)))
        return [*self._presences.shown(changed, stanza_id=stanza.get("id")), *refused]

    def _refused_name(self, occupant: Occupant, wanted: str) -> list[Delivery]:
        """Tell it once: clients repeat their name with each presence."""
        if self._refused_names.get(occupant.jid) == wanted:
            return []
        self._refused_names[occupant.jid] = wanted
        text = Element("text", {}, "names are not changed in this meeting")
        error = Element("settings-error", {}, text, ns=NS.CLIENT)
        return [Said(to=(occupant.jid,), kind="error", children=(error,))]

    def refreshed(self) -> list[Delivery]:
        """Show everybody whose affiliation is another now: it follows the main room."""
        deliveries: list[Delivery] = []
        for each in self._roster.occupants():
            if each.affiliation is not self._affiliations.of(each.jid):
                deliveries += self._presences.shown(self._affiliations.renewed(each))
        return deliveries

    # Going, or away for a while

    def hibernate(self, jid: Jid, *, now: float) -> list[Delivery]:
        """An occupant's client is gone and may come back: the others see it leave."""
        return self._roster.absences.begin(self._roster.known(jid), now)

    def wake(self, jid: Jid) -> list[Delivery]:
        """It is back in its seat, as what it was; it gets to know what it missed."""
        occupant = self._roster.known(jid)
        since = self._roster.absences.since(occupant.nick)
        told = self._roster.absences.end(occupant, permissions=self._privileges.granted(occupant))
        return [*told, *self._saying.missed(jid, since)]

    def leave(self, jid: Jid, stanza: Element | None) -> list[Delivery]:
        """Somebody goes (§7.14), with its last presence if it sent one."""
        occupant = self._roster.known(jid)
        children: tuple[Element, ...] = ()
        if stanza is not None:
            try:
                children = claims.presence(stanza, occupant.nick, self._policy.limits)
            except PeerError:
                children = ()  # whatever it said last, it leaves
            if self._roster.has_breakouts and is_switching(children):
                self._roster.elsewhere[occupant.jid.bare] = occupant.nick
        return self.removed(occupant, Disappeared(to=(), occupant=occupant, children=children))

    def removed(self, occupant: Occupant, farewell: Disappeared) -> list[Delivery]:
        """Take an occupant out; tell the others first, then itself, then who moderates now."""
        deliveries = self._roster.absences.stand_in(occupant)
        was_hidden = self._roster.is_hidden(occupant)
        self._roster.take_out(occupant)
        self._refused_names.pop(occupant.jid, None)
        self._presences.hands.gone(occupant.nick)
        self._saying.chat.gone(occupant.jid)
        deliveries += [
            replace(farewell, to=() if was_hidden else self._roster.everybody()),
            replace(farewell, to=(occupant.jid,), codes=(*farewell.codes, SELF_PRESENCE)),
        ]
        return [*deliveries, *self._succeeded(occupant.jid)]

    def forget_visitor(self, jid: Jid) -> list[Delivery]:
        """Somebody who was in a breakout room will not come back; it may have moderated."""
        if self._roster.elsewhere.pop(jid.bare, None) is None:
            return []
        return self._succeeded(jid)

    def _succeeded(self, left: Jid) -> list[Delivery]:
        successor = self._affiliations.succeed(left)
        return [] if successor is None else self._presences.shown(successor)
