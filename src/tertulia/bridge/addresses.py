"""The ICE candidates a bridge tells its clients: where its media can be reached.

Host candidates for bound addresses, srflx ones for what NAT shows of them, both by UDP and by TCP
(RFC 8445 §5.1.1; RFC 6544 §5.2: passive, the client connects). Private addresses are noise to
people outside, who try each of them in vain, so they are kept back as soon as a public one is
known; recorders and gateways beside the bridge ask for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tertulia.errors import ConfigError
from tertulia.public_address import PublicAddress, is_private, with_port
from tertulia.xmpp.jingle_ice import Candidate

Address = tuple[str, int]  # a literal address and a port

# RFC 8445 §5.1.2.2 for UDP; below all of them for TCP (RFC 6544 §4.2).
_HOST, _SRFLX, _TCP_HOST, _TCP_SRFLX = 126, 100, 90, 80
_PASSIVE = 4 << 13  # direction preference of passive host candidates (RFC 6544 §4.2)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a bridge is: bound addresses, and what the internet sees of them."""

    udp: tuple[Address, ...] = ()
    tcp: tuple[Address, ...] = ()  # our listeners, and the HTTPS port when it hands over
    public: tuple[PublicAddress, ...] = ()
    tcp_public_port: int = 0  # 0: the same as behind the NAT
    hides_private: bool = True

    def check(self) -> None:
        """Raises: ConfigError for a public address that belongs to nothing we are bound to."""
        bound = [address for address, _ in self.udp]
        for each in self.public:
            if each.local and each.local not in bound:
                raise ConfigError(
                    f"media.advertise {each.local}={each.public}: media is not sent from "
                    f"{each.local} but from {', '.join(bound)}; name one of these"
                )
            if _home(each, bound) is None:
                family = "IPv6" if ":" in each.public else "IPv4"
                raise ConfigError(
                    f"media.advertise {each.public}: media is sent from no {family} address "
                    f"but from {', '.join(bound)}; add one to media.addresses"
                )

    def candidates(self, *, private: bool) -> tuple[Candidate, ...]:
        """What to tell a client.

        Args:
            private: the endpoint can reach private addresses (`private-address-connectivity`).
        """
        hides = bool(self.public) and self.hides_private and not private
        bound = [address for address, _ in self.udp]
        homes = [(_home(each, bound), each) for each in self.public]
        found: list[Candidate] = []

        def add(ip: str, port: int, preference: int, protocol: str, of: Address | None) -> None:
            number = len(found) + 1
            relative = of
            if of is not None and hides and is_private(of[0]):
                # RFC 8839 §5.1: what stands for "not told".
                relative = ("::" if ":" in of[0] else "0.0.0.0", 9)  # noqa: S104
            found.append(
                Candidate(
                    ip=ip,
                    port=port,
                    priority=_priority(preference, number, protocol),
                    protocol=protocol,
                    tcptype="passive" if protocol == "tcp" else "",
                    type="host" if of is None else "srflx",
                    foundation=str(number),
                    id=f"c{number}",
                    rel_addr=relative[0] if relative else "",
                    rel_port=relative[1] if relative else None,
                )
            )

        for protocol, addresses in (("udp", self.udp), ("tcp", self.tcp)):
            is_tcp = protocol == "tcp"
            for address in addresses:
                if not (hides and is_private(address[0])):
                    add(*address, _TCP_HOST if is_tcp else _HOST, protocol, None)
            for address in addresses:
                for home, each in homes:
                    port = (self.tcp_public_port if is_tcp else each.port) or address[1]
                    if home == address[0] and (each.public, port) not in addresses:
                        add(each.public, port, _TCP_SRFLX if is_tcp else _SRFLX, protocol, address)
        return tuple(found)

    def __str__(self) -> str:
        """For the operator: what clients are told, such as `203.0.113.7:10000/udp`."""
        told = self.candidates(private=False)
        return ", ".join(f"{with_port(each.ip, each.port)}/{each.protocol}" for each in told)


def _home(public: PublicAddress, bound: Sequence[str]) -> str | None:
    """The bound address that a public one leads to."""
    if public.local:
        return public.local
    family = [each for each in bound if (":" in each) == (":" in public.public)]
    inside = [each for each in family if is_private(each) and not _is_loopback(each)]
    return next(iter((*inside, *family)), None)


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def _priority(type_preference: int, number: int, protocol: str) -> int:
    """RFC 8445 §5.1.2.1, for the only component."""
    local = _PASSIVE + 8192 - number if protocol == "tcp" else 65536 - number
    return (type_preference << 24) | (local << 8) | 255
