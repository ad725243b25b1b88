"""What each occupant may do, by its role, its token, and what the meeting keeps for some."""

from __future__ import annotations

from typing import ClassVar

from tertulia.rooms.occupant import Occupant, Role
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.rights import STOCK_NAMES, Feature, Level, Permissions
from tertulia.xmpp.jid import Jid


class Privileges:
    """Those of one room; a breakout room goes by its main room.

    Attributes:
        main: those of the main room, in a breakout room.
        permissions: for whom each feature is.
        presenters: whom moderators have named: nickname -> the bare JID it was given to.
    """

    REMEMBERED: ClassVar[tuple[str, ...]] = ("permissions", "presenters")

    def __init__(self, policy: RoomPolicy) -> None:
        self.main: Privileges | None = None
        self.permissions = Permissions()
        self.presenters: dict[str, Jid] = {}
        self._policy = policy

    def permits(self, occupant: Occupant, feature: Feature) -> bool:
        """Whether somebody may use a feature now. The focus and internal accounts always may.

        What a token says of the feature by its stock name goes before what the room says.
        """
        if self._policy.is_internal(occupant.jid):
            return True
        token, stock = occupant.admission.features, STOCK_NAMES.get(feature)
        said = None if token is None or stock is None else token.get(stock)
        if said is not None:
            return said
        match (self.main or self).permissions.of(feature):
            case _ if occupant.role is Role.MODERATOR:
                return True
            case Level.EVERYBODY:
                return True
            case Level.PRESENTERS:
                return self.is_presenter(occupant)
            case Level.MODERATORS:
                return False

    def is_presenter(self, occupant: Occupant) -> bool:
        """Whether a moderator has named it; somebody else who takes the nickname is not meant."""
        return (self.main or self).presenters.get(occupant.nick) == occupant.jid.bare

    def granted(self, occupant: Occupant) -> tuple[str, ...]:
        """What it may do that others may not, as its client wants to be told (2.4)."""
        if self._policy.is_focus(occupant.jid):
            return ()
        leads = occupant.role is Role.MODERATOR or self.is_presenter(occupant)
        if not leads or occupant.admission.features is not None:
            return ()  # who has a list of features of its own goes by that
        return tuple(name for each, name in STOCK_NAMES.items() if self.permits(occupant, each))
