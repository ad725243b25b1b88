"""Who gives a bridge its conferences. There may be several, and none knows of the others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """One focus in one brewery of one server; its meeting ids are its own affair."""

    name: str = ""
    public_netloc: str = ""  # host[:port] of the edge that its clients open bridge channels at
