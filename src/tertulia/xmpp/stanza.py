"""Stanzas as RFC 6120 §8 shapes them: building, refusing, and reading errors."""

from __future__ import annotations

from tertulia.errors import MalformedInput, PeerError
from tertulia.xmpp import ns as NS
from tertulia.xmpp import refusals
from tertulia.xmpp.errors import Refused, StanzaError
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element, error_reply

STANZAS = frozenset({"iq", "message", "presence"})
IQ_TYPES = frozenset({"get", "set", "result", "error"})
MAX_ERROR_TEXT = 500


def iq(kind: str, to: Jid | str, payload: Element | None = None, *, stanza_id: str = "") -> Element:
    """An IQ of type `kind`; without `stanza_id` the tracker that sends it gives it one."""
    attrs = {"type": kind, "to": str(to)}
    if stanza_id:
        attrs["id"] = stanza_id
    return Element("iq", attrs, *(() if payload is None else (payload,)), ns=NS.CLIENT)


def payload_of(request: Element) -> Element | None:
    """The one child element of an IQ; None when there is none or more than one (§8.2.3)."""
    children = list(request.elements())
    return children[0] if len(children) == 1 else None


def refusal(request: Element, error: PeerError) -> Element | None:
    """The answer that tells the sender of `request` why it was refused.

    None when there must be no answer: an error is never answered with an error, nor is a result
    (RFC 6120 §8.3.1).
    """
    kind = request.get("type")
    if kind == "error" or (request.name == "iq" and kind == "result"):
        return None
    refusals.count(type(error).__name__, error.condition)
    return error_reply(
        request,
        error_type=error.error_type,
        condition=error.condition,
        text=str(error)[:MAX_ERROR_TEXT],
        extra=error.extra if isinstance(error, Refused) else (),
    )


def read_error(stanza: Element) -> StanzaError:
    """The error that a stanza of type `error` carries; lenient about what is missing."""
    error = stanza.find("error", "*")
    if error is None:
        return StanzaError("undefined-condition", "cancel")
    condition, text = "undefined-condition", ""
    for child in error.elements():
        if child.ns == NS.STANZA_ERRORS:
            if child.name == "text":
                text = child.text
            else:
                condition = child.name
    return StanzaError(condition, error.get("type", "cancel"), text)


def address(text: str) -> Jid | None:
    """The address, or None when it is absent or malformed."""
    if not text:
        return None
    try:
        return Jid.parse(text)
    except MalformedInput:
        return None
