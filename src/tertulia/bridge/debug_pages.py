"""`/debug` on the bridge's listener for operators (reference bridge 6.1); `debug` has the words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from aiohttp import web

from tertulia import _engine
from tertulia.bridge import debug
from tertulia.bridge.conference import Conference
from tertulia.bridge.debug import Detail
from tertulia.bridge.videobridge import Videobridge

_SWITCHES = frozenset({"names", "addresses"})


def routes(
    bridge: Videobridge, stats: Callable[[], _engine.EngineStats], clock: Callable[[], float]
) -> list[web.RouteDef]:
    """What an application may add to its own."""

    async def everything(request: web.Request) -> web.Response:
        return web.json_response(debug.overview(bridge, stats(), clock(), _detail(request)))

    async def conference(request: web.Request) -> web.Response:
        found = _found(bridge, request)
        detail = replace(_detail(request), streams=debug.MOST_STREAMS)
        return web.json_response(debug.one_conference(found, stats(), clock(), detail))

    async def endpoint(request: web.Request) -> web.Response:
        found = _found(bridge, request)
        one = found.endpoints.get(request.match_info["endpoint"])
        if one is None:
            raise web.HTTPNotFound(text="no such endpoint\n")
        detail = replace(_detail(request), streams=debug.MOST_STREAMS_ALONE)
        return web.json_response(debug.one_endpoint(found, one, stats(), clock(), detail))

    return [
        web.get("/debug", everything),
        web.get("/debug/{conference}", conference),
        web.get("/debug/{conference}/{endpoint}", endpoint),
    ]


def _found(bridge: Videobridge, request: web.Request) -> Conference:
    wanted = request.match_info["conference"]
    for each in bridge.conferences:
        if wanted in (each.id, each.meeting_id):
            return each
    raise web.HTTPNotFound(text="no such conference\n")


def _detail(request: web.Request) -> Detail:
    """`?show=names,addresses`; a word that is none is an error, not silence."""
    shown = set(filter(None, request.query.get("show", "").split(",")))
    if shown - _SWITCHES:
        raise web.HTTPBadRequest(text="show= takes names, addresses, or both with a comma\n")
    return Detail(names="names" in shown, addresses="addresses" in shown)
