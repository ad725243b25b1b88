"""Faults: a lean choice runs with everything else, the heavy ones with `make faults`.

On a busy machine a figure says little, so with everything else only its presence counts (the bound
times three); `make faults` holds the reference's figures (security A4) themselves.
"""

from __future__ import annotations

from tests.heavy import ALL

SLACK = 1.0 if ALL else 3.0


def within(measured_s: float, bound_s: float, what: str) -> None:
    """Hold a figure to its bound, and show it."""
    print(f"{what}: {measured_s:.2f} s (bound {bound_s:g} s)")
    assert measured_s <= bound_s * SLACK, what
