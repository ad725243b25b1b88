"""focus.H: where clients ask for a conference before they enter its room (signalling 3)."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import BadRequest, NotAcceptable, ResourceConstraint
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Origin
from tertulia.xmpp.xml import Element

_HOUR_S = 3600.0
_REMEMBERED = 10_000  # creators; the one unseen for longest is forgotten


def requested_room(address: str, rooms: str, breakouts: str = "") -> Jid:
    """The room that a request for a conference names.

    Args:
        rooms: the MUC domain of meetings.
        breakouts: the MUC domain of their breakout rooms.
    Raises: BadRequest when it is at neither.
    """
    try:
        room = Jid.parse(address)
    except MalformedInput:
        raise BadRequest("the room is not an address") from None
    if not room.node or room.resource or room.domain not in (rooms, breakouts):
        raise BadRequest(f"meetings are held at {rooms}")
    return room


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a conference, whether it came over XMPP or HTTP (3.1, 3.2)."""

    machine_uid: str  # the browser, as it calls itself
    session_id: str  # of a login
    room: str = ""  # as the client writes it
    # From how many people on newcomers start without microphone, and without camera.
    audio_muted_from: int | None = None
    video_muted_from: int | None = None

    @classmethod
    def of(cls, payload: Element) -> Asked:
        told = {each.get("name"): each.get("value") for each in payload.find_all("property")}
        return cls(
            payload.get("machine-uid"),
            payload.get("session-id"),
            payload.get("room"),
            _count(told.get("startAudioMuted", "")),
            _count(told.get("startVideoMuted", "")),
        )

    @classmethod
    def of_json(cls, document: object) -> Asked:
        """Raises: BadRequest."""
        try:
            read = msgspec.convert(document, _AskedJson)
        except msgspec.ValidationError as error:
            raise BadRequest(f"no conference request: {error}") from None
        told = read.properties
        return cls(
            read.machine_uid,
            read.session_id,
            read.room,
            _count(str(told.get("startAudioMuted", ""))),
            _count(str(told.get("startVideoMuted", ""))),
        )


class _AskedJson(msgspec.Struct, rename="camel"):
    """As clients write it (`moderator.js`); other members are not for us."""

    room: str
    machine_uid: str = ""
    session_id: str = ""
    properties: dict[str, Any] = {}


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What the answer tells about who asked."""

    identity: str = ""  # login name, for the interface
    session_id: str = ""
    is_refused_by_room: bool = False  # it hears why when it wants to enter


class Entrance(Protocol):
    """Who may have a conference."""

    @property
    def has_logins(self) -> bool:
        """Whether clients shall show that one can log in."""

    def ask(
        self,
        room: Jid | None,
        by: Jid | None,
        asked: Asked,
        *,
        is_open: bool,
        origin: Origin | None = None,
    ) -> Visit:
        """Somebody asks for a conference.

        Args:
            room: None for a breakout room: who may be there is decided elsewhere.
            by: the full JID of a client that is logged in; None when it asks over HTTP.
            origin: how it came then.
        Raises: PeerError when it may not have it.
        """

    def log_out(self, login_id: str) -> None:
        """End the session of a login. Raises: SessionInvalid."""


class OpenEntrance:
    """Everybody may have everything; nobody logs in."""

    has_logins = False

    def ask(
        self,
        room: Jid | None,
        by: Jid | None,
        asked: Asked,
        *,
        is_open: bool,
        origin: Origin | None = None,
    ) -> Visit:
        return Visit()

    def log_out(self, login_id: str) -> None:
        raise SessionInvalid


class SessionInvalid(NotAcceptable):
    """No such login, or not of this browser: clients forget the id and ask again (3.3)."""

    def __init__(self) -> None:
        extra = (Element("session-invalid", ns=NS.FOCUS),)
        super().__init__("that login is over; log in again", extra=extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The answer: come in."""

    room: str  # as the client wrote it
    focus: Jid  # bare
    visit: Visit = Visit()
    has_logins: bool = False

    def build(self) -> Element:
        attrs = {"room": self.room, "ready": "true", "focusjid": str(self.focus)}
        if self.visit.session_id:
            attrs |= {"session-id": self.visit.session_id, "identity": self.visit.identity}
        reply = Element("conference", attrs, ns=NS.FOCUS)
        for name, value in self._properties().items():
            reply.append(Element("property", {"name": name, "value": value}))
        return reply

    def as_json(self) -> dict[str, Any]:
        """As clients read it over HTTP (3.2): truth values are texts there, but for `ready`."""
        reply = {
            "room": self.room,
            "ready": True,
            "focusJid": str(self.focus),
            "properties": self._properties(),
        }
        if self.visit.session_id:
            reply |= {"sessionId": self.visit.session_id, "identity": self.visit.identity}
        return reply

    def _properties(self) -> dict[str, str]:
        return {
            "authentication": str(self.has_logins).lower(),
            "externalAuth": "false",
            "sipGatewayEnabled": "false",
        }


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
