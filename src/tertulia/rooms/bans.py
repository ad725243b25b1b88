"""Who was banned from a meeting, as far as it can be told when they come again (decision 34).

A guest's address of this server is new with each connection, so a ban by that address alone holds
for nobody. A ban also remembers by which network address somebody came, which machine id its client
told the focus (a random number that browsers keep per profile), and its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tertulia.xmpp.jid import Jid


@dataclass(frozen=True, slots=True)
class Trace:
    """What a connection is known by besides its JID; empty where nothing is known."""

    address: str = ""  # of the network
    machine: str = ""  # `machine-uid` of its conference request (signalling reference 3.1)


@dataclass(frozen=True, slots=True)
class Ban:
    jid: Jid  # bare
    trace: Trace
    name: str


class Bans:
    """The bans of one meeting; the oldest is forgotten when there are too many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bans: list[Ban] = []

    def __iter__(self) -> Iterator[Ban]:
        return iter(self._bans)

    def add(self, jid: Jid, trace: Trace, name: str) -> None:
        self._bans.append(Ban(jid.bare, trace, name.casefold()))
        del self._bans[: -self._limit]

    def lift(self, jid: Jid) -> None:
        """Forget what was remembered when this address was banned."""
        self._bans = [each for each in self._bans if each.jid != jid.bare]

    def holds(self, jid: Jid, trace: Trace, name: str) -> bool:
        """Whether somebody who comes is somebody who was banned.

        The same machine is enough. The same network address is not: behind it may sit a whole
        school; together with the same name it is.
        """
        return any(
            each.jid == jid.bare
            or (each.trace.machine != "" and each.trace.machine == trace.machine)
            or (
                each.trace.address != ""
                and each.trace.address == trace.address
                and each.name != ""
                and each.name == name.casefold()
            )
            for each in self._bans
        )
