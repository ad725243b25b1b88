"""Attendance lists over HTTP, for those who show a token that moderators get over XMPP.

GET /attendance/v1/MEETING.csv     `Authorization: Bearer TOKEN`, or `?token=TOKEN`
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from tertulia.web.files import answering, as_file, bearer

# Takes a token and a meeting, gives the name of a file and CSV; raises PeerError.
Fetch = Callable[[str, str], tuple[str, str]]


class AttendanceLists:
    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/attendance/v1/{meeting}.csv", answering(self.csv))

    async def csv(self, request: web.Request) -> web.StreamResponse:
        # In the address, so that a browser can save it by itself; nothing logs addresses here.
        token = request.query.get("token") or bearer(request)
        name, text = self._fetch(token, request.match_info["meeting"])
        headers = {"Content-Disposition": as_file(name), "Cache-Control": "private, no-store"}
        return web.Response(text=text, content_type="text/csv", charset="utf-8", headers=headers)
