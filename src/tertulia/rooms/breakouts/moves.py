"""People of a meeting are told to go to another room; their clients do it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tertulia.rooms.breakouts.doors import Doors
from tertulia.rooms.breakouts.meeting import Meeting, Member
from tertulia.xmpp.jid import Jid


class Moves:
    """`order` tells somebody (a real full JID) to go to a room."""

    def __init__(self, doors: Doors, order: Callable[[Jid, Jid], None]) -> None:
        self._doors = doors
        self._order = order

    def send(self, member: Member, room: Jid) -> None:
        """Somebody shall go there, unless it is there."""
        if member.where != room:
            member.is_sent = True
            self._order(member.jid, room)

    def to_seats(self, meeting: Meeting, members: Iterable[Member]) -> None:
        """Those who are not where they belong shall go to their seats."""
        for member in list(members):
            seat = meeting.plan.seats.get(member.person)
            if seat is not None:
                self.send(member, self._doors.jid(seat))

    def back(self, meeting: Meeting, members: Iterable[Member]) -> None:
        """They shall come to the main room."""
        for member in list(members):
            self.send(member, meeting.main.jid)
