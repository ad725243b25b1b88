"""The end of a meeting for everybody (signalling reference 6.2)."""

from __future__ import annotations

from typing import ClassVar

from tertulia.rooms.occupant import Occupant
from tertulia.rooms.parts import Part, require_moderator
from tertulia.rooms.room import Room
from tertulia.xmpp.errors import BadRequest, NotAllowed
from tertulia.xmpp.xml import Element

TERMINATED = "The meeting has been terminated"  # the words that stock clients know


class EndConference(Part):
    """Moderators end the meeting, its breakout rooms included."""

    name: ClassVar[str] = "end_conference"

    def message(self, room: Room, sender: Occupant, stanza: Element) -> None:
        if stanza.find("end_conference", "*") is None:
            raise BadRequest("an <end_conference/> was expected")
        require_moderator(sender)
        if room.main is not None:
            raise NotAllowed("a meeting is ended from its main room")
        self.end(room)

    def end(self, main: Room) -> None:
        """Send everybody away, whoever wants it."""
        for each in reversed(self.parts.family(main)):
            hall = self.parts.hall_of(each.jid)
            if hall is not None:
                before = each.occupants()
                hall.carry_out(each, each.dissolve(reason=TERMINATED), before)
