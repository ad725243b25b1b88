"""Who somebody is beyond one connection: so that whoever reloads the page is known again.

The address of a guest is new with each page. What a browser keeps is a random id that it gives the
focus with its request (`machine-uid`, signalling reference 3) and that nobody else sees; stock
clients also put a statistics name of their own into presence (`stats-id`), which anybody can copy.
A person's key is therefore good for seating and for lists, and never for rights. An account is no
part of it: somebody who logs in during a meeting stays the person it was, and somebody who is there
with a computer and a telephone has two seats. Lists name accounts beside the person.
"""

from __future__ import annotations

from collections import OrderedDict

from tertulia.rooms.occupant import Occupant
from tertulia.xmpp import ns as NS
from tertulia.xmpp.jid import Jid

_REMEMBERED = 20_000  # browsers; the one that asked longest ago is forgotten
_LONGEST = 128


class Persons:
    """The keys of people."""

    def __init__(self) -> None:
        self._machines: OrderedDict[Jid, str] = OrderedDict()  # by bare JID

    def asked(self, jid: Jid, machine_uid: str) -> None:
        """Somebody asked the focus for a conference from this browser."""
        if not machine_uid or len(machine_uid) > _LONGEST:
            return
        self._machines[jid.bare] = machine_uid
        self._machines.move_to_end(jid.bare)
        if len(self._machines) > _REMEMBERED:
            self._machines.popitem(last=False)

    def machine_of(self, jid: Jid) -> str:
        """The id its browser keeps, "" when it named none."""
        return self._machines.get(jid.bare, "")

    def key_of(self, occupant: Occupant) -> str:
        """The same for the same person, as well as can be known."""
        bare = occupant.jid.bare
        if machine := self._machines.get(bare):
            return f"machine:{machine}"
        for child in occupant.presence:
            if child.name == "stats-id" and 0 < len(child.text) <= _LONGEST:
                return f"stats:{child.text}"
        return f"jid:{bare}"


def display_name(occupant: Occupant) -> str:
    """What somebody calls itself, "" for nothing."""
    for child in occupant.presence:
        if child.name == "nick" and child.ns == NS.NICK:
            return child.text
    return ""
