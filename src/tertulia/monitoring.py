"""HTTP for operators: health, version, figures. The same pages for the control process and bridges.

They are meant for loopback or a private network and ask nobody who they are. What changes something
is refused to web pages: a browser sends `Origin` with every such request, programs do not.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from aiohttp import web

from tertulia import metrics
from tertulia.metrics import Family

log = logging.getLogger("tertulia.monitoring")

_MAX_BODY_BYTES = 64 * 1024


class Status(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"  # it works; somebody should look
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Health:
    """The verdict, with one line for each reason."""

    status: Status
    reasons: tuple[str, ...] = ()
    is_stopping: bool = False

    @property
    def is_up(self) -> bool:
        return self.status is not Status.DOWN

    @property
    def reason(self) -> str:
        return "; ".join(self.reasons)

    @property
    def http_status(self) -> HTTPStatus:
        """200 while it works, 503 while it stops, 500 when it is down (reference bridge 6.1)."""
        if self.is_stopping:
            return HTTPStatus.SERVICE_UNAVAILABLE
        return HTTPStatus.OK if self.is_up else HTTPStatus.INTERNAL_SERVER_ERROR


def application(
    *, version: str, health: Callable[[], Health], families: Callable[[], Iterable[Family]]
) -> web.Application:
    """The common pages; the caller may add routes of its own."""

    async def show_health(request: web.Request) -> web.Response:
        now = health()
        body = {"status": now.status.value, "reasons": list(now.reasons)}
        return web.json_response(body, status=now.http_status)

    async def show_version(request: web.Request) -> web.Response:
        return web.json_response({"name": "tertulia", "version": version, "os": platform.system()})

    async def show_metrics(request: web.Request) -> web.Response:
        text = metrics.text(families())
        return web.Response(body=text.encode(), headers={"Content-Type": metrics.CONTENT_TYPE})

    app = web.Application(middlewares=[_no_web_pages], client_max_size=_MAX_BODY_BYTES)
    app.router.add_get("/about/health", show_health)
    app.router.add_get("/about/version", show_version)
    app.router.add_get("/metrics", show_metrics)
    return app


@web.middleware
async def _no_web_pages(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    if request.method not in ("GET", "HEAD") and "Origin" in request.headers:
        raise web.HTTPForbidden(text="not from a web page\n")
    return await handler(request)


class Listener:
    """One listener for operators: `start`, then `stop`."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int | None:
        """Listen, if that can be had: a taken port costs the figures, never the meetings.

        Returns: the port, which the system chose if it was 0; None when there is no listener.
        """
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            log.warning("No monitoring: %s:%d cannot be had: %s", host, port, error.strerror)
            await runner.cleanup()
            return None
        self._runner = runner
        bound: int = runner.addresses[0][1]
        log.info("Monitoring at: http://%s:%d/", f"[{host}]" if ":" in host else host, bound)
        return bound

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
