"""Who is inside a room, asked by the page before it enters: `GET /api/rooms/NAME`.

What is told is a count, names where the site wants that (`site.show_inside`), and whether people
start muted. Rooms that are locked, have a lobby or do not tell answer as if nothing were known, but
for what they ask of whoever comes: that the camera is on.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from tertulia.web.acceptor import peer_address
from tertulia.web.rooms import room_of
from tertulia.xmpp import refusals
from tertulia.xmpp.pace import TokenBucket


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What may be told of one room."""

    people: int | None = None  # None: it does not tell
    names: tuple[str, ...] = ()  # of the first of them, where the site shows names
    starts_muted: bool = False
    starts_without_camera: bool = False
    camera_required: bool = False


# By the room as `room_of` writes it.
WhoIsInside = Callable[[str], Inside]


@dataclass(frozen=True, slots=True, kw_only=True)
class InsideLimits:
    """How often one address may ask; a class behind one NAT comes at once."""

    rate_per_s: float = 5.0
    burst: int = 200
    addresses: int = 10_000  # remembered at a time; the longest silent is forgotten first


class InsideRooms:
    """The handler and its memory of who asked how often."""

    def __init__(
        self,
        who: WhoIsInside,
        limits: InsideLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._who = who
        self._limits = limits or InsideLimits()
        self._clock = clock
        self._asked: OrderedDict[str, TokenBucket] = OrderedDict()

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/api/rooms/{room}", self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        room = room_of(request.match_info["room"])
        if room is None:
            raise web.HTTPNotFound(text="No room can have this name.\n")
        if not self._may_ask(request.remote or ""):
            refusals.count("inside_rate_per_address", "refused")
            raise web.HTTPTooManyRequests(
                text="Too many questions from this address.\n", headers={"Retry-After": "10"}
            )
        inside = self._who(room)
        return web.json_response(
            _told(inside),
            headers={"Cache-Control": "no-store"},
        )

    def _may_ask(self, remote: str) -> bool:
        if _is_loopback(remote):  # a proxy here asks for everybody
            return True
        address, now = peer_address(remote), self._clock()
        bucket = self._asked.pop(address, None) or TokenBucket(
            self._limits.rate_per_s, self._limits.burst, now
        )
        self._asked[address] = bucket
        if len(self._asked) > self._limits.addresses:
            self._asked.popitem(last=False)
        return bucket.take(now)


def _told(inside: Inside) -> dict[str, object]:
    required = {"cameraRequired": True} if inside.camera_required else {}
    if inside.people is None:
        return {"people": None, **required}
    return {
        "people": inside.people,
        "names": list(inside.names),
        "startMuted": {"audio": inside.starts_muted, "video": inside.starts_without_camera},
        **required,
    }


def _is_loopback(remote: str) -> bool:
    try:
        return ipaddress.ip_address(remote.partition("%")[0]).is_loopback
    except ValueError:
        return False
