"""Before entry one learns who is inside: what the site and the room tell, not too often."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tertulia.web.inside import Inside, InsideLimits, InsideRooms

Client = TestClient[web.Request, web.Application]
ROOMS = {
    "plaza": Inside(people=3, names=("Ana", "Bea", "Carla"), starts_muted=True),
    "plaza%20mayor": Inside(people=1),
    "exam": Inside(camera_required=True),
}


def who_is_inside(room: str) -> Inside:
    return ROOMS.get(room, Inside())


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = web.Application()
    InsideRooms(who_is_inside).add_to(app)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_an_open_room_tells_who_is_there_and_how_one_starts(client: Client) -> None:
    answer = await client.get("/api/rooms/Plaza")

    assert await answer.json() == {
        "people": 3,
        "names": ["Ana", "Bea", "Carla"],
        "startMuted": {"audio": True, "video": False},
    }
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_name_is_read_as_clients_write_it(client: Client) -> None:
    assert (await (await client.get("/api/rooms/Plaza%20Mayor")).json())["people"] == 1


async def test_a_room_that_does_not_tell_says_only_that(client: Client) -> None:
    assert await (await client.get("/api/rooms/locked")).json() == {"people": None}
    asking = await client.get("/api/rooms/exam")
    assert await asking.json() == {"people": None, "cameraRequired": True}


async def test_what_no_room_can_be_called_is_not_found(client: Client) -> None:
    assert (await client.get("/api/rooms/.git")).status == 404


def test_one_address_may_ask_so_often_and_others_all_the_same() -> None:
    now = 0.0
    limits = InsideLimits(rate_per_s=1, burst=2, addresses=2)
    rooms = InsideRooms(who_is_inside, limits, lambda: now)
    ask = rooms._may_ask  # the address of a request cannot be chosen over a socket

    assert [ask("203.0.113.7") for _ in range(3)] == [True, True, False]
    assert ask("203.0.113.8")
    now = 1.0
    assert ask("203.0.113.7")
    assert all(ask("127.0.0.1") for _ in range(9))
    # A household's addresses count as one; who was silent longest is forgotten.
    assert [ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8::3")] == [True, True, False]
    assert len(rooms._asked) == limits.addresses
