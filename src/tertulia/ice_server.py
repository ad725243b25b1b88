"""Addresses of STUN and TURN servers as an operator writes them (RFC 7064, RFC 7065)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tertulia.public_address import split_port

# The port is told apart by `split_port`.
_URI = re.compile(r"(stun|turns?):([A-Za-z0-9.:\[\]-]+)(?:\?transport=(udp|tcp))?")
_USUAL_PORT = {"stun": 3478, "turn": 3478, "turns": 5349}


@dataclass(frozen=True, slots=True)
class IceServer:
    """One address of a STUN or TURN server."""

    type: str  # stun, turn, or turns: TURN over TLS
    host: str
    port: int
    transport: str

    @classmethod
    def parse(cls, uri: str) -> IceServer:
        """Read a URI of RFC 7064 or RFC 7065. Raises: ValueError."""
        found = _URI.fullmatch(uri)
        if found is None or (found[1] == "stun" and found[3]):
            raise ValueError(f"{uri!r} is no address of a STUN or TURN server")
        host, port = split_port(found[2])
        if not host:
            raise ValueError(f"{uri!r} names no host")
        transport = found[3] or ("tcp" if found[1] == "turns" else "udp")
        return cls(found[1], host, port or _USUAL_PORT[found[1]], transport)
