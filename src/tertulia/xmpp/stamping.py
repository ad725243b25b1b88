"""What every stanza of a bound client has to be before anybody else sees it (RFC 6120 §8)."""

from __future__ import annotations

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import BadRequest, JidMalformed, NotAllowed
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import IQ_TYPES
from tertulia.xmpp.xml import Element


class FalseSender(Exception):
    """The stanza names a sender that its client is not (§8.1.2.1); its stream ends."""


def stamp(stanza: Element, own: Jid) -> None:
    """Write the sender into the stanza, and its own account as receiver where none is named.

    Raises: FalseSender; or Refused (one of `errors`), which its sender is answered.
    """
    attrs = stanza.attrs
    claimed = attrs.get("from")
    if claimed is not None and not _is_own(claimed, own):
        # Overwriting it would hide a broken or hostile client.
        raise FalseSender("a stanza names another sender")
    attrs["from"] = str(own)
    to = attrs.get("to")
    if to is None:
        attrs["to"] = str(own.bare)  # §10.3: for the sender's own account
    else:
        try:
            Jid.parse(to)
        except MalformedInput as error:
            raise JidMalformed(str(error)) from None
    if stanza.name == "iq":
        if attrs.get("type") not in IQ_TYPES or not attrs.get("id"):
            raise BadRequest("an IQ needs an id and one of the four types")
        if stanza.find("bind", NS.BIND) is not None and to is None:
            raise NotAllowed("this stream is bound already")
        # An empty result is fine; a request has exactly one payload (§8.2.3).
        if attrs["type"] in ("get", "set") and sum(1 for _ in stanza.elements()) != 1:
            raise BadRequest("a request has one child element")


def bare(stanza: Element) -> Element:
    """The stanza as far as an answer from the server itself needs it."""
    attrs = {key: value for key, value in stanza.attrs.items() if key in ("id", "type")}
    return Element(stanza.name, attrs, ns=NS.CLIENT)


def _is_own(claimed: str, own: Jid) -> bool:
    try:
        parsed = Jid.parse(claimed)
    except MalformedInput:
        return False
    return parsed in (own, own.bare)
