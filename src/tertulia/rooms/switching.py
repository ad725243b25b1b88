"""How somebody leaves for another room of the same meeting (signalling reference 4.7)."""

from __future__ import annotations

from collections.abc import Iterable

from tertulia.xmpp.xml import Element

SWITCH_ROOM = "switch_room"


def is_switching(farewell: Iterable[Element]) -> bool:
    """Whether a last presence says so."""
    return any(each.name == "status" and each.text == SWITCH_ROOM for each in farewell)
