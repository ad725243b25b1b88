"""Large documents, read in pieces: each waits for its turn, so that nobody waits for all of it."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from tertulia.errors import MalformedInput
from tertulia.xmpp.turns import Turns
from tertulia.xmpp.xml import Element, TreeParser, XmlLimitExceeded, XmlLimits


async def document(
    data: bytes, limits: XmlLimits, *, turns: Turns, reader: Hashable, piece_bytes: int
) -> Element:
    """Parse one complete element, as `parse_document` does. Raises: MalformedInput."""
    if len(data) > limits.max_bytes:
        raise XmlLimitExceeded(f"a stanza is over {limits.max_bytes} bytes")
    found: list[Element] = []
    parser = TreeParser(found.append, limits=limits)
    for start in range(0, len(data), piece_bytes):
        end = start + piece_bytes
        feed = partial(parser.feed, data[start:end], final=end >= len(data))
        await turns.take(reader, feed)
    if len(found) != 1:
        raise MalformedInput("one element was expected")
    return found[0]
