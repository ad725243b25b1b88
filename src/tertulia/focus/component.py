"""focus.H: where clients ask for a conference before they enter its room (signalling 3)."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import BadRequest, ResourceConstraint
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

_HOUR_S = 3600.0
_REMEMBERED = 10_000  # creators; the one unseen for longest is forgotten


def requested_room(payload: Element, rooms: str, breakouts: str = "") -> Jid:
    """The room a `<conference/>` asks for.

    Args:
        rooms: the MUC domain of meetings.
        breakouts: the MUC domain of their breakout rooms.
    Raises: BadRequest when it is at neither.
    """
    try:
        room = Jid.parse(payload.get("room"))
    except MalformedInput:
        raise BadRequest("the room is not an address") from None
    if not room.node or room.resource or room.domain not in (rooms, breakouts):
        raise BadRequest(f"meetings are held at {rooms}")
    return room


def ready(payload: Element, focus: Jid) -> Element:
    """The answer: come in."""
    attrs = {"room": payload.get("room"), "ready": "true", "focusjid": str(focus)}
    reply = Element("conference", attrs, ns=NS.FOCUS)
    for name in ("authentication", "externalAuth", "sipGatewayEnabled"):
        reply.append(Element("property", {"name": name, "value": "false"}))
    return reply


class TooManyRooms(ResourceConstraint):
    """One creator opens rooms faster than `limits.rooms_per_creator` allows."""


class Creators:
    """How many rooms each creator opened in the last hour (security A5).

    A guest's address of this server is new with each page, so guests are told apart by their IP
    address, IPv6 ones by their /64. Ten times the 20 of the reference by default, because one
    address is often a whole campus behind NAT. Behind a proxy on this machine all of them are
    loopback: that one address is not limited.
    """

    def __init__(self, per_hour: int) -> None:
        self._per_hour = per_hour
        self._opened: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, creator: str, now: float) -> None:
        """Count a room. Raises: TooManyRooms."""
        if not creator:
            return
        opened = self._opened.setdefault(creator, deque())
        self._opened.move_to_end(creator)
        if len(self._opened) > _REMEMBERED:
            self._opened.popitem(last=False)
        while opened and now - opened[0] >= _HOUR_S:
            opened.popleft()
        if len(opened) >= self._per_hour:
            raise TooManyRooms(f"at most {self._per_hour} new rooms an hour (rooms_per_creator)")
        opened.append(now)


def creator_of(remote_ip: str) -> str:
    """Under which name the rooms of a client at this address count; "" for no limit."""
    try:
        address = ipaddress.ip_address(remote_ip.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.IPv6Network((address, 64), strict=False).network_address)
