"""Who is in a room, by nickname and by address, and who of its people is in a breakout room.

Keeps the books and decides nothing: who may come is a matter of `entry`, who is what of
`affiliations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

from tertulia.rooms import claims
from tertulia.rooms.absence import Absences
from tertulia.rooms.errors import NotInRoom
from tertulia.rooms.occupant import Occupant, Role
from tertulia.xmpp.jid import Jid

FOCUS_NICK = "focus"


class Roster:
    """The occupants of one room, in the order in which they came.

    Attributes:
        main: the roster of the main room, in a breakout room.
        has_breakouts: whether somebody who switches rooms goes to a breakout room.
        elsewhere: who of a main room is in its breakout rooms or on the way to one: nicknames by
            bare JID.
    """

    REMEMBERED: ClassVar[tuple[str, ...]] = ("has_breakouts", "elsewhere")

    def __init__(self, is_focus: Callable[[Jid], bool]) -> None:
        self.main: Roster | None = None
        self.has_breakouts = False
        self.elsewhere: dict[Jid, str] = {}
        self.is_focus = is_focus
        self._occupants: dict[str, Occupant] = {}  # by nickname
        self._nicks: dict[Jid, str] = {}  # by real full JID
        self.absences = Absences(self._occupants.values, is_focus)

    # Who is here

    @property
    def is_empty(self) -> bool:
        return not self._occupants

    @property
    def is_over(self) -> bool:
        """Nobody is here, and nobody in its breakout rooms either."""
        return not self._occupants and not self.elsewhere

    @property
    def has_focus(self) -> bool:
        return FOCUS_NICK in self._occupants

    @property
    def size(self) -> int:
        """How many occupants there are without the focus."""
        return len(self._occupants) - self.has_focus

    def occupants(self) -> list[Occupant]:
        return list(self._occupants.values())

    def people(self) -> Iterator[Occupant]:
        """The occupants without the focus; to be gone through at once."""
        return (each for nick, each in self._occupants.items() if nick != FOCUS_NICK)

    def occupant(self, nick: str) -> Occupant | None:
        return self._occupants.get(nick)

    def occupant_of(self, jid: Jid) -> Occupant | None:
        """The occupant with this real full JID."""
        nick = self._nicks.get(jid)
        return None if nick is None else self._occupants[nick]

    def known(self, jid: Jid) -> Occupant:
        """The same. Raises: NotInRoom."""
        occupant = self.occupant_of(jid)
        if occupant is None:
            raise NotInRoom
        return occupant

    def everybody(self) -> tuple[Jid, ...]:
        """The real full JIDs."""
        return tuple(self._nicks)

    def others(self, nick: str) -> tuple[Jid, ...]:
        """The same without the one of this nickname."""
        return tuple(jid for jid, each in self._nicks.items() if each != nick)

    def of_person(self, jid: Jid) -> list[Occupant]:
        """Those of one bare JID."""
        return [each for each in self._occupants.values() if each.jid.is_of(jid)]

    def is_hidden(self, occupant: Occupant) -> bool:
        """Whether the others believe that it has left."""
        return self.absences.is_hidden(occupant.nick)

    # Who is of the meeting

    def holds(self, jid: Jid) -> bool:
        """Whether somebody is in the meeting: here or in a breakout room."""
        return jid in self._nicks or jid.bare in self.elsewhere

    def holds_person(self, jid: Jid) -> bool:
        """The same by the bare JID: of any of its connections."""
        return jid.bare in self.elsewhere or any(each.is_of(jid) for each in self._nicks)

    def nick_of(self, jid: Jid) -> str:
        """The nickname of somebody in the meeting, "" of nobody."""
        return self._nicks.get(jid) or self.elsewhere.get(jid.bare, "")

    def is_taken(self, nick: str, jid: Jid) -> bool:
        """Whether somebody else of the meeting, breakout rooms included, goes by that name."""
        if nick in self._occupants:
            return True
        main = self.main or self
        there = main.occupant(nick) if main is not self else None
        return (there is not None and there.jid.bare != jid.bare) or any(
            name == nick and bare != jid.bare for bare, name in main.elsewhere.items()
        )

    # Changes

    def put(self, occupant: Occupant) -> Occupant:
        """Take somebody in, or what is new about it.

        Returns: it as others may see it, without what its role may not say in its presence.
        """
        tamed = _tamed(occupant)
        self._occupants[tamed.nick] = tamed
        self._nicks[tamed.jid] = tamed.nick
        return tamed

    def take_out(self, occupant: Occupant) -> None:
        del self._occupants[occupant.nick]
        del self._nicks[occupant.jid]
        self.absences.forget(occupant.nick)

    def restore(self, occupants: Iterable[Occupant]) -> None:
        """Those who were in the room before a restart of the process, in their order."""
        for each in occupants:
            self._occupants[each.nick] = each
            self._nicks[each.jid] = each.nick

    def clear(self) -> None:
        """Nobody is here any more, nor in a breakout room."""
        for nick in self._occupants:
            self.absences.forget(nick)
        self._occupants.clear()
        self._nicks.clear()
        self.elsewhere.clear()


def _tamed(occupant: Occupant) -> Occupant:
    """An occupant without what its role may not say in its presence."""
    if occupant.role is Role.MODERATOR:
        return occupant
    presence = claims.not_leading(occupant.presence)
    if len(presence) == len(occupant.presence):
        return occupant
    return replace(occupant, presence=presence)
