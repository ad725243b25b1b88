"""Secrets of letters and digits."""

from __future__ import annotations

import string

from tertulia.bridge.secret_text import random_text


def test_it_is_as_long_as_asked_and_uses_every_letter_and_digit() -> None:
    text = random_text(10_000)

    assert len(text) == 10_000
    assert set(text) == set(string.ascii_letters + string.digits)
    assert len({random_text(12) for _ in range(100)}) == 100


def test_no_letter_is_favoured() -> None:
    text = random_text(200_000)

    # 3,226 of each are expected; as many more or less as this come once in a million million years.
    assert all(abs(text.count(each) - 3226) < 600 for each in set(text))
