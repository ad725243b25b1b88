"""What is remembered of video sources, and for how long."""

from __future__ import annotations

import gc

from tertulia.bridge.candidates import candidates_of
from tertulia.bridge.video import Layer, VideoSource, once_for_each


def source(name: str = "a-v0") -> VideoSource:
    return VideoSource(name=name, owner="a", layers=(Layer(0, 0, 0, 100_000, 180, 30.0),))


def test_what_was_worked_out_for_a_source_is_found_again() -> None:
    calls: list[tuple[str, int]] = []

    @once_for_each
    def work(each: VideoSource, height: int) -> int:
        calls.append((each.name, height))
        return height * 2

    one, other = source(), source("b-v0")

    assert [work(one, 180), work(one, 180), work(one, 360), work(other, 180)] == [
        *(360, 360, 720, 360)
    ]
    assert calls == [("a-v0", 180), ("a-v0", 360), ("b-v0", 180)]


def test_a_source_that_is_gone_is_not_kept_by_what_was_worked_out_for_it() -> None:
    for _ in range(50):
        candidates_of(source("gone-v0"), 180, False)
    gc.collect()

    kept = [each for each in gc.get_objects() if isinstance(each, VideoSource)]

    assert [each.name for each in kept if each.name == "gone-v0"] == []


def test_a_receiver_who_asks_for_every_height_does_not_fill_the_memory() -> None:
    one = source()

    for height in range(1, 10_000):
        candidates_of(one, height, False)

    assert len(one.worked_out) <= 256
