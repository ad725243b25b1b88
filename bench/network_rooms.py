"""What everybody to everybody takes of the bridge's network, and what saves it (requirement A1.19).

Once with one encoding that goes to all as it is, which is plain arithmetic; then with simulcast and
one on the stage of everybody, the others small: the bridge forwards what is looked at. Encodings
that nobody looks at are sent all the same in one case, and not sent in the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.network.meeting import Meeting

Camera = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Room:
    people: int
    plain: Camera  # (height, bits per second) of the one encoding
    simulcast: Camera


ROOMS = (
    Room(5, ((360, 500_000),), ((180, 100_000), (360, 400_000))),
    Room(10, ((720, 3_000_000),), ((180, 200_000), (360, 700_000), (720, 2_100_000))),
)


@dataclass(frozen=True, slots=True)
class Way:
    name: str
    is_simulcast: bool = True
    obeys: bool = True
    last_n: int = -1


WAYS = (
    Way("one encoding, all of it to all", is_simulcast=False),
    Way("simulcast, one on stage, all encodings sent", obeys=False),
    Way("the same, unwatched encodings not sent"),
    Way("the same, lastN 4", last_n=4),
)


async def run() -> list[dict[str, Any]]:
    found = []
    for room, way in _all():
        one = await _measure(room, way)
        print(one, flush=True)
        found.append(one)
    return found


def _all() -> Iterator[tuple[Room, Way]]:
    for room in ROOMS:
        for way in WAYS:
            yield room, way


async def _measure(room: Room, way: Way) -> dict[str, Any]:
    meeting = Meeting()
    try:
        camera = room.simulcast if way.is_simulcast else room.plain
        everyone = [meeting.join(f"p{n}", camera=camera) for n in range(room.people)]
        for person in everyone:
            person.obeys = way.obeys
            if way.is_simulcast:
                stage = everyone[1 if person is everyone[0] else 0]
                person.says(
                    "ReceiverVideoConstraints",
                    lastN=way.last_n,
                    onStageSources=[f"{stage.name}-v0"],
                    defaultConstraints={"maxHeight": 180},
                    constraints={f"{stage.name}-v0": {"maxHeight": 720}},
                )
        async with meeting.running():
            await asyncio.sleep(5)
            before, start = meeting.engine.stats(), meeting.now()
            await asyncio.sleep(6)
            after, took = meeting.engine.stats(), meeting.now() - start
            return {
                "people": room.people,
                "way": way.name,
                "in_mbps": round((after.bytes_received - before.bytes_received) * 8e-6 / took, 2),
                "out_mbps": round((after.bytes_sent - before.bytes_sent) * 8e-6 / took, 2),
            }
    finally:
        meeting.close()
