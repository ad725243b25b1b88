"""Who has been let into a meeting that has a lobby: they come back without knocking again."""

from __future__ import annotations

from collections import OrderedDict

from tertulia.rooms.bans import Trace
from tertulia.xmpp.jid import Jid


class LetIn:
    """By address, and by the machine id that the browser told the focus (`Trace.machine`).

    Only that browser and the focus know the id, so it is worth as much here as a session cookie.
    The one let in longest ago is forgotten when there are too many.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._people: OrderedDict[str, str] = OrderedDict()  # bare JID -> machine id

    def add(self, jid: Jid, trace: Trace) -> None:
        known = self._people.get(str(jid.bare), "")
        self._people[str(jid.bare)] = trace.machine or known
        self._people.move_to_end(str(jid.bare))
        if len(self._people) > self._limit:
            self._people.popitem(last=False)

    def forget(self, jid: Jid) -> None:
        """Somebody was removed, and its browser with it."""
        machine = self._people.pop(str(jid.bare), "")
        if machine:
            self._people = OrderedDict((j, m) for j, m in self._people.items() if m != machine)

    def holds(self, jid: Jid, trace: Trace) -> bool:
        is_known = trace.machine != "" and trace.machine in self._people.values()
        return is_known or str(jid.bare) in self._people
