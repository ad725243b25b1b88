"""How long chat is kept: not at all, as long as the meeting, or for days (rooms that are kept).

Kept days later are the lines as they read when the meeting ended: what was taken back is not
written anywhere. Everybody sees in the room's metadata what holds (`chatRetention`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import msgspec

from tertulia.rooms.chat import Line
from tertulia.rooms.metadata import RoomMetadata
from tertulia.rooms.parts import Part, addresses, json_message, people
from tertulia.rooms.room import Room
from tertulia.xmpp.errors import BadRequest
from tertulia.xmpp.jid import Jid

KEY = "chatRetention"  # of the metadata: "none", "meeting", or a number of days
NONE, MEETING = "none", "meeting"


class KeepingChat(Part):
    """Sees to it for every room.

    Attributes:
        keep: told of each line that a meeting leaves behind in a room that keeps them for days.
        recall: asked for the lines of the last so many days; they come by `recalled`.
    """

    name: ClassVar[str] = "chat"

    def __init__(self, domain: str, *, default: str = MEETING) -> None:
        super().__init__(domain)
        self.keep: Callable[[Room, dict[str, Any]], None] = lambda room, line: None
        self.recall: Callable[[Room, int], None] = lambda room, days: None
        self._default = default
        self._of_before: dict[Jid, set[str]] = {}  # ids of lines of earlier meetings

    def added(self) -> None:
        metadata = self.parts.part(RoomMetadata.name)
        if isinstance(metadata, RoomMetadata):
            metadata.rules[KEY] = self._may_choose
            metadata.on_key.append(self._chosen)

    def days(self, room: Room) -> int:
        """For how many days a room keeps chat; 0 for no longer than the meeting."""
        return room.kept.chat_days if room.kept is not None else 0

    def say_from_server(self, room: Room, text: str, to: Iterable[Jid] | None = None) -> None:
        """Have the server say something to everybody in a room, or to some of them."""
        said = {"type": "system_chat_message", "message": text}
        self.parts.send(
            json_message(str(room.jid), said), addresses(people(room)) if to is None else to
        )

    def recalled(self, room: Room, lines: Iterable[Any]) -> None:
        """The lines of earlier meetings are here; those who came meanwhile read them now."""
        found = []
        for each in lines:
            try:
                found.append(msgspec.convert(each, Line))
            except msgspec.ValidationError:
                continue  # of another version
        new = room.chat.recall(found)
        self._of_before.setdefault(room.jid, set()).update(line.id for line in new)
        hall = self.parts.hall_of(room.jid)
        if new and hall is not None and self.parts.room(room.jid) is room:
            told = room.told_again(addresses(people(room)), new)
            hall.carry_out(room, told, room.occupants())

    # Notices

    def opened(self, room: Room) -> None:
        main = room.main or room
        if room.main is not None:
            room.chat.keep(main.chat.is_kept)
            return
        days = self.days(room)
        said = room.kept.chat_retention if room.kept is not None else ""
        retention = str(days) if days else said if said in (NONE, MEETING) else self._default
        room.chat.keep(retention != NONE)
        metadata = self.parts.part(RoomMetadata.name)
        if isinstance(metadata, RoomMetadata):
            metadata.lay_down(room, KEY, days or retention)
        if days:
            self.recall(room, days)

    def said(self, room: Room) -> None:
        self.touched(room)

    def ended(self, room: Room) -> None:
        before = self._of_before.pop(room.jid, set())
        if self.days(room):
            for line in room.chat.lines():
                if line.id not in before:
                    self.keep(room, msgspec.to_builtins(line))

    def _may_choose(self, room: Room, data: Any) -> None:
        if data not in (NONE, MEETING):
            raise BadRequest("moderators keep chat for the meeting, or not at all")

    def _chosen(self, room: Room, key: str, data: Any) -> None:
        if key == KEY:
            for each in self.parts.family(room):
                each.chat.keep(data != NONE)
