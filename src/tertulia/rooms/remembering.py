"""What of a room survives a restart of the process: the attributes that its parts name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol


class Remembers(Protocol):
    """Something whose state is to survive: plain objects of ours, to be pickled."""

    REMEMBERED: ClassVar[tuple[str, ...]]  # names of attributes


def dump(things: Mapping[str, Remembers]) -> dict[str, Any]:
    """The state of each thing by its name."""
    return {
        name: {each: getattr(thing, each) for each in thing.REMEMBERED}
        for name, thing in things.items()
    }


def load(things: Mapping[str, Remembers], state: Mapping[str, Any]) -> None:
    """Take back what `dump` gave; what is not in it stays as it is."""
    for name, thing in things.items():
        known = state.get(name, {})
        for each in thing.REMEMBERED:
            if each in known:
                setattr(thing, each, known[each])
