"""Frames that cost nothing to make, and a feeder that sends them at their pace."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from tertulia.client import Event, Frame, Participant, RemoteSource, SourceAdded, Track

WITHIN_S = 30.0
# As far as a depacketizer looks: a key frame of 320x180.
PICTURE = bytes([0x10, 2, 0, 0x9D, 1, 0x2A, 0x40, 1, 0xB4, 0]) + bytes(3000)
SOUND = b"\xfc\xff\xfe"
Found = TypeVar("Found")


def sound(number: int) -> Frame:
    return Frame(data=SOUND, timestamp=number * 960, codec="opus", clock_rate=48000, level=20)


def picture(number: int) -> Frame:
    timestamp = number * 1800
    return Frame(data=PICTURE, timestamp=timestamp, codec="vp8", clock_rate=90000, keyframe=True)


@contextlib.asynccontextmanager
async def feeding(*tracks: Track, sent: list[float] | None = None) -> AsyncIterator[None]:
    """Send fifty frames a second on each track; `sent` is told when (`time.monotonic`)."""

    async def feed() -> None:
        number = 0
        while True:
            if sent is not None:
                sent.append(time.monotonic())
            for track in tracks:
                track.send(sound(number) if track.kind == "audio" else picture(number))
            number += 1
            await asyncio.sleep(0.02)

    task = asyncio.create_task(feed())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(
    person: Participant | AsyncIterator[Event], wanted: Callable[[Event], Found | None]
) -> Found:
    """The first thing `wanted` finds in what happens to this person, or comes out of `events`."""
    events = person.events() if isinstance(person, Participant) else person
    seen = []
    try:
        async with asyncio.timeout(WITHIN_S):
            async for event in events:
                seen.append(event)
                found = wanted(event)
                if found is not None:
                    return found
    except TimeoutError:
        pass
    raise AssertionError(f"did not happen; what did: {seen}")


async def until_source(person: Participant, kind: str) -> RemoteSource:
    def fits(event: Event) -> RemoteSource | None:
        is_it = isinstance(event, SourceAdded) and event.source.kind == kind
        return event.source if is_it else None

    return await until(person, fits)


async def some_frames(source: RemoteSource, count: int = 5) -> list[Frame]:
    taken: list[Frame] = []
    async with asyncio.timeout(WITHIN_S):
        async for frame in source.frames():
            taken.append(frame)
            if len(taken) == count:
                break
    return taken
