"""The attendance component: writes down who is there, in meetings whose moderators want it.

It is switched on with the room's metadata key `attendance`, which everybody sees. Only what happens
from then on is written down. Moderators fetch the list with a token (`token_for`), and in rooms
that are kept the lists of earlier meetings as well, if they have logged in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from tertulia.rooms.attendance.register import AttendanceLimits, Attendee, Register, as_csv
from tertulia.rooms.attendance.tokens import ListGrant, ListTokens
from tertulia.rooms.errors import NotInRoom
from tertulia.rooms.metadata import RoomMetadata
from tertulia.rooms.occupant import Occupant
from tertulia.rooms.parts import Part, people, require_moderator
from tertulia.rooms.persons import Persons, display_name
from tertulia.rooms.room import Room
from tertulia.xmpp.errors import ItemNotFound, NotAuthorized
from tertulia.xmpp.jid import Jid

KEY = "attendance"  # of the metadata; true or false
_MOST_ENDED = 200  # meetings whose list is still held


@dataclass(frozen=True, slots=True)
class Ended:
    """The list of a meeting that is over."""

    room: Jid
    attendees: list[Attendee]
    until: float


@dataclass(frozen=True, slots=True)
class Earlier:
    """The list of a meeting that is over, as it was kept."""

    meeting: str
    ended_ms: int
    rows: Sequence[dict[str, Any]]  # as `keep` was given them


# Takes a main room and a meeting ("": the newest ones, oldest first); empty where none are kept.
Recall = Callable[[Jid, str], Awaitable[Sequence[Earlier]]]


async def _nothing(room: Jid, meeting: str) -> Sequence[Earlier]:
    return ()


class Attendance(Part):
    """The attendance of every meeting.

    Attributes:
        keep: told of each list when its meeting ends.
        recall: asked for the lists that were kept.
    """

    name: ClassVar[str] = "attendance"

    def __init__(
        self,
        domain: str,
        *,
        persons: Persons | None = None,
        limits: AttendanceLimits | None = None,
        keep: Callable[[Room, list[dict[str, Any]]], None] = lambda room, rows: None,
        secret: str = "",
    ) -> None:
        """`secret`: as `ListTokens` has it."""
        super().__init__(domain)
        self.keep = keep
        self.recall: Recall = _nothing
        self.limits = limits or AttendanceLimits()
        self.tokens = ListTokens(secret)
        self._persons = persons or Persons()
        self._registers: dict[Jid, Register] = {}  # by main room
        self._ended: OrderedDict[str, Ended] = OrderedDict()  # by meeting

    def added(self) -> None:
        metadata = self.parts.part(RoomMetadata.name)
        if isinstance(metadata, RoomMetadata):
            metadata.on_key.append(self._switched)

    def token_for(self, jid: Jid) -> tuple[str, float]:
        """A token for the list of the meeting in which somebody moderates, and until when it is
        good: longer than the meeting, which may end before the list is fetched.

        Raises: NotInRoom, NotPermitted.
        """
        room = self.parts.room_of(jid)
        occupant = None if room is None else room.occupant_of(jid)
        if room is None or occupant is None:
            raise NotInRoom
        require_moderator(occupant)
        main = room.main or room
        until = self.parts.clock() + self.limits.attendance_token_s
        grant = ListGrant(
            room=str(main.jid),
            meeting=main.meeting_id,
            until=until,
            # Not who was made a moderator for being the first in an empty room, nor whoever
            # holds a link.
            earlier=main.kept is not None and occupant.admission.is_named,
        )
        return self.tokens.give(grant), until

    async def fetched(self, token: str, meeting_id: str) -> tuple[str, str]:
        """The name of the list as a file, and the list as CSV.

        Raises: NotAuthorized, ItemNotFound when no list was kept, and what `recall` raises.
        """
        now = self.parts.clock()
        grant = self.tokens.read(token, now)
        if meeting_id != grant.meeting and not grant.earlier:
            raise NotAuthorized("the token is for another meeting")
        room = Jid.parse(grant.room)
        attendees, day = self.attendees(room, meeting_id), ""
        if attendees is None:
            found = await self.recall(room, meeting_id)
            if not found:
                raise ItemNotFound("no attendance list was kept of that meeting")
            attendees = msgspec.convert(found[-1].rows, list[Attendee])
            ended = datetime.fromtimestamp(found[-1].ended_ms / 1000, UTC)
            day = f" {ended:%Y-%m-%d}"
        return f"attendance {room.node}{day}.csv", as_csv(attendees, int(now * 1000))

    async def earlier(self, token: str) -> list[dict[str, Any]]:
        """The room's earlier meetings of which a list was kept, oldest first, as JSON; none for
        who may not have them.

        Raises: NotAuthorized, and what `recall` raises.
        """
        grant = self.tokens.read(token, self.parts.clock())
        if not grant.earlier:
            return []
        return [
            {"meeting": each.meeting, "endedAt": each.ended_ms, "people": len(each.rows)}
            for each in await self.recall(Jid.parse(grant.room), "")
        ]

    def attendees(self, room: Jid, meeting_id: str) -> list[Attendee] | None:
        """Who was in a meeting of a main room that goes on, or ended not long ago; None when it is
        not known here."""
        open_room = self.parts.room(room)
        register = self._registers.get(room)
        if register is not None and open_room is not None and open_room.meeting_id == meeting_id:
            return list(register.people.values())
        ended = self._ended.get(meeting_id)
        if ended is None or ended.room != room or ended.until < self.parts.clock():
            return None
        return ended.attendees

    # Notices

    def entered(self, room: Room, newcomer: Occupant) -> None:
        register = self._registers.get((room.main or room).jid)
        if register is not None:
            self._came(register, newcomer)
            self.touched(room.main or room)

    def changed(self, room: Room, before: Occupant, now: Occupant) -> None:
        register = self._registers.get((room.main or room).jid)
        if register is not None and display_name(before) != display_name(now):
            register.named(self._persons.key_of(now), display_name(now))
            self.touched(room.main or room)

    def left(self, room: Room, occupant: Occupant) -> None:
        main = room.main or room
        register = self._registers.get(main.jid)
        if register is None:
            return
        key = self._persons.key_of(occupant)
        here = (each for r in self.parts.family(main) for each in people(r))
        if all(self._persons.key_of(each) != key for each in here):
            register.went(key, self._now_ms())
        self.touched(main)

    def ended(self, room: Room) -> None:
        register = self._registers.pop(room.jid, None)
        if register is None:
            return
        register.close(self._now_ms())
        self.keep(room, register.rows())
        until = self.parts.clock() + self.limits.attendance_after_s
        self._ended[room.meeting_id] = Ended(room.jid, list(register.people.values()), until)
        while len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)

    def _switched(self, room: Room, key: str, data: Any) -> None:
        if key != KEY:
            return
        if data is not True:
            self._registers.pop(room.jid, None)  # what was written down is forgotten
        elif room.jid not in self._registers:
            register = self._registers[room.jid] = Register()
            for each in self.parts.family(room):
                for occupant in people(each):
                    self._came(register, occupant)
        self.touched(room)

    def _came(self, register: Register, occupant: Occupant) -> None:
        key, name = self._persons.key_of(occupant), display_name(occupant)
        account = occupant.admission.account
        register.came(key, name or occupant.nick, account, self._now_ms(), self.limits)

    def _now_ms(self) -> int:
        return int(self.parts.clock() * 1000)

    # What survives

    def dump(self, room: Room) -> Any:
        register = self._registers.get(room.jid)
        return None if register is None else msgspec.to_builtins(register)

    def load(self, room: Room, state: Any) -> None:
        self._registers[room.jid] = msgspec.convert(state, Register)
