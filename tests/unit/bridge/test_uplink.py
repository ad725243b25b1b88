"""Whether a sender sends what it was asked for."""

from __future__ import annotations

import pytest

from tertulia.bridge.uplink import SHORT_FOR_S, Uplink
from tertulia.bridge.video import UNLIMITED, Layer

LOW = Layer(0, 0, 0, 200_000, 180, 30.0)
HIGH = Layer(2, 0, 0, 1_500_000, 720, 30.0)


def judged(layers: tuple[Layer, ...], asked: int | None, uplink: Uplink | None = None) -> bool:
    uplink = uplink or Uplink()
    uplink.observe(layers, 3, asked, 0.0)
    uplink.observe(layers, 3, asked, SHORT_FOR_S)
    return uplink.is_limited


@pytest.mark.parametrize(
    ("layers", "asked", "expected"),
    [
        ((LOW,), 720, True),
        ((LOW,), UNLIMITED, True),
        ((), 180, True),
        ((LOW, HIGH), 720, False),
        ((LOW, HIGH), UNLIMITED, False),
        ((LOW,), 180, False),
        ((LOW,), 0, False),
        ((LOW,), None, False),
    ],
)
def test_a_sender_is_limited_if_less_comes_than_was_asked_for(
    layers: tuple[Layer, ...], asked: int | None, expected: bool
) -> None:
    assert judged(layers, asked) is expected


def test_one_encoding_is_judged_by_what_it_was_before() -> None:
    uplink = Uplink()
    small = Layer(0, 0, 0, 200_000, 180, 30.0)
    uplink.observe((small,), 1, 720, 0.0)
    uplink.observe((small,), 1, 720, 60.0)
    assert not uplink.is_limited  # all this camera has, as far as is known

    uplink.observe((Layer(0, 1, 0, 900_000, 720, 30.0),), 1, 720, 61.0)
    uplink.observe((small,), 1, 720, 62.0)
    assert uplink.observe((small,), 1, 720, 62.0 + SHORT_FOR_S)
    assert uplink.is_limited


def test_what_it_shows_next_is_judged_anew() -> None:
    uplink = Uplink()
    judged((LOW,), 720, uplink)

    uplink.forget()

    assert not uplink.is_limited
