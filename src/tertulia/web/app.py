"""The web application: every route of the one port in one place."""

from __future__ import annotations

from asyncio import BaseProtocol
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from tertulia.web.client_config import ClientSettings, client_config, script
from tertulia.web.edge import ChannelUrl, ColibriEdge
from tertulia.web.headers import check_host_and_secure, valid_host
from tertulia.web.inside import Inside, InsideRooms, WhoIsInside
from tertulia.web.pages import STATIC, Pages
from tertulia.web.sign_in import SignIn
from tertulia.web.theme import add_theme

XmppWebSocket = Callable[[web.Request], Awaitable[web.StreamResponse]]

# What is uploaded is read as a stream and counted there; any other body is a mistake or an attack.
MAX_BODY_BYTES = 64 * 1024


class Routes(Protocol):
    def add_to(self, app: web.Application) -> None: ...


def application(
    *,
    settings: ClientSettings,
    xmpp_websocket: XmppWebSocket,
    bosh: XmppWebSocket,
    channel_url: ChannelUrl,
    can_meet: Callable[[], bool],
    who_is_inside: WhoIsInside = lambda room: Inside(),
    pages: Pages | None = None,
    more: Sequence[Routes] = (),
    heard: Callable[[BaseProtocol], None] = lambda connection: None,
    embed: Sequence[str] = (),
    sign_in: SignIn | None = None,
) -> web.Application:
    """Assemble the routes.

    Args:
        xmpp_websocket: serves one XMPP client (RFC 7395).
        bosh: answers one request of an XMPP client (XEP-0124).
        channel_url: where the bridge of a name has its channel listener.
        can_meet: whether a meeting could be held now, for the health check.
        more: what else is served.
        who_is_inside: what may be told of a room before one enters it.
        heard: told the connection of each request, when its headers are complete.
        embed: origins whose pages may show ours in a frame.
        sign_in: where people are sent to sign in, if they are.
    """

    async def config_js(request: web.Request) -> web.Response:
        return web.Response(
            text=script(client_config(settings, valid_host(request))),
            content_type="text/javascript",
            # Stock applications (desktop, mobile) load it from their own origin.
            headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache"},
        )

    async def alive(request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def health(request: web.Request) -> web.Response:
        ready = can_meet()
        return web.json_response(
            {"healthy": ready, "reason": "" if ready else "no healthy bridge in the brewery"},
            status=200 if ready else 503,
        )

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        heard(request.protocol)
        return await handler(request)

    app = web.Application(
        middlewares=[note, check_host_and_secure(embed)], client_max_size=MAX_BODY_BYTES
    )
    app.router.add_get("/config.js", config_js)
    app.router.add_get("/xmpp-websocket", xmpp_websocket)
    app.router.add_route("*", "/http-bind", bosh)
    app.router.add_get("/healthz", alive)
    app.router.add_get("/about/health", health)
    if sign_in is not None:
        sign_in.add_to(app)
    InsideRooms(who_is_inside).add_to(app)
    ColibriEdge(channel_url).add_to(app)
    for routes in more:
        routes.add_to(app)
    add_theme(app, settings.theme, STATIC / "favicon.svg")
    (pages or Pages()).add_to(app)
    return app
