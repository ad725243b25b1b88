"""One nickname in a room, as everybody sees it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element


class Affiliation(StrEnum):
    """The lasting relation of a bare JID to a room (XEP-0045 §5.2)."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    NONE = "none"
    OUTCAST = "outcast"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {
    Affiliation.OUTCAST: -1,
    Affiliation.NONE: 0,
    Affiliation.MEMBER: 1,
    Affiliation.ADMIN: 2,
    Affiliation.OWNER: 3,
}


class Role(StrEnum):
    """What an occupant may do during this visit (XEP-0045 §5.1)."""

    MODERATOR = "moderator"
    PARTICIPANT = "participant"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Occupant:
    """Replaced as a whole when anything changes; compared by identity."""

    nick: str
    jid: Jid  # the real full JID: rooms are not anonymous
    affiliation: Affiliation = Affiliation.NONE
    presence: tuple[Element, ...] = ()  # the children that others get to see
    admission: Admission = GUEST  # what its login has shown: its rights beyond the room's own

    @property
    def role(self) -> Role:
        moderates = self.affiliation.rank >= Affiliation.ADMIN.rank
        return Role.MODERATOR if moderates else Role.PARTICIPANT
