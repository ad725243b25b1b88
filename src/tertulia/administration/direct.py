"""Who sends media directly to whom, as their clients agree on it in the room (XEP-0166).

Clients accept a session between themselves and end it when it does not come about, or when a third
person comes. Nothing else is looked at in what they say to each other.
"""

from __future__ import annotations

from typing import Any, ClassVar

from tertulia.rooms.occupant import Occupant
from tertulia.rooms.parts import Part
from tertulia.rooms.room import Room
from tertulia.xmpp import ns as NS
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

_Pair = frozenset[str]  # of nicknames


class DirectSessions(Part):
    """It has no address. Hang it on with `Parts.add(..., serve=False)`."""

    name: ClassVar[str] = "direct"

    def __init__(self) -> None:
        super().__init__("")
        self._pairs: dict[Jid, set[_Pair]] = {}  # by room

    def is_direct(self, room: Room, nick: str) -> bool:
        return any(nick in pair for pair in self._pairs.get(room.jid, ()))

    def relayed(self, room: Room, sender: Occupant, peer: Occupant, request: Element) -> None:
        if room.is_focus(sender.jid) or room.is_focus(peer.jid):
            return  # the session by the bridge
        jingle = request.find("jingle", NS.JINGLE)
        action = "" if jingle is None else jingle.get("action")
        pair = frozenset((sender.nick, peer.nick))
        if action == "session-accept":
            self._pairs.setdefault(room.jid, set()).add(pair)
            self.touched(room)
        elif action == "session-terminate":
            self._pairs.get(room.jid, set()).discard(pair)
            self.touched(room)

    def left(self, room: Room, occupant: Occupant) -> None:
        pairs = self._pairs.get(room.jid)
        if pairs:
            self._pairs[room.jid] = {pair for pair in pairs if occupant.nick not in pair}
            self.touched(room)

    def ended(self, room: Room) -> None:
        self._pairs.pop(room.jid, None)

    # What survives

    def dump(self, room: Room) -> Any:
        return [sorted(pair) for pair in self._pairs.get(room.jid, ())] or None

    def load(self, room: Room, state: Any) -> None:
        self._pairs[room.jid] = {frozenset(pair) for pair in state}
