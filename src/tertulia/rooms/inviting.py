"""Links by which somebody who cannot sign in leads one room for a while, made from inside it.

Only who has signed in itself, for every room, and owns this one makes them: who came by such a link
cannot make the next, and who is an owner by chance, or was made one for this meeting, cannot keep
the room by a link to itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from tertulia.rooms.errors import NotInRoom, NotPermitted
from tertulia.rooms.occupant import Affiliation
from tertulia.rooms.parts import Parts
from tertulia.xmpp.admission import ANY_ROOM
from tertulia.xmpp.jid import Jid

VALID_S = 7200


class Inviting:
    name: ClassVar[str] = "invitation"  # as clients ask for it

    def __init__(self, parts: Parts, make: Callable[[str, int, float], str]) -> None:
        """`make`: signs a token for the room with this node, good for so many seconds from now."""
        self._parts = parts
        self._make = make

    def token_for(self, jid: Jid) -> tuple[str, float]:
        """A token that leads the room in which somebody is, and until when it is good.

        Raises: NotInRoom, NotPermitted.
        """
        room = self._parts.room_of(jid)
        occupant = None if room is None else room.occupant_of(jid)
        if room is None or occupant is None:
            raise NotInRoom
        admission = occupant.admission
        if occupant.affiliation is not Affiliation.OWNER:
            raise NotPermitted("only owners of the room may do that")
        if not (admission.is_authenticated and admission.is_moderator):
            raise NotPermitted("only owners who have signed in may do that")
        if admission.room != ANY_ROOM:
            raise NotPermitted("who came by a link to this room may not make another")
        now = self._parts.clock()
        return self._make((room.main or room).jid.node, VALID_S, now), now + VALID_S
