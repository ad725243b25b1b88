"""Requests for a conference over HTTP (signalling reference 3.2), beside those over XMPP.

    POST /conference-request/v1?room=ROOM

Stock clients send them before they connect if `conferenceRequestUrl` is configured. What an answer
means to them is decided by its status: 403 asks the person to log in, 400 with `invalid-session` in
its text makes them forget a login, everything else ends the attempt.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from tertulia.errors import PeerError
from tertulia.xmpp.errors import (
    Forbidden,
    ItemNotFound,
    NotAcceptable,
    NotAllowed,
    NotAuthorized,
    ResourceConstraint,
    ServiceUnavailable,
)
from tertulia.xmpp.gate import ConnectionGate
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.router import Origin
from tertulia.xmpp.transports.websocket import origin_of

log = logging.getLogger("tertulia.web")

PATH = "/conference-request/v1"
_BODY_WITHIN_S = 10.0
_STATUS: tuple[tuple[type[PeerError], int, str], ...] = (
    (NotAuthorized, 403, "not-authorized"),
    (NotAcceptable, 400, "400 invalid-session"),  # as clients look for it
    (NotAllowed, 409, "not-allowed"),
    (Forbidden, 409, "forbidden"),
    (ItemNotFound, 404, "item-not-found"),
    (ResourceConstraint, 429, "resource-constraint"),
    (ServiceUnavailable, 503, "service-unavailable"),
)
# Stock applications come from other origins; the token says who they are, no cookie does.
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Max-Age": "86400",
    "Cache-Control": "no-store",
}

# Takes the request and how it came (with its token); raises PeerError.
AskForConference = Callable[[Any, Origin], Awaitable[Mapping[str, Any]]]


class ConferenceRequests:
    """The route; `ask` is the policy, which is that of requests over XMPP."""

    def __init__(self, ask: AskForConference, limits: XmppLimits) -> None:
        self._ask = ask
        self._gate = ConnectionGate(limits)  # a request costs as much as a connection

    def add_to(self, app: web.Application) -> None:
        app.router.add_post(PATH, self.post)
        app.router.add_options(PATH, self.options)

    async def options(self, request: web.Request) -> web.Response:
        """What browsers ask before a request from another origin (Fetch, CORS preflight)."""
        return web.Response(status=204, headers=_HEADERS)

    async def post(self, request: web.Request) -> web.Response:
        if not self._gate.arrive(request.remote or "", asyncio.get_running_loop().time()):
            return _refused(429, "resource-constraint", "too many requests from one address")
        try:
            async with asyncio.timeout(_BODY_WITHIN_S):
                document = json.loads(await request.read())
        except (ValueError, RecursionError):
            return _refused(400, "bad-request", "the request is no JSON")
        except TimeoutError:
            return _refused(408, "bad-request", "the request did not come")
        try:
            answer = await self._ask(document, _origin(request))
        except PeerError as error:
            for kind, status, name in _STATUS:
                if isinstance(error, kind):
                    return _refused(status, name, str(error))
            return _refused(400, "bad-request", str(error))
        return web.json_response(answer, headers=_HEADERS)


def _origin(request: web.Request) -> Origin:
    """As that of a connection, but that the token is in a header."""
    origin = origin_of(request)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return Origin(
        remote_ip=origin.remote_ip,
        host=origin.host,
        room=origin.room,
        token=token.strip() if scheme.lower() == "bearer" else "",
    )


def _refused(status: int, error: str, text: str) -> web.Response:
    return web.json_response({"error": error, "text": text}, status=status, headers=_HEADERS)
