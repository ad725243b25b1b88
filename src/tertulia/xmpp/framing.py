"""How a client stream is cut into elements: RFC 7395 frames, or one RFC 6120 document over TCP.

A framing turns bytes into `Received` items and knows how streams begin and end on the wire; what
is allowed when is the business of `stream`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp.xml import (
    Element,
    ForbiddenXml,
    TreeParser,
    XmlLimitExceeded,
    XmlLimits,
    parse_document,
    serialise,
)

# Clients compare these very bytes (signalling reference 1.4).
CLOSE_FRAME = '<close xmlns="urn:ietf:params:xml:ns:xmpp-framing" />'


@dataclass(frozen=True, slots=True)
class Opened:
    """The peer opened the stream (again): the attributes of its `<open/>` or stream header."""

    attrs: Mapping[str, str] = field(default_factory=dict)
    namespaces_right: bool = True


@dataclass(frozen=True, slots=True)
class Ended:
    """The peer closed the stream; `see_other_uri` as in RFC 7395 §3.6.1."""

    see_other_uri: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """What came is no XML we accept. Nothing after it can be trusted."""

    error: MalformedInput

    @property
    def condition(self) -> str:
        """With which stream error it is answered (RFC 6120 §4.9.3)."""
        if isinstance(self.error, XmlLimitExceeded):
            return "policy-violation"
        return "restricted-xml" if isinstance(self.error, ForbiddenXml) else "not-well-formed"


Received = Opened | Ended | Broken | Element
Incoming = str | bytes | Element | Broken  # the latter two were parsed before, or could not be


class Framing(Protocol):
    """One direction-independent way to carry a stream."""

    limits: XmlLimits

    def receive(self, data: Incoming) -> list[Received]:
        """Cut what arrived into items, in order."""

    def opening(self, attrs: Mapping[str, str]) -> str:
        """How a stream with these header attributes is opened."""

    def closing(self) -> str:
        """How a stream is closed."""

    def restart(self) -> None:
        """A new stream begins on the same transport (after TLS and after SASL)."""


class WebSocketFraming:
    """RFC 7395: one element per text frame, streams opened and closed by elements of their own."""

    def __init__(self, limits: XmlLimits) -> None:
        self.limits = limits

    def receive(self, data: Incoming) -> list[Received]:
        if isinstance(data, Broken):
            return [data]
        try:
            element = data if isinstance(data, Element) else parse_document(data, self.limits)
        except MalformedInput as error:
            return [Broken(error)]
        if element.ns == NS.FRAMING:
            if element.name == "open":
                return [Opened(element.attrs)]
            if element.name == "close":
                return [Ended(element.get("see-other-uri"))]
        elif element.ns == NS.STREAM and element.name == "stream":
            return [Opened(element.attrs, namespaces_right=False)]
        return [element]

    def opening(self, attrs: Mapping[str, str]) -> str:
        return serialise(Element("open", attrs, ns=NS.FRAMING))

    def closing(self) -> str:
        return CLOSE_FRAME

    def restart(self) -> None:
        """Frames are independent of each other."""


class TcpFraming:
    """RFC 6120 §4: one long document, whose root is the stream."""

    def __init__(self, limits: XmlLimits) -> None:
        self.limits = limits
        self._received: list[Received] = []
        self._parser: TreeParser
        self.restart()

    def restart(self) -> None:
        self._parser = TreeParser(
            self._received.append,
            limits=self.limits,
            stanza_depth=1,
            on_root=self._on_root,
            on_root_end=lambda: self._received.append(Ended()),
        )

    def receive(self, data: Incoming) -> list[Received]:
        assert isinstance(data, str | bytes)
        self._parser.limits = self.limits
        self._received.clear()
        try:
            self._parser.feed(data.encode() if isinstance(data, str) else data)
        except MalformedInput as error:
            self._received.append(Broken(error))
        except UnicodeEncodeError:
            self._received.append(Broken(MalformedInput("lone surrogates are not text")))
        return self._received.copy()

    def _on_root(self, root: Element) -> None:
        right = root.name == "stream" and root.ns == NS.STREAM
        self._received.append(Opened(root.attrs, namespaces_right=right))

    def opening(self, attrs: Mapping[str, str]) -> str:
        header = serialise(Element("stream", attrs))[len("<stream") : -len("/>")]
        return (
            "<?xml version='1.0'?>"
            f"<stream:stream xmlns='{NS.CLIENT}' xmlns:stream='{NS.STREAM}'{header}>"
        )

    def closing(self) -> str:
        return "</stream:stream>"


def stream_element(name: str, *children: Element) -> str:
    """`<stream:features/>` or `<stream:error/>`: the only elements written with a prefix.

    Clients match them by their real namespace, and look for the literal declaration.
    """
    inner = "".join(serialise(child) for child in children)
    return f"<stream:{name} xmlns:stream='{NS.STREAM}'>{inner}</stream:{name}>"
