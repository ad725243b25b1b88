"""What those outside may know of a room before they enter it (`site.show_inside`)."""

from __future__ import annotations

from tertulia.rooms.cameras import KEY as CAMERA_REQUIRED
from tertulia.rooms.metadata import RoomMetadata
from tertulia.rooms.parts import people
from tertulia.rooms.persons import display_name
from tertulia.rooms.room import Room
from tertulia.web.inside import Inside

NAMES_SHOWN = 6


def who_is_inside(show: str, room: Room | None, metadata: RoomMetadata) -> Inside:
    """Not who is there when the site or the room does not tell: it has a password or a lobby.

    That the camera has to be on is asked of whoever comes, so they learn it in front of any door.

    Args:
        show: "count", "names" or "nothing".
        room: None when nobody has opened it.
    """
    is_required = room is not None and metadata.says(room, CAMERA_REQUIRED) is True
    if show == "nothing":
        return Inside(camera_required=is_required)
    if room is None:
        return Inside(people=0)
    if room.configuration.password or room.configuration.members_only:
        return Inside(camera_required=is_required)
    here = [each for each in people(room) if not room.is_hidden(each)]
    start = metadata.starts_muted(room)
    return Inside(
        people=len(here),
        names=tuple(display_name(each) for each in here[:NAMES_SHOWN]) if show == "names" else (),
        starts_muted=start.audio,
        starts_without_camera=start.video,
        camera_required=is_required,
    )
