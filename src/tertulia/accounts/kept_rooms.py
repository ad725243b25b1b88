"""Rooms that are kept whether or not anybody is in them, in memory."""

from __future__ import annotations

from collections.abc import Mapping

from tertulia.rooms.kept import KeptRoom


class KeptRooms:
    """By the node of their address. `replace` is called whenever the database has others."""

    def __init__(self) -> None:
        self._rooms: dict[str, KeptRoom] = {}
        self._unsaved: dict[str, KeptRoom] = {}

    def replace(self, rooms: Mapping[str, KeptRoom]) -> None:
        """What the database says, but for changes that are still on their way to it."""
        self._rooms = {**rooms, **{n: r for n, r in self._unsaved.items() if n in rooms}}

    def room(self, name: str) -> KeptRoom | None:
        return self._rooms.get(name)

    def names(self) -> list[str]:
        return list(self._rooms)

    def change(self, name: str, room: KeptRoom) -> None:
        """Its owner has changed a room that is kept; `unsaved` has it until it is `saved`."""
        if name in self._rooms:
            self._rooms[name] = self._unsaved[name] = room

    def unsaved(self) -> dict[str, KeptRoom]:
        return dict(self._unsaved)

    def saved(self, name: str, room: KeptRoom) -> None:
        if self._unsaved.get(name) == room:
            del self._unsaved[name]
