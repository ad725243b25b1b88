"""The lobby: where people wait until a moderator lets them in (signalling reference 6.4).

`waiting` is the core of one lobby, `part` the service of the lobby domain and the way to the rooms.
"""

from tertulia.rooms.lobby.part import LobbyRooms
from tertulia.rooms.lobby.waiting import LobbyLimits

__all__ = ["LobbyLimits", "LobbyRooms"]
