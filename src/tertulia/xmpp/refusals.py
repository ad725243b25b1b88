"""How often this process refused what peers asked of it, for its metrics.

One count for the process, because refusing happens in one place for all services. What is counted
are the names of our own error classes and their conditions: nothing a peer chooses.
"""

from __future__ import annotations

from collections import Counter

_counts: Counter[tuple[str, str]] = Counter()


def count(error: str, condition: str) -> None:
    """Note one refusal: the error's class or the limit's name, and the condition on the wire."""
    _counts[error, condition] += 1


def refusals() -> dict[tuple[str, str], int]:
    """(error, condition) -> how often, since the process started."""
    return dict(_counts)
