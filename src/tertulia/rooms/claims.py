"""What occupants may not say of themselves: the server's own elements are taken out of stanzas.

Every stanza of an occupant that others get passes through here. A tree is cleaned at any depth and
of every occurrence: replacing only the first of several is how others were fooled before.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tertulia.rooms.limits import RoomLimits
from tertulia.xmpp import ns as NS
from tertulia.xmpp.admission import Admission
from tertulia.xmpp.errors import BadRequest, NotAcceptable
from tertulia.xmpp.xml import Element, serialise

# Namespaces in which only the server speaks.
SERVER_OWNED = frozenset(
    {
        NS.MUC,
        NS.MUC_USER,
        NS.MUC_ADMIN,
        NS.MUC_OWNER,
        NS.DELAY,  # "this was said in the past"
        NS.OCCUPANT_ID,
        NS.STANZA_ID,
        NS.ADDRESS,  # who wrote it really
        NS.DISPLAY_NAME,  # a name that the server vouches for
        NS.STANZA_ERRORS,
        NS.STREAM_ERRORS,
    }
)
# Namespaces in which only the focus speaks, besides the server.
FOCUS_OWNED = frozenset({NS.FOCUS, NS.ETHERPAD})
# Names that clients look for in any namespace (signalling reference 4.2).
_SERVER_NAMES = frozenset({"identity", "display-name", "flip_device"})
_FOCUS_NAMES = frozenset({"conference-properties", "bridgeNotAvailable", "jibri-recording-status"})

# What only moderators may say, since clients act on it (signalling reference 6.8, 6.12).
_LEADING = frozenset({"follow-me", "startmuted"})

# The news of the lobby come from the server, under the nickname of the moderator they are about.
_LOBBY_NOTICE = "lobby-notify"

_SOURCE_INFO = msgspec.json.Decoder(dict[str, dict[str, Any]])
# Direction overrides, embeddings, isolates and marks can make one name look like another.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def presence(
    stanza: Element, nick: str, limits: RoomLimits, *, is_focus: bool = False
) -> tuple[Element, ...]:
    """The children of an occupant's presence that others may see.

    Unknown children are kept: applications add their own (signalling reference 4.2).

    Raises: NotAcceptable when it is too big, BadRequest when its SourceInfo is not what it should.
    """
    kept: list[Element] = []
    has_name = False
    for child in cleaned(stanza.elements(), is_focus=is_focus):
        if child.name == "SourceInfo":
            kept.append(_own_sources(child, nick))
        elif child.name == "nick" and child.ns == NS.NICK:
            if not has_name:
                has_name = True
                name = display_name(child.text, limits)
                kept.append(Element("nick", {}, name, ns=NS.NICK))
        else:
            kept.append(child)
    if sum(map(_elements, kept)) > limits.presence_elements:
        raise NotAcceptable(
            f"a presence has over {limits.presence_elements} elements (presence_elements)"
        )
    if _bytes(kept) > limits.presence_bytes:
        raise NotAcceptable(f"a presence is over {limits.presence_bytes} bytes (presence_bytes)")
    return tuple(kept)


def message(stanza: Element, limits: RoomLimits, *, is_focus: bool = False) -> tuple[Element, ...]:
    """The children of an occupant's message that others may see; names go by the nickname.

    Raises: NotAcceptable when it is too big.
    """
    kept = []
    for child in cleaned(stanza.elements(), is_focus=is_focus):
        if child.name == "nick" and child.ns == NS.NICK:
            continue
        if child.name == "reply" and child.ns == NS.CLIENT:
            # The client writes it without its namespace and reads it with it (reference 4.9).
            reply = Element("reply", child.attrs, ns=NS.REPLY)
            reply.children = child.children
            kept.append(reply)
        else:
            kept.append(child)
    if _bytes(kept) > limits.message_bytes:
        raise NotAcceptable(f"a message is over {limits.message_bytes} bytes (message_bytes)")
    return tuple(kept)


def cleaned(children: Iterable[Element], *, is_focus: bool = False) -> Iterator[Element]:
    """The elements without anything that only the server (or the focus) may say, at any depth."""
    for child in children:
        if not _is_claim(child, is_focus):
            yield _clean(child, is_focus)


def identity(admission: Admission) -> tuple[Element, ...]:
    """What the server vouches for in somebody's presence (signalling reference 4.2), if anything.

    Stock clients read `<user/>` with a child for each key, and `<group/>`.
    """
    if not admission.user and not admission.group:
        return ()
    user = Element("user", {}, *(Element(key, {}, text) for key, text in admission.user.items()))
    group = (Element("group", {}, admission.group),) if admission.group else ()
    return (Element("identity", {}, user, *group, ns=NS.CLIENT, explicit=False),)


def not_leading(children: tuple[Element, ...]) -> tuple[Element, ...]:
    """A presence without what only moderators may say."""
    return tuple(each for each in children if each.name not in _LEADING)


def name_in(children: tuple[Element, ...]) -> str:
    """The display name in a cleaned presence, "" without one."""
    return next((c.text for c in children if c.name == "nick" and c.ns == NS.NICK), "")


def renamed(children: tuple[Element, ...], name: str) -> tuple[Element, ...]:
    """A cleaned presence under another display name."""
    others = [each for each in children if not (each.name == "nick" and each.ns == NS.NICK)]
    return (*others, Element("nick", {}, name, ns=NS.NICK))


def display_name(text: str, limits: RoomLimits) -> str:
    """A name as others may see it: no control characters, no direction tricks, not too long."""
    kept = (c for c in text if c not in _BIDI and unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept).strip()[: limits.display_name_characters]


def _is_claim(element: Element, is_focus: bool) -> bool:
    if element.ns in SERVER_OWNED or element.name in _SERVER_NAMES:
        return True
    if element.name == "permissions" and element.ns == NS.JITMEET:
        return True
    if element.name == "json-message" and _LOBBY_NOTICE in element.text:
        return True
    return not is_focus and (element.ns in FOCUS_OWNED or element.name in _FOCUS_NAMES)


def _clean(element: Element, is_focus: bool) -> Element:
    """The element itself if nothing inside has to go, else a copy without it."""
    children: list[Element | str] = []
    changed = False
    for child in element.children:
        if isinstance(child, str):
            children.append(child)
        elif _is_claim(child, is_focus):
            changed = True
        else:
            clean = _clean(child, is_focus)
            changed = changed or clean is not child
            children.append(clean)
    if not changed:
        return element
    twin = Element(element.name, element.attrs, ns=element.ns, explicit=element.explicit)
    twin.children = children
    return twin


def _own_sources(element: Element, nick: str) -> Element:
    """SourceInfo with the sender's own sources only: `<endpoint>-<kind><index>`."""
    try:
        sources = _SOURCE_INFO.decode(element.text or "{}")
        own = {name: info for name, info in sources.items() if name.partition("-")[0] == nick}
        text = msgspec.json.encode(own).decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadRequest("SourceInfo is a JSON object of objects by source name") from None
    return Element(element.name, {}, text, ns=element.ns, explicit=element.explicit)


def _elements(element: Element) -> int:
    return 1 + sum(map(_elements, element.elements()))


def _bytes(children: list[Element]) -> int:
    return sum(len(serialise(child, inside=NS.CLIENT).encode()) for child in children)
