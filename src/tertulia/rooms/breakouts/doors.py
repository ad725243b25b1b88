"""The MUC rooms behind a meeting's plan: found, shown anew, renamed and closed."""

from __future__ import annotations

from tertulia.rooms.breakouts.meeting import Meeting
from tertulia.rooms.parts import Parts
from tertulia.rooms.room import Room
from tertulia.xmpp.jid import Jid


class Doors:
    """To the breakout rooms of one MUC domain; a room that nobody is in does not exist."""

    def __init__(self, parts: Parts, domain: str) -> None:
        self._parts = parts
        self._domain = domain

    def jid(self, node: str) -> Jid:
        return Jid(node, self._domain)

    def room(self, node: str) -> Room | None:
        return self._parts.room(self.jid(node))

    def all_of(self, meeting: Meeting) -> list[Room]:
        """The rooms of a meeting that exist, the main room first."""
        rooms = map(self._parts.room, (meeting.main.jid, *map(self.jid, meeting.plan.rooms)))
        return [each for each in rooms if each is not None]

    def close(self, node: str, reason: str, alternate: str) -> None:
        """Send everybody away from a breakout room, to `alternate` if that is not empty."""
        room, hall = self.room(node), self._parts.hall_of(self.jid(node))
        if room is not None and hall is not None:
            before = room.occupants()
            hall.carry_out(room, room.dissolve(reason=reason, alternate=alternate), before)

    def retitle(self, node: str, subject: str) -> None:
        room, hall = self.room(node), self._parts.hall_of(self.jid(node))
        if room is not None and hall is not None:
            hall.carry_out(room, room.retitled(subject), room.occupants())

    def show_affiliations(self, meeting: Meeting, but: Room) -> None:
        """Affiliations follow the main room: have it seen in all rooms but one."""
        for room in self.all_of(meeting):
            hall = self._parts.hall_of(room.jid)
            if hall is not None and room is not but:
                before = room.occupants()
                hall.carry_out(room, room.refreshed(), before)

    def forget_visitor(self, meeting: Meeting, jid: Jid) -> None:
        """Somebody will not come back to the main room."""
        main = meeting.main
        hall = self._parts.hall_of(main.jid)
        if hall is not None and jid.bare in main.elsewhere:
            before = main.occupants()
            hall.carry_out(main, main.forget_visitor(jid), before)
        if not meeting.plan.is_blank:  # whoever moderates now may be in a breakout room
            self.show_affiliations(meeting, but=main)
