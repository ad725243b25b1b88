"""focus.H: where clients ask for a conference before they enter its room (signalling 3)."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Protocol

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import BadRequest, NotAcceptable, ResourceConstraint
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


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request for a conference shows besides the room."""

    machine_uid: str  # the browser, as it calls itself
    session_id: str  # of a login

    @classmethod
    def of(cls, payload: Element) -> Asked:
        return cls(payload.get("machine-uid"), payload.get("session-id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What the answer tells about who asked."""

    identity: str = ""  # login name, for the interface
    session_id: str = ""


class Entrance(Protocol):
    """Who may have a conference."""

    @property
    def has_logins(self) -> bool:
        """Whether clients shall show that one can log in."""

    def ask(self, room: Jid | None, by: Jid, asked: Asked, *, is_open: bool) -> Visit:
        """Somebody asks for a conference.

        Args:
            room: None for a breakout room: who may be there is decided elsewhere.
        Raises: PeerError when it may not have it.
        """

    def log_out(self, login_id: str) -> None:
        """End the session of a login. Raises: SessionInvalid."""


class OpenEntrance:
    """Everybody may have everything; nobody logs in."""

    has_logins = False

    def ask(self, room: Jid | None, by: Jid, asked: Asked, *, is_open: bool) -> Visit:
        return Visit()

    def log_out(self, login_id: str) -> None:
        raise SessionInvalid


class SessionInvalid(NotAcceptable):
    """No such login, or not of this browser: clients forget the id and ask again (3.3)."""

    def __init__(self) -> None:
        extra = (Element("session-invalid", ns=NS.FOCUS),)
        super().__init__("that login is over; log in again", extra=extra)


def ready(
    payload: Element, focus: Jid, visit: Visit | None = None, *, has_logins: bool = False
) -> Element:
    """The answer: come in."""
    visit = visit or Visit()
    attrs = {"room": payload.get("room"), "ready": "true", "focusjid": str(focus)}
    if visit.session_id:
        attrs |= {"session-id": visit.session_id, "identity": visit.identity}
    reply = Element("conference", attrs, ns=NS.FOCUS)
    properties = {
        "authentication": has_logins,
        "externalAuth": False,
        "sipGatewayEnabled": False,
    }
    for name, value in properties.items():
        reply.append(Element("property", {"name": name, "value": str(value).lower()}))
    return reply


def start_muted_from(payload: Element) -> tuple[int | None, int | None]:
    """From how many people on newcomers start without microphone, and without camera (3.1)."""
    told = {each.get("name"): each.get("value") for each in payload.find_all("property")}
    return _count(told.get("startAudioMuted", "")), _count(told.get("startVideoMuted", ""))


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


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
