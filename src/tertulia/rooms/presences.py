"""What others see of an occupant, and what it is told of itself along with that."""

from __future__ import annotations

from typing import ClassVar

from tertulia.rooms.events import NON_ANONYMOUS, SELF_PRESENCE, Appeared, Delivery
from tertulia.rooms.hands import Hands
from tertulia.rooms.occupant import Occupant
from tertulia.rooms.privileges import Privileges
from tertulia.rooms.roster import Roster


class Presences:
    """The presences of one room.

    Attributes:
        hands: who raised a hand when, which is a part of presence.
    """

    REMEMBERED: ClassVar[tuple[str, ...]] = ("hands",)

    def __init__(self, roster: Roster, privileges: Privileges) -> None:
        self.hands = Hands()
        self._roster = roster
        self._privileges = privileges

    def to_newcomer(
        self, newcomer: Occupant, others: list[Occupant], stanza_id: str
    ) -> list[Delivery]:
        """Everybody to each other; §7.1: a client takes its own presence for the end of the list,
        so that comes last."""
        to = (newcomer.jid,)
        return [
            *(Appeared(to=to, occupant=each) for each in others),
            Appeared(to=tuple(each.jid for each in others), occupant=newcomer),
            Appeared(
                to=to,
                occupant=newcomer,
                codes=(NON_ANONYMOUS, SELF_PRESENCE),
                stanza_id=stanza_id,
                permissions=self._privileges.granted(newcomer),
            ),
        ]

    def shown(self, occupant: Occupant, stanza_id: str = "") -> list[Delivery]:
        """An occupant's presence to everybody: the others, then itself."""
        if self._roster.is_hidden(occupant):
            return []
        return [
            Appeared(to=self._roster.others(occupant.nick), occupant=occupant),
            Appeared(
                to=(occupant.jid,),
                occupant=occupant,
                codes=(SELF_PRESENCE,),
                stanza_id=stanza_id,
                permissions=self._privileges.granted(occupant),
            ),
        ]
