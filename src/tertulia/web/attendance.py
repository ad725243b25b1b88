"""Attendance lists over HTTP, for those who show a token that moderators get over XMPP.

    GET /attendance/v1/MEETING.csv
    GET /attendance/v1/earlier         {"meetings": [{"meeting", "endedAt", "people"}, ...]}

Both take `Authorization: Bearer TOKEN`, or `?token=TOKEN`.
"""

from __future__ import annotations

from typing import Any, Protocol

from aiohttp import web

from tertulia.web.files import answering, as_file, bearer


class ListKeeper(Protocol):
    """Who may have which list; both methods may raise PeerError and StorageUnavailable."""

    async def fetched(self, token: str, meeting_id: str) -> tuple[str, str]:
        """The name of a file and CSV."""

    async def earlier(self, token: str) -> list[dict[str, Any]]: ...


class AttendanceLists:
    def __init__(self, keeper: ListKeeper) -> None:
        self._keeper = keeper

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/attendance/v1/{meeting}.csv", answering(self.csv))
        app.router.add_get("/attendance/v1/earlier", answering(self.earlier))

    async def earlier(self, request: web.Request) -> web.StreamResponse:
        token = request.query.get("token") or bearer(request)
        answer = {"meetings": await self._keeper.earlier(token)}
        return web.json_response(answer, headers={"Cache-Control": "private, no-store"})

    async def csv(self, request: web.Request) -> web.StreamResponse:
        # In the address, so that a browser can save it by itself; nothing logs addresses here.
        token = request.query.get("token") or bearer(request)
        name, text = await self._keeper.fetched(token, request.match_info["meeting"])
        headers = {"Content-Disposition": as_file(name), "Cache-Control": "private, no-store"}
        return web.Response(text=text, content_type="text/csv", charset="utf-8", headers=headers)
