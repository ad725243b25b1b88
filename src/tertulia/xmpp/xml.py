"""XML as XMPP allows it: one tree type, one guarded parser, one serialiser.

The parser refuses what RFC 6120 §11.1 forbids (DTDs, entities, processing instructions, comments)
and everything over the limits; foreign bytes are never relayed, only trees serialised anew.

Stock Jitsi clients select elements by a literal `xmlns` attribute (`x[*|xmlns="..."]`), so the
serialiser writes no prefixes, and writes `xmlns` wherever it was written by the sender or asked
for by the code that built the element, even where it could be inherited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS

_XML_NS = "http://www.w3.org/XML/1998/namespace"
# Namespaces in XML 1.0 §3: neither may ever be declared as a default namespace.
_RESERVED_NS = frozenset({_XML_NS, "http://www.w3.org/2000/xmlns/"})
# What is left of a prefixed name must still be a name when it stands alone (`p:1x` would not be).
_LOCAL_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
# Characters that XML 1.0 §2.2 does not allow at all, surrogates included.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_XML_ASCII = bytes(code for code in range(0x20) if code not in b"\t\n\r")
_TEXT_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;"))
_ATTR_ESCAPES = (*_TEXT_ESCAPES, ("'", "&apos;"), ('"', "&quot;"), ("\t", "&#9;"), ("\n", "&#10;"))


class ForbiddenXml(MalformedInput):
    """A DTD, entity, processing instruction or comment (RFC 6120 §11.1: `restricted-xml`)."""


class XmlLimitExceeded(MalformedInput):
    """One stanza is too big, too deep or has too many attributes (`policy-violation`)."""

    condition = "policy-violation"


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """What one stanza may cost before it is parsed (reference: security, table A5)."""

    max_bytes: int = 256 * 1024
    max_depth: int = 64
    max_attributes: int = 64  # per element
    max_name_bytes: int = 512
    max_elements: int = 20_000


_RESCANS = 64  # times `max_bytes` that may be read again per stanza
# The longest beginning of a piece of a stream that ends where Expat has nothing left to wait for:
# whole tags (quoted `>` included), then text that is complete in itself.
_WHOLE = re.compile(
    rb"""(?:[^<]*+<(?:
          !\[CDATA\[.*?\]\]
        | !--.*?--
        | \?.*?\?
        | (?!!\[|!-|\?)[^'">]*+(?:(?:'[^']*+'|"[^"]*+")[^'">]*+)*+
        )>)*+
        [^<&\]\x80-\xff]*+""",
    re.DOTALL | re.VERBOSE,
)

DEFAULT_LIMITS = XmlLimits()
UNAUTHENTICATED_LIMITS = XmlLimits(max_bytes=64 * 1024)


class Element:
    """One element: local name, namespace, attributes (without `xmlns`), children in order.

    `ns` is resolved: an element made without a namespace takes its parent's when it is appended.
    `explicit` says that `xmlns` is written on this very element (with `ns` empty: `xmlns=''`).
    """

    __slots__ = ("attrs", "children", "explicit", "name", "ns")

    def __init__(
        self,
        name: str,
        attrs: Mapping[str, str] | None = None,
        *children: Element | str,
        ns: str = "",
        explicit: bool | None = None,
    ) -> None:
        self.name = name
        self.ns = ns
        self.explicit = bool(ns) if explicit is None else explicit
        self.attrs: dict[str, str] = dict(attrs) if attrs else {}
        self.children: list[Element | str] = []
        for child in children:
            self.append(child)

    def append(self, child: Element | str) -> None:
        """Add a child last; one without a namespace (and its like descendants) takes ours."""
        self.children.append(child)
        if self.ns and isinstance(child, Element) and not child.ns and not child.explicit:
            child._inherit(self.ns)

    def _inherit(self, ns: str) -> None:
        self.ns = ns
        for child in self.elements():
            if not child.ns and not child.explicit:
                child._inherit(ns)

    def elements(self) -> Iterator[Element]:
        """The child elements, text left out."""
        return (child for child in self.children if isinstance(child, Element))

    def find(self, name: str, ns: str | None = None) -> Element | None:
        """The first child called `name`; `ns` None means this element's own namespace, '*' any."""
        wanted = self.ns if ns is None else ns
        for child in self.children:
            if isinstance(child, Element) and child.name == name and wanted in (child.ns, "*"):
                return child
        return None

    def find_all(self, name: str, ns: str | None = None) -> list[Element]:
        """All children called `name`; `ns` as in `find`."""
        wanted = self.ns if ns is None else ns
        return [
            child
            for child in self.children
            if isinstance(child, Element) and child.name == name and wanted in (child.ns, "*")
        ]

    def get(self, attribute: str, default: str = "") -> str:
        return self.attrs.get(attribute, default)

    @property
    def text(self) -> str:
        """The text directly inside, concatenated."""
        return "".join(child for child in self.children if isinstance(child, str))

    def copy(self) -> Element:
        """A deep copy, safe to change."""
        twin = Element(self.name, self.attrs, ns=self.ns, explicit=self.explicit)
        twin.children = [c.copy() if isinstance(c, Element) else c for c in self.children]
        return twin

    def __eq__(self, other: object) -> bool:
        """Same name, namespace, attributes and children; how `xmlns` is written does not count."""
        if not isinstance(other, Element):
            return NotImplemented
        return (
            self.name == other.name
            and self.ns == other.ns
            and self.attrs == other.attrs
            and self.children == other.children
        )

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __str__(self) -> str:
        return serialise(self)

    def __repr__(self) -> str:
        return f"<Element {serialise(self)[:200]}>"


def serialise(element: Element, *, inside: str = "") -> str:
    """The element as text. `inside` is the default namespace in force around it ('' = none).

    Raises: ValueError when a text or attribute holds a character XML cannot carry.
    """
    parts: list[str] = []
    _write(element, inside, parts.append)
    text = "".join(parts)
    # Looking for single characters runs at memory speed; a regular expression takes 10 ns for each.
    if text.isascii():
        raw = text.encode()
        is_xml = len(raw.translate(None, _NOT_XML_ASCII)) == len(raw)
    else:
        is_xml = not _NOT_XML.search(text)
    if not is_xml:
        raise ValueError("a character that XML 1.0 does not allow")
    return text


def _write(element: Element, inherited: str, out: Callable[[str], None]) -> None:
    out("<" + element.name)
    here = element.ns or ("" if element.explicit else inherited)
    if here != inherited or (element.explicit and here):
        out(f" xmlns='{_escaped(here, _ATTR_ESCAPES)}'")
    for key, value in element.attrs.items():
        out(f" {key}='{_escaped(value, _ATTR_ESCAPES)}'")
    if not element.children:
        out("/>")
        return
    out(">")
    for child in element.children:
        if isinstance(child, str):
            out(_escaped(child, _TEXT_ESCAPES))
        else:
            _write(child, here, out)
    out(f"</{element.name}>")


def _escaped(text: str, escapes: tuple[tuple[str, str], ...]) -> str:
    for character, escape in escapes:
        if character in text:
            text = text.replace(character, escape)
    return text


class TreeParser:
    """Feed bytes, receive finished elements at one depth of the document.

    With `stanza_depth` 0 the document itself is the stanza (RFC 7395 frames); with 1 the root is
    an open stream (RFC 6120 §4) and its children are the stanzas.

    Callbacks run inside `feed`; what they raise comes out of `feed`.
    """

    def __init__(
        self,
        on_element: Callable[[Element], None],
        *,
        limits: XmlLimits = DEFAULT_LIMITS,
        stanza_depth: int = 0,
        on_root: Callable[[Element], None] | None = None,
        on_root_end: Callable[[], None] | None = None,
    ) -> None:
        self.limits = limits
        self._on_element = on_element
        self._on_root = on_root
        self._on_root_end = on_root_end
        self._stanza_depth = stanza_depth
        self._open: list[Element] = []  # from the stanza down
        self._scopes: list[dict[str, str]] = [{"": "", "xml": _XML_NS}]
        self._elements = 0
        self._stanza_start = 0
        self._fed = 0
        self._held = bytearray()  # of an unfinished tag, not yet shown to Expat
        self._rescanned = 0  # bytes looked at again in vain
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._forbidden
        parser.EntityDeclHandler = self._forbidden
        parser.ProcessingInstructionHandler = self._forbidden
        parser.CommentHandler = self._forbidden
        parser.ExternalEntityRefHandler = self._external
        self._parser = parser

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """Parse some more bytes. Raises: MalformedInput (or its subclasses); then stop feeding."""
        self._fed += len(data)
        if self._fed - self._stanza_start > self.limits.max_bytes:
            # Count only what belongs to the unfinished stanza; a burst of small ones may be long.
            self._feed_slices(data, final)
            return
        self._parse(data, final)

    def _feed_slices(self, data: bytes, final: bool) -> None:
        self._fed -= len(data)
        step = 16 * 1024
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            self._fed += len(piece)
            self._parse(piece, final and start + step >= len(data))
            if self._fed - self._stanza_start > self.limits.max_bytes:
                raise XmlLimitExceeded(f"a stanza is over {self.limits.max_bytes} bytes")

    def _parse(self, data: bytes, final: bool) -> None:
        if not final:
            data = self._whole(data)
        elif self._held:
            data = bytes(self._held) + data
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as error:
            raise MalformedInput(f"not well-formed XML: {error}") from None

    def _whole(self, data: bytes) -> bytes:
        """What Expat may see now; the beginning of an unfinished tag is held back.

        Expat before 2.6 reads an unfinished tag again from its start with each new byte
        (CVE-2023-52425: 60 kB fed byte by byte cost 1 s). Later ones, and Debian's 2.5, look at it
        again only when twice as much has come, so the stanza of a tag cut in two would wait for
        the next stanza; Python 3.11 has no way to tell them otherwise.
        """
        if self._held:
            self._held += data
            if b">" not in data:
                return b""
            data = bytes(self._held)
        end = _WHOLE.match(data).end()  # type: ignore[union-attr]  # it matches b"" too
        if end == 0:
            self._rescanned += len(data)
            if self._rescanned > _RESCANS * self.limits.max_bytes:
                raise XmlLimitExceeded("a tag arrives in too many pieces")
        self._held[:] = data[end:]
        return data[:end]

    def _forbidden(self, *_: object) -> NoReturn:
        raise ForbiddenXml("DTDs, entities, processing instructions and comments are not allowed")

    def _external(self, *_: object) -> int:
        self._forbidden()

    def _start(self, qname: str, ordered: list[str]) -> None:
        limits, scopes, opened = self.limits, self._scopes, self._open
        depth = len(scopes) - 1
        if depth >= limits.max_depth:
            raise XmlLimitExceeded(f"elements nested deeper than {limits.max_depth}")
        if len(ordered) > 2 * limits.max_attributes:
            raise XmlLimitExceeded(f"an element has over {limits.max_attributes} attributes")
        self._elements += 1
        if self._elements > limits.max_elements:
            raise XmlLimitExceeded(f"a stanza has over {limits.max_elements} elements")
        longest = limits.max_name_bytes
        scope = scopes[-1]
        explicit = False
        attrs: dict[str, str] = {}
        pairs = iter(ordered)
        for key, value in zip(pairs, pairs, strict=True):
            if len(key) > longest:
                raise XmlLimitExceeded(f"a name is over {longest} bytes")
            if ":" not in key:
                if key == "xmlns":
                    scope, explicit = _declare(scope, "", value), True
                else:
                    attrs[key] = value
            elif key.startswith("xmlns:"):
                scope = _declare(scope, key[6:], value)
            elif key.startswith("xml:"):
                if not _LOCAL_NAME.fullmatch(key[4:]):
                    raise MalformedInput(f"not an attribute name: {key[:40]!r}")
                attrs[key] = value
            # Attributes of a foreign namespace (`p:from`) are dropped: without their prefix they
            # would be taken for ours, and nothing in XMPP needs them.
        if len(qname) > longest:
            raise XmlLimitExceeded(f"a name is over {longest} bytes")
        prefix, colon, name = qname.rpartition(":")
        if colon:
            if prefix not in scope or prefix == "xml" or not _LOCAL_NAME.fullmatch(name):
                raise MalformedInput(f"not a declared name: {qname[:40]!r}")
            explicit = True
        ns = scope[prefix]
        if not ns and opened and opened[-1].ns:
            explicit = True  # `xmlns=''` has to be said, or the parent's would be inherited
        element = Element(name, ns=ns, explicit=explicit)
        element.attrs = attrs
        scopes.append(scope)
        if depth < self._stanza_depth:
            if self._on_root is not None:
                self._on_root(element)
            self._stanza_done()
        else:
            if opened:
                opened[-1].children.append(element)
            opened.append(element)

    def _end(self, _: str) -> None:
        self._scopes.pop()
        if self._open:
            element = self._open.pop()
            if not self._open:
                self._stanza_done()
                self._on_element(element)
        elif self._on_root_end is not None:
            self._on_root_end()

    def _stanza_done(self) -> None:
        self._elements = 0
        self._rescanned = 0
        self._stanza_start = max(self._parser.CurrentByteIndex, 0)

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1].children.append(text)
        elif text.strip():
            raise MalformedInput("text between stanzas")
        else:  # white space that keeps a connection alive (RFC 6120 §4.6.1) is no part of a stanza
            self._stanza_start = max(self._parser.CurrentByteIndex, 0)


def _declare(scope: dict[str, str], prefix: str, ns: str) -> dict[str, str]:
    """The scope with one more `xmlns` declaration, refusing those that Namespaces 1.0 §3 does."""
    if ns in _RESERVED_NS or prefix in ("xml", "xmlns") or ":" in prefix or (prefix and not ns):
        raise MalformedInput(f"a namespace declaration that is not allowed: {prefix[:40]!r}")
    return {**scope, prefix: ns}


def parse_document(text: str | bytes, limits: XmlLimits = DEFAULT_LIMITS) -> Element:
    """Parse one complete element, such as one RFC 7395 frame.

    Raises: MalformedInput, ForbiddenXml or XmlLimitExceeded.
    """
    try:
        data = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError:
        raise MalformedInput("lone surrogates are not text") from None
    if len(data) > limits.max_bytes:
        raise XmlLimitExceeded(f"a stanza is over {limits.max_bytes} bytes")
    found: list[Element] = []
    parser = TreeParser(found.append, limits=limits)
    parser.feed(data, final=True)
    if len(found) != 1:
        raise MalformedInput("one element was expected")
    return found[0]


def iq_result(request: Element, *children: Element) -> Element:
    """The `result` answer to an IQ, addressed back to its sender (RFC 6120 §8.2.3)."""
    attrs = {"type": "result", "id": request.get("id")}
    _address_back(request, attrs)
    return Element("iq", attrs, *children, ns=NS.CLIENT)


def error_reply(
    request: Element,
    *,
    error_type: str,
    condition: str,
    text: str = "",
    extra: tuple[Element, ...] = (),
) -> Element:
    """The `error` answer to a stanza (RFC 6120 §8.3), without the payload of the request."""
    attrs = {"type": "error"}
    if request.get("id"):
        attrs["id"] = request.get("id")
    _address_back(request, attrs)
    error = Element("error", {"type": error_type}, Element(condition, ns=NS.STANZA_ERRORS))
    if text:
        error.append(Element("text", {}, text, ns=NS.STANZA_ERRORS))
    for child in extra:
        error.append(child)
    return Element(request.name, attrs, error, ns=NS.CLIENT)


def _address_back(request: Element, attrs: dict[str, str]) -> None:
    if request.get("to"):
        attrs["from"] = request.get("to")
    if request.get("from"):
        attrs["to"] = request.get("from")
