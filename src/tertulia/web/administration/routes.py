"""`/admin/api/...`: JSON for the page at `/admin`, and for nobody else.

    POST   session                        {"name": ..., "password": ...}; signs in, as does
                                          /sign-in?for=admin at the house's own provider
    GET    session, DELETE session        who is signed in; signs out
    GET    overview, rooms, rooms/ROOM    what goes on
    DELETE rooms/ROOM                     ends a meeting
    POST   rooms/ROOM/message             {"text": ...}; tells everybody in it
    DELETE rooms/ROOM/people/ID           removes a person
    POST   bridges/NAME/drain             {"on": true}; no new meetings there
    GET    usage?month=2026-11, usage.csv?month=2026-11

The cookie goes with requests of our own page only (`SameSite=Strict`); what changes something must
come from it, too: its `Origin` is our host, and its body is JSON, which no form can send.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from aiohttp import web

from tertulia.accounts.directory import Directory
from tertulia.accounts.errors import AccountError
from tertulia.accounts.oidc import Person
from tertulia.accounts.passwords import account_name
from tertulia.storage.errors import StorageUnavailable
from tertulia.web.administration.sessions import Administrator, AdminLimits, AdminSessions
from tertulia.web.headers import unframed, valid_host
from tertulia.web.pages import Pages
from tertulia.xmpp import refusals
from tertulia.xmpp.pace import TokenBucket
from tertulia.xmpp.sasl import SaslFailure

log = logging.getLogger("tertulia.web")

API = "/admin/api"
COOKIE = "__Host-tertulia-admin"

Json = dict[str, Any]
Handler = Callable[[web.Request, Administrator], Awaitable[web.StreamResponse]]
# Takes name, password and address; raises SaslFailure: the same check, and count, as at a login.
Prove = Callable[[str, str, str], None]


class Month(Protocol):
    def csv(self) -> str: ...


class Office(Protocol):
    """What there is to see and to do (`administration.office`)."""

    def overview(self) -> Json: ...
    def rooms(self) -> list[Json]: ...
    async def room(self, name: str) -> Json | None: ...
    async def usage(self, month: str) -> Json: ...
    async def month(self, name: str) -> Month: ...
    def end(self, name: str, by: str) -> bool: ...
    def tell(self, name: str, text: str, by: str) -> bool: ...
    def remove(self, name: str, nick: str, by: str) -> bool: ...
    async def drain(self, name: str, by: str, *, is_on: bool) -> bool: ...


class AdminRoutes:
    def __init__(
        self,
        office: Office,
        directory: Directory,
        prove: Prove,
        *,
        is_month: Callable[[str], bool],
        has_sign_in: bool = False,
        pages: Pages | None = None,
        limits: AdminLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            has_sign_in: whether administrators may come from the provider (`welcome`).
        """
        self._office = office
        self._has_sign_in = has_sign_in
        self._directory = directory
        self._prove = prove
        self._is_month = is_month
        self._pages = pages or Pages()
        self._limits = limits or AdminLimits()
        self._clock = clock
        self._sessions = AdminSessions(directory, self._limits)
        self._asking: dict[str, TokenBucket] = {}  # by account

    def add_to(self, app: web.Application) -> None:
        router = app.router
        router.add_get("/admin", self.page)
        router.add_get("/admin/", self.page)
        router.add_post(f"{API}/session", self.sign_in)
        for method, path, handler in (
            ("GET", "session", self.who),
            ("DELETE", "session", self.sign_out),
            ("GET", "overview", self.overview),
            ("GET", "rooms", self.rooms),
            ("GET", "rooms/{room}", self.room),
            ("DELETE", "rooms/{room}", self.end),
            ("POST", "rooms/{room}/message", self.tell),
            ("DELETE", "rooms/{room}/people/{nick}", self.remove),
            ("POST", "bridges/{name}/drain", self.drain),
            ("GET", "usage", self.usage),
            ("GET", "usage.csv", self.csv),
        ):
            router.add_route(method, f"{API}/{path}", self._for_administrators(handler))

    # Who may

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The page itself is the same for everybody: it asks for a password first."""
        page = await self._pages.file(request, "admin.html")
        page.headers["Content-Security-Policy"] = unframed(valid_host(request))
        return page

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        _require_own_page(request)
        asked = await _body(request)
        given, password = asked.get("name"), asked.get("password")
        if not isinstance(given, str) or not isinstance(password, str):
            return _refused(400, "malformed", "name and password were expected")
        try:
            self._prove(given, password, request.remote or "")
            account = self._directory.account(account_name(given))
        except SaslFailure as failure:
            too_many = failure.failure == "temporary-auth-failure"
            refusals.count("admin_sign_in", "too-many" if too_many else "wrong")
            log.warning("Administrator not signed in: from=%s %s", request.remote, failure)
            if too_many:
                return _refused(429, "too-many", "too many wrong passwords; wait")
            return _refused(401, "wrong", "wrong name or password")
        except AccountError:
            return _refused(401, "wrong", "wrong name or password")
        if account is None or not account.is_admin:
            refusals.count("admin_sign_in", "no-administrator")
            return _refused(403, "no-administrator", "this account is no administrator")
        log.info("Administrator signed in: account=%s from=%s", account.name, request.remote)
        response = _answer({"name": account.name, "display_name": account.display_name})
        self._give(response, self._sessions.begin(account, self._clock()))
        return response

    def welcome(self, request: web.Request, person: Person) -> web.Response:
        """The provider has said who somebody is: on to the page, with a session if it may be."""
        name = person.email or person.subject
        if not person.administers:
            refusals.count("admin_sign_in", "no-administrator")
            log.warning("No administrator: subject=%r from=%s", person.subject, request.remote)
            return web.Response(status=302, headers={"Location": "/admin#no-administrator"})
        log.info("Administrator signed in: subject=%r from=%s", person.subject, request.remote)
        response = web.Response(status=302, headers={"Location": "/admin"})
        who = Administrator(name, person.name or name)
        self._give(response, self._sessions.begin_signed_in(who, self._clock()))
        return response

    def _give(self, response: web.Response, session_id: str) -> None:
        response.set_cookie(
            *(COOKIE, session_id),
            max_age=int(self._limits.admin_longest_s),
            secure=True,
            httponly=True,
            samesite="Strict",
            path="/",
        )

    def _for_administrators(self, handler: Handler) -> Callable[..., Awaitable[web.StreamResponse]]:
        async def checked(request: web.Request) -> web.StreamResponse:
            now = self._clock()
            account = self._sessions.administrator(request.cookies.get(COOKIE, ""), now)
            if account is None:
                return _refused(401, "signed-out", "sign in first", has_sign_in=self._has_sign_in)
            if request.method != "GET":
                _require_own_page(request)
            if not self._may_ask(account.name, now):
                return _refused(429, "too-often", "too many questions (admin_asks_per_s)")
            try:
                return await handler(request, account)
            except StorageUnavailable as error:
                return _refused(503, "storage", str(error))

        return checked

    def _may_ask(self, name: str, now: float) -> bool:
        limits = self._limits
        bucket = self._asking.setdefault(
            name, TokenBucket(limits.admin_asks_per_s, limits.admin_asks_burst, now)
        )
        return bucket.take(now)

    async def who(self, request: web.Request, account: Administrator) -> web.StreamResponse:
        return _answer({"name": account.name, "display_name": account.display_name})

    async def sign_out(self, request: web.Request, account: Administrator) -> web.StreamResponse:
        self._sessions.end(request.cookies.get(COOKIE, ""))
        response = _answer({})
        response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
        return response

    # What is seen

    async def overview(self, request: web.Request, account: Administrator) -> web.StreamResponse:
        return _answer(self._office.overview())

    async def rooms(self, request: web.Request, account: Administrator) -> web.StreamResponse:
        return _answer({"rooms": self._office.rooms()})

    async def room(self, request: web.Request, account: Administrator) -> web.StreamResponse:
        room = await self._office.room(request.match_info["room"])
        return _no_such("room") if room is None else _answer(room)

    async def usage(self, request: web.Request, account: Administrator) -> web.StreamResponse:
        month = self._month(request)
        return _no_month() if month is None else _answer(await self._office.usage(month))

    async def csv(self, request: web.Request, account: Administrator) -> web.StreamResponse:
        month = self._month(request)
        if month is None:
            return _no_month()
        headers = {
            "Content-Disposition": f'attachment; filename="usage {month}.csv"',
            "Cache-Control": "no-store",
        }
        text = (await self._office.month(month)).csv()
        return web.Response(text=text, content_type="text/csv", charset="utf-8", headers=headers)

    def _month(self, request: web.Request) -> str | None:
        month = request.query.get("month") or time.strftime("%Y-%m", time.gmtime())
        return month if self._is_month(month) else None

    # What is done

    async def end(self, request: web.Request, account: Administrator) -> web.StreamResponse:
        return _done(self._office.end(request.match_info["room"], account.name), "room")

    async def tell(self, request: web.Request, account: Administrator) -> web.StreamResponse:
        text = (await _body(request)).get("text")
        most = self._limits.admin_message_characters
        if not isinstance(text, str) or not text.strip():
            return _refused(400, "malformed", "there is nothing to tell")
        if len(text) > most:
            return _refused(400, "too-long", f"at most {most} (admin_message_characters)")
        return _done(
            self._office.tell(request.match_info["room"], text.strip(), account.name), "room"
        )

    async def remove(self, request: web.Request, account: Administrator) -> web.StreamResponse:
        room, nick = request.match_info["room"], request.match_info["nick"]
        return _done(self._office.remove(room, nick, account.name), "person")

    async def drain(self, request: web.Request, account: Administrator) -> web.StreamResponse:
        is_on = (await _body(request)).get("on")
        if not isinstance(is_on, bool):
            return _refused(400, "malformed", "on is true or false")
        name = request.match_info["name"]
        return _done(await self._office.drain(name, account.name, is_on=is_on), "bridge")


def _require_own_page(request: web.Request) -> None:
    """Raises: HTTPForbidden for what another site has made the browser send."""
    is_json = request.content_type == "application/json"
    is_ours = request.headers.get("Origin", "") == f"https://{valid_host(request)}"
    if not is_ours or (request.method == "POST" and not is_json):
        refusals.count("admin_cross_site", "forbidden")
        raise web.HTTPForbidden(text="not from the page of this server\n")


async def _body(request: web.Request) -> Mapping[str, Any]:
    """Raises: HTTPBadRequest when it is no JSON object."""
    try:
        body = json.loads(await request.text())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="a JSON object was expected\n")
    return body


def _answer(body: Json) -> web.Response:
    return web.json_response(body, headers={"Cache-Control": "no-store"})


def _refused(status: int, error: str, text: str, **more: bool) -> web.Response:
    return web.json_response(
        {"error": error, "text": text, **more}, status=status, headers={"Cache-Control": "no-store"}
    )


def _done(is_done: bool, what: str) -> web.Response:
    return _answer({}) if is_done else _no_such(what)


def _no_such(what: str) -> web.Response:
    return _refused(404, "not-found", f"there is no such {what} now")


def _no_month() -> web.Response:
    return _refused(400, "malformed", "month is a year and a month, such as 2026-11")
