"""The way media takes to one endpoint, as far as operators and statistics ask for it."""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass, field

from tertulia.public_address import with_port
from tertulia.xmpp.jingle_ice import Candidate

_MOST_RELAYS = 50


@dataclass(slots=True)
class Path:
    remote: str = ""  # "address:port" where media goes; "" before that is known
    is_counted: bool = False  # as relayed
    _relays: set[str] = field(default_factory=set)

    def candidate(self, candidate: Candidate) -> None:
        """Note a candidate of the peer's."""
        if candidate.type != "relay" or len(self._relays) >= _MOST_RELAYS:
            return
        with contextlib.suppress(ValueError):  # a name: media does not go to names
            ip = str(ipaddress.ip_address(candidate.ip))  # in one spelling
            self._relays.add(with_port(ip, candidate.port))

    @property
    def is_relayed(self) -> bool:
        """Whether media goes through a TURN server, as the peer has told it."""
        return self.leads_through_relay(self.remote)

    def leads_through_relay(self, remote: str) -> bool:
        return remote in self._relays
