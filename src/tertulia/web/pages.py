"""The page: the built web client, served for `/` and for every room."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from tertulia.web.rooms import room_of

STATIC = Path(__file__).parent / "static"
_A_YEAR_S = 31_536_000

NOT_BUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Tertulia</title>
<h1>Tertulia is running</h1>
<p>Its web client has not been built yet. Type <code>make build</code> in the source folder and
load this page again. Other clients can already use this server.</p>
</html>
"""


class Pages:
    """Handlers of the pages, for one folder with a built web client."""

    def __init__(self, static: Path = STATIC) -> None:
        self._static = static
        # What the build put beside index.html (icons, manifest); read once, names are not paths.
        self._files = (
            {each.name: each for each in static.iterdir() if each.is_file()}
            if static.is_dir()
            else {}
        )

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/robots.txt", self.robots)
        app.router.add_get("/assets/{file}", self.asset)
        app.router.add_get("/", self.page)
        app.router.add_get("/{room}", self.file_or_room)

    async def page(self, request: web.Request) -> web.StreamResponse:
        return await self.file(request, "index.html")

    async def file(self, request: web.Request, name: str) -> web.StreamResponse:
        """One of the pages that the build makes."""
        page = self._files.get(name)
        if page is None:
            return web.Response(text=NOT_BUILT, content_type="text/html", status=503)
        # Revalidated each time: it names the current assets.
        return web.FileResponse(page, headers={"Cache-Control": "no-cache"})

    async def file_or_room(self, request: web.Request) -> web.StreamResponse:
        segment = request.match_info["room"]
        if segment in self._files and not segment.endswith(".html"):
            return web.FileResponse(
                self._files[segment], headers={"Cache-Control": "public, max-age=3600"}
            )
        if room_of(segment) is None:
            raise web.HTTPNotFound(text="No room can have this name.\n")
        return await self.page(request)

    async def asset(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"]
        file = self._static / "assets" / name
        if name.startswith(".") or "/" in name or "\\" in name or not file.is_file():
            raise web.HTTPNotFound(text="No such file.\n")
        # The build puts a hash of the content into each name.
        return web.FileResponse(
            file, headers={"Cache-Control": f"public, max-age={_A_YEAR_S}, immutable"}
        )

    async def robots(self, request: web.Request) -> web.Response:
        return web.Response(text="User-agent: *\nDisallow: /\n")
