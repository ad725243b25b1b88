"""Addresses of XMPP (RFC 7622, the part Jitsi clients use): `node@domain/resource`.

Node and domain are compared in lower case; the resource is case-sensitive.
"""

import re
from dataclasses import dataclass

from tertulia.errors import MalformedInput

MAX_PART_BYTES = 1023  # RFC 7622 §3.1
_FORBIDDEN_IN_NODE = re.compile("[\"&'/:<>@ ]")
_FORBIDDEN_IN_DOMAIN = re.compile(r"[\s@]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Jid:
    """One address; `str()` gives the wire form. Build foreign ones with `Jid.parse`."""

    node: str
    domain: str
    resource: str = ""

    @classmethod
    def parse(cls, text: str) -> "Jid":
        """Parse and normalise one address.

        Raises: MalformedInput (stanza error `jid-malformed` is the caller's choice) when a part is
            empty, too long, or holds characters that RFC 7622 forbids.
        """
        bare, slash, resource = text.partition("/")
        node, at, domain = bare.rpartition("@")
        node, domain = node.lower(), domain.lower()
        if (slash and not resource) or (at and not node) or not domain:
            raise MalformedInput(f"not an XMPP address: {text[:80]!r}")
        if _FORBIDDEN_IN_NODE.search(node) or _FORBIDDEN_IN_DOMAIN.search(domain):
            raise MalformedInput(f"not an XMPP address: {text[:80]!r}")
        if _CONTROLS.search(text):
            raise MalformedInput("control characters in an XMPP address")
        if len(text) > MAX_PART_BYTES // 4 and any(
            len(part.encode()) > MAX_PART_BYTES for part in (node, domain, resource)
        ):
            raise MalformedInput("a part of the XMPP address is over 1023 bytes")
        return cls(node, domain, resource)

    @property
    def bare(self) -> "Jid":
        return self if not self.resource else Jid(self.node, self.domain)

    def is_of(self, other: "Jid") -> bool:
        """Whether both have the same bare JID; without making one, since rooms ask it of each."""
        return self.node == other.node and self.domain == other.domain

    def with_resource(self, resource: str) -> "Jid":
        return Jid(self.node, self.domain, resource)

    def __str__(self) -> str:
        text = f"{self.node}@{self.domain}" if self.node else self.domain
        return f"{text}/{self.resource}" if self.resource else text
