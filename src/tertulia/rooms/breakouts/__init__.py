"""Breakout rooms: who is to be where is state of the server, the rooms are ordinary MUC rooms.

`plan` and `commands` are the sans-IO core; `part` is what hangs on the rooms and moves people.
"""

from tertulia.rooms.breakouts.limits import BreakoutLimits
from tertulia.rooms.breakouts.part import BreakoutRooms

__all__ = ["BreakoutLimits", "BreakoutRooms"]
