import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.web.rooms import room_of


@pytest.mark.parametrize(
    ("segment", "room"),
    [
        ("Plaza", "plaza"),
        ("Plaza Mayor", "plaza%20mayor"),
        ("Ünïcode", "%c3%bcn%c3%afcode"),
        ("\uff30laza", "plaza"),  # NFKC: a full-width P
        ("it's-(1)!*~", "it's-(1)!*~"),
    ],
)
def test_a_room_is_named_as_clients_name_it(segment: str, room: str) -> None:
    assert room_of(segment) == room


@pytest.mark.parametrize("segment", ["", " ", "a/b", "a\n", "\x00", ".well-known", "x" * 201])
def test_some_names_no_room_can_have(segment: str) -> None:
    assert room_of(segment) is None


@given(st.text())
def test_fuzz_a_name_is_a_room_of_plain_characters_or_none(segment: str) -> None:
    room = room_of(segment)

    assert room is None or (room.isascii() and room == room.lower() and "/" not in room)
