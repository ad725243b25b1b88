"""The loudest of many speakers."""

from __future__ import annotations

from tertulia.bridge.loudness import KEPT_S, Loudness


def test_the_loudest_are_chosen() -> None:
    loudness = Loudness()
    for speaker, level in (("ana", 20), ("bea", 60), ("cyd", 30), ("dot", 127)):
        loudness.heard(speaker, bytes([level] * 5), 0.0)

    assert loudness.loudest(2, 0.1) == {"ana", "cyd"}
    assert loudness.loudest(9, 0.1) == {"ana", "bea", "cyd"}  # silence is nobody's voice


def test_one_loud_moment_is_not_enough() -> None:
    loudness = Loudness()
    for step in range(5):
        loudness.heard("ana", bytes([30] * 5), step / 10)
        loudness.heard("bea", bytes([110 if step < 4 else 25] * 5), step / 10)

    assert loudness.loudest(1, 0.5) == {"ana"}


def test_who_is_heard_no_more_gives_its_place_away() -> None:
    loudness = Loudness()
    loudness.heard("ana", bytes([20] * 5), 0.0)
    loudness.heard("bea", bytes([60] * 5), KEPT_S)

    assert loudness.loudest(1, KEPT_S) == {"ana"}
    assert loudness.loudest(1, KEPT_S + 0.01) == {"bea"}


def test_some_are_heard_in_any_case() -> None:
    loudness = Loudness()
    loudness.heard("ana", bytes([20] * 5), 0.0)

    assert loudness.loudest(1, 0.0, always=("cyd",)) == {"ana", "cyd"}


def test_who_left_takes_no_place() -> None:
    loudness = Loudness()
    loudness.heard("ana", bytes([20] * 5), 0.0)
    loudness.forget("ana")

    assert loudness.loudest(1, 0.0) == frozenset()
