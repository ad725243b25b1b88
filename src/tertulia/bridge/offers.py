"""What an endpoint was offered, and may be offered in addition (reference bridge 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

from tertulia.xmpp.colibri2 import BadRequest, MediaOffer


def extended(old: Sequence[MediaOffer], more: Sequence[MediaOffer]) -> tuple[MediaOffer, ...]:
    """The offers with those payload types and extensions that are new in `more`.

    Nothing is ever removed. Raises: BadRequest when a number would change its meaning.
    """
    types = {p.id: p for offer in old for p in offer.payload_types}
    uris = {e.id: e.uri for offer in old for e in offer.header_extensions}
    by_media = {offer.type: offer for offer in old}
    for offer in more:
        for each in offer.payload_types:
            known = types.setdefault(each.id, each)
            if (known.name.lower(), known.clockrate) != (each.name.lower(), each.clockrate):
                raise BadRequest(f"payload type {each.id} is {known.name} already")
        for extension in offer.header_extensions:
            if uris.setdefault(extension.id, extension.uri) != extension.uri:
                raise BadRequest(f"header extension {extension.id} is something else already")
        mine = by_media.get(offer.type, MediaOffer(type=offer.type))
        numbers = {p.id for p in mine.payload_types}
        ids = {e.id for e in mine.header_extensions}
        by_media[offer.type] = MediaOffer(
            type=offer.type,
            payload_types=mine.payload_types
            + tuple(p for p in offer.payload_types if p.id not in numbers),
            header_extensions=mine.header_extensions
            + tuple(e for e in offer.header_extensions if e.id not in ids),
            extmap_allow_mixed=mine.extmap_allow_mixed or offer.extmap_allow_mixed,
        )
    return tuple(by_media.values())


def adds(old: Sequence[MediaOffer], new: Sequence[MediaOffer]) -> bool:
    """Whether `new`, an extension of `old`, holds a payload type or extension more."""

    def size(offers: Sequence[MediaOffer]) -> int:
        return sum(len(o.payload_types) + len(o.header_extensions) for o in offers)

    return size(new) > size(old)
