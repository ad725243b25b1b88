"""The bridge's own HTTP (reference bridge 6.1): the common pages, statistics, drain, shutdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aiohttp import web

from tertulia.metrics import Family
from tertulia.monitoring import Health, application


class Watched(Protocol):
    """What the pages show, and what they may change."""

    @property
    def health(self) -> Health: ...
    @property
    def is_draining(self) -> bool: ...
    def document(self) -> dict[str, object]: ...
    def families(self) -> list[Family]: ...
    def drain(self, is_draining: bool) -> None: ...
    def shut_down(self, *, graceful: bool) -> None: ...


def pages(watched: Watched, version: str, more: Sequence[web.RouteDef] = ()) -> web.Application:
    """The application; `more` are routes that were switched on."""

    async def show_stats(request: web.Request) -> web.Response:
        return web.json_response(watched.document())

    async def show_drain(request: web.Request) -> web.Response:
        return web.json_response({"drain": watched.is_draining})

    async def set_drain(request: web.Request) -> web.Response:
        watched.drain(request.match_info["what"] == "enable")
        return await show_drain(request)

    async def shut_down(request: web.Request) -> web.Response:
        try:
            order = await request.json()
        except ValueError:  # what is no UTF-8 included
            order = None
        graceful = order.get("graceful-shutdown") if isinstance(order, dict) else None
        if not isinstance(graceful, bool):
            raise web.HTTPBadRequest(text='expected {"graceful-shutdown": true} or false\n')
        watched.shut_down(graceful=graceful)
        return web.json_response({})

    app = application(version=version, health=lambda: watched.health, families=watched.families)
    app.router.add_get("/colibri/stats", show_stats)
    app.router.add_get("/colibri/drain", show_drain)
    app.router.add_post("/colibri/drain/{what:enable|disable}", set_drain)
    app.router.add_post("/colibri/shutdown", shut_down)
    app.router.add_routes(more)
    return app
