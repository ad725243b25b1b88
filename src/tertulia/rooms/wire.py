"""Deliveries of a room as stanzas (without `to`, which the router puts in)."""

from __future__ import annotations

from tertulia.rooms.events import Appeared, Delivery, Disappeared, Said
from tertulia.rooms.occupant import Occupant, Role
from tertulia.xmpp import ns as NS
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element


def render(room: Jid, delivery: Delivery) -> Element:
    """The stanza that tells of it."""
    match delivery:
        case Appeared():
            return _available(room, delivery)
        case Disappeared():
            return _unavailable(room, delivery)
        case Said():
            return _message(room, delivery)


def _available(room: Jid, appeared: Appeared) -> Element:
    occupant = appeared.occupant
    x = Element("x", {}, _item(occupant, occupant.role), *_statuses(appeared.codes), ns=NS.MUC_USER)
    attrs = {"from": f"{room}/{occupant.nick}"}
    if appeared.stanza_id:
        attrs["id"] = appeared.stanza_id
    if not appeared.permissions:
        return _presence(attrs, x, occupant.presence)
    granted = [Element("p", {"name": name, "val": "true"}) for name in appeared.permissions]
    permissions = Element("permissions", {}, *granted, ns=NS.JITMEET)
    return _presence(attrs, x, (*occupant.presence, permissions))


def _unavailable(room: Jid, gone: Disappeared) -> Element:
    item = _item(gone.occupant, Role.NONE)
    if gone.actor:
        item.append(Element("actor", {"nick": gone.actor}))
    if gone.reason and not gone.destroyed:
        item.append(Element("reason", {}, gone.reason))
    x = Element("x", {}, item, ns=NS.MUC_USER)
    if gone.destroyed:
        destroy = Element("destroy", {"jid": gone.alternate} if gone.alternate else None)
        if gone.reason:
            destroy.append(Element("reason", {}, gone.reason))
        x.append(destroy)
    for status in _statuses(gone.codes):
        x.append(status)
    attrs = {"from": f"{room}/{gone.occupant.nick}", "type": "unavailable"}
    return _presence(attrs, x, gone.children)


def _message(room: Jid, said: Said) -> Element:
    attrs = {"from": f"{room}/{said.nick}" if said.nick else str(room), "type": said.kind}
    if said.stanza_id:
        attrs["id"] = said.stanza_id
    return _stanza("message", attrs, said.children)


def _presence(attrs: dict[str, str], x: Element, children: tuple[Element, ...]) -> Element:
    # Ours comes first: clients take the first element called `x` for it (reference 4.3).
    return _stanza("presence", attrs, (x, *children))


def _stanza(name: str, attrs: dict[str, str], children: tuple[Element, ...]) -> Element:
    stanza = Element(name, attrs, ns=NS.CLIENT)
    stanza.children = list(children)  # shared with the room, never changed
    return stanza


def _item(occupant: Occupant, role: Role) -> Element:
    attrs = {
        "affiliation": str(occupant.affiliation),
        "role": str(role),
        "jid": str(occupant.jid),
    }
    return Element("item", attrs)


def _statuses(codes: tuple[int, ...]) -> list[Element]:
    return [Element("status", {"code": str(code)}) for code in codes]
