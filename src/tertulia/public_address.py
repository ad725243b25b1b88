"""Public addresses as an operator writes them: what the internet sees of an address behind NAT."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

EXPECTED = "203.0.113.7, 10.0.0.5=203.0.113.7, each also with a port as in 203.0.113.7:20000"

# Addresses that nobody outside can send to: RFC 1918, 6598, 3927, 1122, 4193 and 4291.
_PRIVATE = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128"),
    )
)


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """One public address of the bridge."""

    public: str
    local: str = ""  # the address behind it; "" is the first private one of the same family
    port: int = 0  # 0: the same as behind the NAT

    @classmethod
    def parse(cls, text: str) -> PublicAddress:
        """Read `[LOCAL=]PUBLIC[:PORT]`, an IPv6 address with port in brackets.

        Raises: ValueError.
        """
        local, equals, shown = text.rpartition("=")
        public, port = split_port(shown)
        found = cls(str(ipaddress.ip_address(public)), _literal(local) if equals else "", port)
        if found.local and (":" in found.local) != (":" in found.public):
            raise ValueError("an IPv4 and an IPv6 address are no pair")
        if is_private(found.public):
            raise ValueError("that address is private itself")
        return found


def split_port(text: str) -> tuple[str, int]:
    """Split `HOST`, `HOST:PORT`, `V6` and `[V6]:PORT`; the port is 0 without one.

    Raises: ValueError when the port is none.
    """
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return text.strip("[]"), 0
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ValueError(f"{port} is no port")
    return host.strip("[]"), int(port)


def with_port(address: str, port: int) -> str:
    """What `split_port` splits."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def is_private(address: str) -> bool:
    """Whether an address means nothing outside of its own network."""
    return any(ipaddress.ip_address(address) in network for network in _PRIVATE)


def _literal(text: str) -> str:
    return str(ipaddress.ip_address(text))
