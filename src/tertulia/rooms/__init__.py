"""The MUC service (XEP-0045 in the profile of Jitsi clients): who is in a room and what they say.

`room` is the sans-IO core, `service` the shell between it and the router. The focus is an occupant
like any other here, with a reserved nickname; conferences and media are not known.
"""

from tertulia.rooms.events import OccupantJoined, OccupantLeft, RoomEnded, RoomEvent, RoomOpened
from tertulia.rooms.limits import RoomLimits
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.service import RoomService

__all__ = [
    "OccupantJoined",
    "OccupantLeft",
    "RoomEnded",
    "RoomEvent",
    "RoomLimits",
    "RoomOpened",
    "RoomPolicy",
    "RoomService",
]
