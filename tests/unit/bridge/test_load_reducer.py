"""Fewer videos for everybody while the bridge has too much to do."""

from __future__ import annotations

from tertulia.bridge.load_reducer import LoadReducer


def test_a_quarter_is_shed_at_most_once_a_minute() -> None:
    reducer = LoadReducer()

    found = [reducer.observe(1.2, most, now) for most, now in ((20, 0), (20, 30), (15, 60))]

    assert found == [15, 15, 11]


def test_nobody_is_left_without_any_video() -> None:
    reducer = LoadReducer()

    assert reducer.observe(2.0, 2, 0.0) == 1
    assert reducer.observe(2.0, 1, 60.0) == 1
    assert LoadReducer().observe(2.0, 0, 0.0) == -1


def test_videos_come_back_when_there_is_room_and_the_limit_ends() -> None:
    reducer = LoadReducer()
    reducer.observe(1.2, 3, 0.0)

    found = [reducer.observe(0.1, 2, 60.0 * step) for step in range(1, 15)]

    assert found[:4] == [3, 4, 5, 6]
    assert found == sorted(found, key=lambda n: 99 if n < 0 else n)
    assert found[-1] == -1


def test_in_between_nothing_changes() -> None:
    reducer = LoadReducer()
    reducer.observe(1.2, 20, 0.0)

    assert reducer.observe(0.8, 15, 1000.0) == 15
