"""Room names as they stand in an address: `/Plaza%20Mayor` is the room `plaza%20mayor`."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

MAX_ROOM_CHARACTERS = 200
_ENCODE_URI_COMPONENT_KEEPS = "!~*'()"


def room_of(segment: str) -> str | None:
    """The room a decoded path segment names, as clients write it, or None when it cannot be one.

    Stock clients decode, apply NFKC, lower-case, percent-encode as `encodeURIComponent` does and
    lower-case again; whoever does otherwise meets nobody (docs/protocols.md, room names).
    """
    if not segment.isprintable():
        return None
    name = unicodedata.normalize("NFKC", segment).strip().lower()
    if not 1 <= len(name) <= MAX_ROOM_CHARACTERS or "/" in name or name.startswith("."):
        return None
    return quote(name, safe=_ENCODE_URI_COMPONENT_KEEPS).lower()
