"""The tally as a part that hangs on rooms: breakout rooms belong to the meeting of their main room.

It has no address: nobody talks to it, and clients hear nothing of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from tertulia.rooms.occupant import Occupant
from tertulia.rooms.parts import Part, people
from tertulia.rooms.persons import Persons
from tertulia.rooms.room import Room
from tertulia.usage.tally import Meeting, Tally, UsageLimits


class Usage(Part):
    """Tells a `Tally` who comes and goes. Hang it on with `Parts.add(..., serve=False)`."""

    name: ClassVar[str] = "usage"

    def __init__(
        self,
        persons: Persons,
        *,
        secret: str,
        clock: Callable[[], float],
        limits: UsageLimits | None = None,
    ) -> None:
        """
        Args:
            secret: keeps marks of rooms from being guessed.
            clock: seconds since the epoch.
        """
        super().__init__("")
        self._persons = persons
        self._secret = hashlib.sha256(f"usage\0{secret}".encode()).digest()
        self._clock = clock
        self.tally = Tally(self._mark, self.now_ms(), limits)

    def now_ms(self) -> int:
        return int(self._clock() * 1000)

    def since_ms(self, main: Room, occupant: Occupant) -> int | None:
        """Since when somebody is in the meeting; None when it is not known."""
        meeting = self.tally.meetings.get(main.meeting_id)
        return None if meeting is None else meeting.here.get(self._key(occupant))

    def begun_ms(self, main: Room) -> int | None:
        """When the second person came into a meeting; None before."""
        meeting = self.tally.meetings.get(main.meeting_id)
        return None if meeting is None else meeting.begun_ms

    # Notices

    def entered(self, room: Room, newcomer: Occupant) -> None:
        main = room.main or room
        self.tally.came(main.meeting_id, main.jid.node, self._key(newcomer), self.now_ms())
        self.touched(main)

    def left(self, room: Room, occupant: Occupant) -> None:
        main, key = room.main or room, self._key(occupant)
        here = (each for r in self.parts.family(main) for each in people(r))
        if all(self._key(each) != key for each in here):
            self.tally.went(main.meeting_id, key, self.now_ms())
        self.touched(main)

    def ended(self, room: Room) -> None:
        if room.main is None:
            self.tally.ended(room.meeting_id, self.now_ms())

    def _key(self, occupant: Occupant) -> str:
        """Of a person, for as long as its meeting lasts; nothing can be read from it."""
        return self._digest(self._persons.key_of(occupant))

    def _mark(self, room: str, day: str) -> str:
        return self._digest(f"{day[:7]}/{room}")

    def _digest(self, text: str) -> str:
        return hashlib.blake2b(text.encode(), key=self._secret, digest_size=12).hexdigest()

    # What survives

    def dump(self, room: Room) -> Any:
        meeting = self.tally.meetings.get(room.meeting_id) if room.main is None else None
        return None if meeting is None else msgspec.to_builtins(meeting)

    def load(self, room: Room, state: Any) -> None:
        self.tally.resume(room.meeting_id, msgspec.convert(state, Meeting), self.now_ms())
