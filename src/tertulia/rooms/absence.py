"""Occupants whose connection is gone and who may come back (XEP-0198): their seats are kept.

To the room such an occupant is still one: its nickname, affiliation and last presence stay, and
whoever counts on them counts on. To the others it has left, so that nobody talks to a ghost. The
last one in a room is not hidden: nobody would see the difference, but the focus would end the
conference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tertulia.rooms.events import SELF_PRESENCE, Appeared, Delivery, Disappeared
from tertulia.rooms.occupant import Occupant
from tertulia.xmpp.jid import Jid


@dataclass(slots=True)
class _Absence:
    seen: tuple[Occupant, ...]  # whom the client still believes to be here
    since: float
    is_hidden: bool = False


class Absences:
    """Who of one room is away. `occupants` gives all that there are, in order."""

    def __init__(
        self, occupants: Callable[[], Iterable[Occupant]], is_focus: Callable[[Jid], bool]
    ) -> None:
        self._occupants = occupants
        self._is_focus = is_focus
        self._away: dict[str, _Absence] = {}  # by nickname

    def is_hidden(self, nick: str) -> bool:
        absence = self._away.get(nick)
        return absence is not None and absence.is_hidden

    def visible(self, *, but: str = "") -> list[Occupant]:
        """Everybody whom others see, in the order in which they came."""
        return [e for e in self._occupants() if e.nick != but and not self.is_hidden(e.nick)]

    def since(self, nick: str) -> float | None:
        """When somebody's client went, in seconds since the epoch; None while it is here."""
        absence = self._away.get(nick)
        return None if absence is None else absence.since

    def present(self) -> Iterator[Occupant]:
        """Everybody whose client is here; to be gone through at once."""
        return (each for each in self._occupants() if each.nick not in self._away)

    def begin(self, occupant: Occupant, now: float) -> list[Delivery]:
        """Its client is gone; the others see it leave."""
        nick = occupant.nick
        if nick not in self._away:
            self._away[nick] = _Absence(tuple(self.visible(but=nick)), now)
        return self._hide(occupant)

    def end(self, occupant: Occupant, *, permissions: tuple[str, ...] = ()) -> list[Delivery]:
        """Its client is back, and gets to know what it missed; its own presence comes last."""
        to = (occupant.jid,)
        absence = self._away.pop(occupant.nick, _Absence((), 0.0))
        others = self.visible(but=occupant.nick)
        here = {each.nick for each in others}
        deliveries: list[Delivery] = [
            Disappeared(to=to, occupant=each) for each in absence.seen if each.nick not in here
        ]
        deliveries += (Appeared(to=to, occupant=each) for each in others)
        if absence.is_hidden:
            deliveries.append(Appeared(to=tuple(e.jid for e in others), occupant=occupant))
        deliveries.append(
            Appeared(to=to, occupant=occupant, codes=(SELF_PRESENCE,), permissions=permissions)
        )
        return [*deliveries, *self.sweep()]

    def forget(self, nick: str) -> None:
        """That occupant is none any more."""
        self._away.pop(nick, None)

    def sweep(self) -> list[Delivery]:
        """Hide those who are away and were shown for want of anybody else."""
        return [
            delivery
            for each in list(self._occupants())
            if each.nick in self._away
            for delivery in self._hide(each)
        ]

    def stand_in(self, leaving: Occupant) -> list[Delivery]:
        """When the last person who is here leaves, show one who is away to the focus."""
        others = [e for e in self.visible(but=leaving.nick) if not self._is_focus(e.jid)]
        hidden = [e for e in self._occupants() if self.is_hidden(e.nick) and e is not leaving]
        if others or not hidden or self._is_focus(leaving.jid):
            return []
        self._away[hidden[0].nick].is_hidden = False
        to = tuple(e.jid for e in self.visible() if self._is_focus(e.jid))
        return [Appeared(to=to, occupant=hidden[0])]

    def _hide(self, occupant: Occupant) -> list[Delivery]:
        absence = self._away[occupant.nick]
        others = self.visible(but=occupant.nick)
        if absence.is_hidden or all(self._is_focus(each.jid) for each in others):
            return []
        absence.is_hidden = True
        return [Disappeared(to=tuple(each.jid for each in others), occupant=occupant)]
