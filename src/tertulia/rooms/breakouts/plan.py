"""Which breakout rooms a meeting has and who is to be in which, as data that survives a restart.

A person is named by a key that its next connection has too (an account, or what the browser keeps),
so that whoever reloads the page returns to its room. Without I/O and without a clock.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tertulia.rooms.breakouts.limits import BreakoutLimits
from tertulia.xmpp.errors import BadRequest, ItemNotFound, ResourceConstraint


class PlanState(msgspec.Struct, forbid_unknown_fields=True):
    """A plan as JSON. Times are in seconds since the epoch."""

    rooms: dict[str, str] = {}
    counter: int = 0
    planned: dict[str, str] = {}
    seats: dict[str, str] = {}
    is_open: bool = False
    closes_at: float | None = None


class Plan:
    """The breakout rooms of one meeting.

    Attributes:
        rooms: names by id, in the order in which they were added.
        counter: how many were ever added; stock clients number their names with it.
        planned: who is assigned to which room, by the key of the person.
        seats: who belongs in which room at this moment; whoever is elsewhere is led there when it
            comes to the main room. Those who walked out by themselves have no seat.
    """

    def __init__(
        self,
        limits: BreakoutLimits | None = None,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._limits = limits or BreakoutLimits()
        self._new_id = new_id
        self.rooms: dict[str, str] = {}
        self.counter = 0
        self.planned: dict[str, str] = {}
        self.seats: dict[str, str] = {}
        self.is_open = False
        self.closes_at: float | None = None

    # Rooms

    def add(self, name: str) -> str:
        """Add a room; its id. Raises: ResourceConstraint, BadRequest."""
        if len(self.rooms) >= self._limits.breakout_rooms:
            raise ResourceConstraint(
                f"a meeting has at most {self._limits.breakout_rooms} (breakout_rooms)"
            )
        name = self._name(name)
        room = self._new_id()
        self.rooms[room] = name
        self.counter += 1
        return room

    def rename(self, room: str, name: str) -> None:
        """Raises: ItemNotFound, BadRequest."""
        self.known(room)
        self.rooms[room] = self._name(name)

    def remove(self, room: str) -> None:
        """Remove a room and all seats in it. Raises: ItemNotFound."""
        self.known(room)
        del self.rooms[room]
        self.planned = {who: where for who, where in self.planned.items() if where != room}
        self.seats = {who: where for who, where in self.seats.items() if where != room}

    def known(self, room: str) -> None:
        """Raises: ItemNotFound."""
        if room not in self.rooms:
            raise ItemNotFound("no such breakout room")

    def _name(self, name: str) -> str:
        name = name.strip()
        if not name:
            raise BadRequest("a breakout room has a name")
        if len(name) > self._limits.breakout_name_characters:
            raise BadRequest("the name is too long (breakout_name_characters)")
        return name

    # People

    def assign(self, person: str, room: str | None) -> None:
        """Plan somebody for a room, or for none. While the rooms are open it is a seat at once.

        Raises: ItemNotFound, ResourceConstraint.
        """
        if room is None:
            self.planned.pop(person, None)
            self.seats.pop(person, None)
            return
        self.known(room)
        self._count(self.planned, person)
        self.planned[person] = room
        if self.is_open:
            self.sit(person, room)

    def shuffle(self, people: Sequence[str], chance: random.Random) -> None:
        """Assign these people anew, by chance; the sizes differ by one at most.

        Raises: ItemNotFound when there is no room, ResourceConstraint.
        """
        if not self.rooms:
            raise ItemNotFound("there is no breakout room")
        people = list(dict.fromkeys(people))
        if len(people) > self._limits.breakout_people:
            raise ResourceConstraint("too many people to assign (breakout_people)")
        chance.shuffle(people)
        rooms = list(self.rooms)
        self.planned = {}
        for index, person in enumerate(people):
            self.planned[person] = rooms[index % len(rooms)]
        if self.is_open:
            self.seats |= self.planned

    def sit(self, person: str, room: str) -> None:
        """Somebody went, or was sent, to a room. Raises: ResourceConstraint."""
        self._count(self.seats, person)
        self.seats[person] = room

    def stand_up(self, person: str) -> None:
        """Somebody walked out by itself, or was called back."""
        self.seats.pop(person, None)

    def _count(self, people: dict[str, str], person: str) -> None:
        if person not in people and len(people) >= self._limits.breakout_people:
            raise ResourceConstraint("too many people are assigned (breakout_people)")

    # Open and closed

    def open(self, closes_at: float | None) -> None:
        """Everybody who is assigned belongs in its room from now on. Raises: ItemNotFound."""
        if not self.rooms:
            raise ItemNotFound("there is no breakout room")
        self.is_open, self.closes_at = True, closes_at
        self.seats |= self.planned

    def limit_time(self, closes_at: float | None) -> None:
        """Raises: BadRequest when the rooms are not open."""
        if not self.is_open:
            raise BadRequest("the breakout rooms are not open")
        self.closes_at = closes_at

    def close(self) -> None:
        """Everybody belongs in the main room; the assignments stay for the next time."""
        self.is_open, self.closes_at = False, None
        self.seats = {}

    # What survives

    @property
    def is_blank(self) -> bool:
        return not self.counter

    def dump(self) -> Any:
        return msgspec.to_builtins(
            PlanState(
                rooms=self.rooms,
                counter=self.counter,
                planned=self.planned,
                seats=self.seats,
                is_open=self.is_open,
                closes_at=self.closes_at,
            )
        )

    def load(self, state: Any) -> None:
        """Raises: msgspec.ValidationError."""
        read = msgspec.convert(state, PlanState)
        self.rooms, self.counter = dict(read.rooms), read.counter
        self.planned = {who: room for who, room in read.planned.items() if room in self.rooms}
        self.seats = {who: room for who, room in read.seats.items() if room in self.rooms}
        self.is_open, self.closes_at = read.is_open, read.closes_at
