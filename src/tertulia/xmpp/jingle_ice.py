"""The ICE transport of a Jingle content (XEP-0176), with DTLS fingerprint (XEP-0320) and the
address of the bridge channel. Plain data, parsed from and built into elements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp.xml import Element

Setup = Literal["active", "passive", "actpass"]

_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*")
# RFC 8839 §5.4 allows letters, digits, '+' and '/'; some stacks use '-' and '_' as well.
_CREDENTIAL = re.compile(r"[!-~]{1,256}")


def parse_decimal(text: str, what: str, low: int, high: int) -> int:
    """A decimal number of the wire. Raises: MalformedInput when it is none or out of range."""
    if not text.isascii() or not text.isdigit() or len(text) > 20 or not low <= int(text) <= high:
        raise MalformedInput(f"{what} must be a number from {low} to {high}: {text[:40]!r}")
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One `<candidate/>` (XEP-0176 §5.3, XEP-0371 for `tcptype`)."""

    ip: str
    port: int
    priority: int
    type: str = "host"  # host, srflx, prflx, relay
    protocol: str = "udp"
    component: int = 1
    foundation: str = "1"
    generation: int = 0
    id: str = ""
    network: str = "0"
    rel_addr: str = ""
    rel_port: int | None = None
    tcptype: str = ""

    @classmethod
    def parse(cls, element: Element) -> Candidate:
        get = element.get
        related = get("rel-port")
        return cls(
            ip=get("ip"),
            port=parse_decimal(get("port"), "a candidate's port", 0, 65535),
            priority=parse_decimal(get("priority", "0"), "a candidate's priority", 0, 2**32 - 1),
            type=get("type", "host"),
            protocol=get("protocol", "udp").lower(),
            component=parse_decimal(get("component", "1"), "a candidate's component", 1, 256),
            foundation=get("foundation"),
            generation=parse_decimal(get("generation") or "0", "a generation", 0, 2**31),
            id=get("id"),
            network=get("network", "0"),
            rel_addr=get("rel-addr"),
            rel_port=parse_decimal(related, "a candidate's rel-port", 0, 65535)
            if related
            else None,
            tcptype=get("tcptype"),
        )

    def element(self) -> Element:
        attrs = {
            "component": str(self.component),
            "foundation": self.foundation,
            "generation": str(self.generation),
            "id": self.id,
            "network": self.network,
            "priority": str(self.priority),
            "protocol": self.protocol,
            "type": self.type,
            "ip": self.ip,
            "port": str(self.port),
        }
        if self.rel_addr:
            attrs["rel-addr"] = self.rel_addr
        if self.rel_port is not None:
            attrs["rel-port"] = str(self.rel_port)
        if self.tcptype:
            attrs["tcptype"] = self.tcptype
        return Element("candidate", attrs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """One `<fingerprint/>` of a DTLS certificate (XEP-0320); `value` is upper-case hex pairs."""

    hash: str
    value: str
    setup: Setup = "actpass"

    @classmethod
    def parse(cls, element: Element) -> Fingerprint:
        value = element.text.strip()
        if not _FINGERPRINT.fullmatch(value) or len(value) > 64 * 3:
            raise MalformedInput("a fingerprint is not pairs of hexadecimal digits")
        setup = element.get("setup", "actpass")
        if setup not in get_args(Setup):
            raise MalformedInput(f"unknown DTLS setup {setup[:20]!r}")
        name = element.get("hash").lower()
        if not name:
            raise MalformedInput("a fingerprint without hash")
        return cls(hash=name, value=value.upper(), setup=setup)  # type: ignore[arg-type]

    def element(self) -> Element:
        return Element(
            "fingerprint", {"hash": self.hash, "setup": self.setup}, self.value, ns=NS.DTLS
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IceUdpTransport:
    """One `<transport/>`: credentials, fingerprints, candidates, bridge-channel addresses."""

    ufrag: str = ""
    pwd: str = ""
    fingerprints: tuple[Fingerprint, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    web_sockets: tuple[str, ...] = ()
    rtcp_mux: bool = False
    ice_generation: int | None = None  # of an ICE restart in place, counted by the bridge

    @classmethod
    def parse(cls, element: Element) -> IceUdpTransport:
        for attribute in ("ufrag", "pwd"):
            value = element.get(attribute)
            if value and not _CREDENTIAL.fullmatch(value):
                raise MalformedInput(f"the ICE {attribute} holds forbidden characters")
        generation = element.get("ice-generation")
        return cls(
            ufrag=element.get("ufrag"),
            pwd=element.get("pwd"),
            fingerprints=tuple(
                Fingerprint.parse(e) for e in element.find_all("fingerprint", NS.DTLS)
            ),
            candidates=tuple(Candidate.parse(e) for e in element.find_all("candidate")),
            web_sockets=tuple(e.get("url") for e in element.find_all("web-socket", NS.COLIBRI)),
            rtcp_mux=element.find("rtcp-mux") is not None,
            ice_generation=parse_decimal(generation, "an ice-generation", 0, 2**31 - 1)
            if generation
            else None,
        )

    def element(self) -> Element:
        transport = Element("transport", ns=NS.ICE_UDP)
        if self.ufrag:
            transport.attrs["ufrag"] = self.ufrag
        if self.pwd:
            transport.attrs["pwd"] = self.pwd
        if self.ice_generation is not None:
            transport.attrs["ice-generation"] = str(self.ice_generation)
        for fingerprint in self.fingerprints:
            transport.append(fingerprint.element())
        for url in self.web_sockets:
            transport.append(Element("web-socket", {"url": url}, ns=NS.COLIBRI))
        if self.rtcp_mux:
            transport.append(Element("rtcp-mux"))
        for candidate in self.candidates:
            transport.append(candidate.element())
        return transport
