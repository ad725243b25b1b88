"""Before entry people learn what the site and the room tell, and of a locked room nothing."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.rooms.house import FOCUS, HOST, House

from tertulia.outside_view import NAMES_SHOWN, who_is_inside
from tertulia.rooms.administration import Configuration
from tertulia.rooms.metadata import RoomMetadata
from tertulia.web.inside import Inside

_NICK = "<nick xmlns='http://jabber.org/protocol/nick'>{}</nick>"


class Open(House):
    """Ana and Bea are in the room."""

    def __init__(self) -> None:
        self.metadata = RoomMetadata(f"metadata.{HOST}")
        super().__init__(self.metadata)
        for name in ("ana", "bea"):
            self.join(name, beside=_NICK.format(name.title()))

    def told(self, show: str) -> Inside:
        return who_is_inside(show, self.main, self.metadata)


def test_a_count_names_or_nothing_as_the_site_wants() -> None:
    house = Open()

    assert house.told("count") == Inside(people=2)
    assert house.told("names") == Inside(people=2, names=("Ana", "Bea"))
    assert house.told("nothing") == Inside()


def test_a_room_that_nobody_has_opened_is_empty() -> None:
    house = Open()

    assert who_is_inside("names", None, house.metadata) == Inside(people=0)


def test_rooms_with_a_password_or_a_lobby_do_not_tell() -> None:
    for closed in ({"password": "secret"}, {"members_only": True}):
        house = Open()
        house.main.configure(FOCUS, replace(Configuration(), **closed))

        assert house.told("names") == Inside()


def test_it_tells_how_one_will_start() -> None:
    house = Open()

    house.metadata.start_muted(house.main, audio=True, video=False)

    told = house.told("count")
    assert (told.starts_muted, told.starts_without_camera) == (True, False)


def test_that_the_camera_has_to_be_on_is_told_in_front_of_any_door() -> None:
    for show, closed in (("count", {}), ("nothing", {}), ("count", {"members_only": True})):
        house = Open()
        house.metadata.lay_down(house.main, "cameraRequired", True)
        house.main.configure(FOCUS, replace(Configuration(), **closed))

        told = house.told(show)

        assert told.camera_required
        assert told.people == (2 if (show, closed) == ("count", {}) else None)


def test_of_a_crowd_only_the_first_are_named() -> None:
    house = Open()
    for number in range(NAMES_SHOWN):
        house.join(f"guest{number}", beside=_NICK.format(f"Guest {number}"))

    told = house.told("names")

    assert (told.people, len(told.names)) == (2 + NAMES_SHOWN, NAMES_SHOWN)
