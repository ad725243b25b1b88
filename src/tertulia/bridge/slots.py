"""SSRC rewriting: the streams one receiver gets, and what is in each (reference bridge 2.6).

In a large room a client would have to hold a decoder for everybody who is there. Instead it gets a
fixed number of streams, *slots*, and is told which source comes in which; the one that was needed
least recently is given to the next.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slot:
    """One stream a receiver gets."""

    ssrc: int
    rtx: int | None  # SSRC of its retransmissions


class Slots:
    """The slots of one receiver for one kind of media."""

    def __init__(self, count: int, *, with_rtx: bool) -> None:
        self._count = count
        self._with_rtx = with_rtx
        self._taken: OrderedDict[str, Slot] = OrderedDict()  # by source; the oldest first
        self._free: list[Slot] = []

    def assign(self, wanted: Sequence[str], known: Iterable[str]) -> None:
        """Give every wanted source a slot, the first ones if there are too few.

        Args:
            wanted: source names, the most important one first.
            known: all sources that exist; others give their slots back.
        """
        for gone in self._taken.keys() - set(known):
            self._free.append(self._taken.pop(gone))
        first = wanted[: self._count]
        # Those that have one already come first, so that none of them is taken for another.
        for name in first:
            if name in self._taken:
                self._taken.move_to_end(name)
        for name in first:
            if name not in self._taken:
                self._taken[name] = self._next()

    def of(self, name: str) -> Slot | None:
        return self._taken.get(name)

    def __len__(self) -> int:
        return len(self._taken)

    def _next(self) -> Slot:
        if self._free:
            return self._free.pop(0)  # the longest free one
        if len(self._taken) < self._count:
            return Slot(_random_ssrc(), _random_ssrc() if self._with_rtx else None)
        return self._taken.popitem(last=False)[1]


def _random_ssrc() -> int:
    return secrets.randbelow(2**32 - 1) + 1
