"""Frames on their way to whoever wants them."""

import asyncio
import time
from dataclasses import replace

from tertulia.client.frame import Frame
from tertulia.client.received import ASK_AGAIN_S, MOST_WAITING, RemoteSource
from tertulia.client.sources import SignalledSource
from tertulia.xmpp.jingle_rtp import Media

VIDEO = SignalledSource(name="bea-v0", owner="bea", media=Media.VIDEO, ssrc=33)
AUDIO = SignalledSource(name="bea-a0", owner="bea", media=Media.AUDIO, ssrc=34)


def frame(number: int, *, keyframe: bool = False) -> Frame:
    return Frame(data=b"", timestamp=number, codec="vp8", clock_rate=90000, keyframe=keyframe)


async def test_video_begins_with_the_key_frame_that_was_asked_for() -> None:
    asked: list[int] = []
    source = RemoteSource(VIDEO, asked.append)
    frames = source.frames()
    for number, keyframe in enumerate((False, True, False)):
        source.put(frame(number, keyframe=keyframe))
    source.end()

    assert [each.timestamp async for each in frames] == [1, 2]
    assert asked == [33]


async def test_a_key_frame_that_does_not_come_is_asked_for_again() -> None:
    asked: list[int] = []
    source = RemoteSource(VIDEO, asked.append)
    waiting = source.frames()
    asked.clear()
    later = time.monotonic() + ASK_AGAIN_S

    source.put(replace(frame(1), arrived=later - 0.5))
    assert asked == []
    source.put(replace(frame(2), arrived=later + 0.1))
    assert asked == [33]
    source.put(replace(frame(3, keyframe=True), arrived=later + 0.2))
    source.put(replace(frame(4), arrived=later + 9))
    assert asked == [33]
    assert (await anext(waiting)).timestamp == 3


async def test_a_slow_reader_loses_the_oldest_and_is_told() -> None:
    source = RemoteSource(AUDIO, lambda ssrc: None)
    frames = source.frames()
    for number in range(MOST_WAITING + 3):
        source.put(frame(number))
    source.end()

    taken = [each async for each in frames]

    assert [each.timestamp for each in taken] == list(range(3, MOST_WAITING + 3))
    assert [each.contiguous for each in taken[:2]] == [False, True]


async def test_the_end_of_a_source_ends_its_readers() -> None:
    source = RemoteSource(AUDIO, lambda ssrc: None)
    waiting = asyncio.ensure_future(anext(source.frames(), None))
    await asyncio.sleep(0)
    source.end()

    assert await waiting is None
    assert [each async for each in source.frames()] == []
