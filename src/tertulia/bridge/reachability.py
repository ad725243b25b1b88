"""Notices that media never reaches this bridge, and says what an operator would have to look at.

"Works with two, black with three" is, nearly always, an address that clients cannot reach; they
know it after seconds, while the operator learns of it from them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from tertulia.bridge.addresses import Addresses
from tertulia.public_address import is_private

log = logging.getLogger("tertulia.bridge")

# Browsers give up after 15 to 30 s without an answer to any check.
SILENT_S = 12.0


class Reachability:
    """Watches for endpoints from which nothing has ever come."""

    def __init__(self) -> None:
        self._warned: set[int] = set()

    def observe(
        self, endpoints: Iterable[tuple[int, float, int]], addresses: Addresses
    ) -> list[str]:
        """Log one line for each endpoint that should have been heard by now, and return them.

        Args:
            endpoints: of each endpoint its handle, the seconds since it was last heard or since it
                was made, and the packets received from it.
        """
        present = set()
        lines = []
        for handle, idle_s, packets in endpoints:
            present.add(handle)
            if packets == 0 and idle_s >= SILENT_S and handle not in self._warned:
                self._warned.add(handle)
                lines.append(
                    f"No media arrived: endpoint={handle} told={addresses}; {advice(addresses)}"
                )
        self._warned &= present
        for line in lines:
            log.warning("%s", line)
        return lines


def advice(addresses: Addresses) -> str:
    """What is probably wrong, by what clients are told."""
    told = addresses.candidates(private=False)
    udp = sorted({each.port for each in told if each.protocol == "udp"})
    port = f"UDP {', '.join(map(str, udp))}"
    if all(is_private(each.ip) for each in told):
        return (
            "these addresses are private: behind NAT set media.advertise to the public address "
            f"and forward {port}"
        )
    return f"check that these are the public addresses and that firewalls and NAT let {port} in"
