"""Who may use the pages for administrators, and every way in which somebody else may not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from http.cookies import SimpleCookie
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tertulia.accounts.directory import Directory
from tertulia.accounts.guesses import CountedAttempts, Guesses, GuessLimits
from tertulia.accounts.oidc import Person
from tertulia.accounts.passwords import Account, keys_of
from tertulia.administering import proving
from tertulia.storage.errors import StorageUnavailable
from tertulia.usage.report import is_month
from tertulia.web.administration.routes import API, COOKIE, AdminRoutes
from tertulia.web.administration.sessions import Administrator, AdminLimits, AdminSessions
from tertulia.web.app import MAX_BODY_BYTES
from tertulia.xmpp.credentials import Credentials, LoginDomain

HOST = "meet.example"
KEYS = keys_of("correct horse", iterations=2)
ANA = Account(name="ana", display_name="Ana", keys=KEYS, is_admin=True)
BEA = Account(name="bea", display_name="Bea", keys=KEYS)


class Report:
    def csv(self) -> str:
        return "day\r\n"


class Office:
    """Knows the room `plaza%20mayor`, and writes down what it is told to do."""

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []
        self.is_away = False

    def overview(self) -> dict[str, Any]:
        return {"people": 3}

    def rooms(self) -> list[dict[str, Any]]:
        return [{"room": "plaza%20mayor"}]

    async def room(self, name: str) -> dict[str, Any] | None:
        return {"room": name} if name == "plaza%20mayor" else None

    async def usage(self, month: str) -> dict[str, Any]:
        if self.is_away:
            raise StorageUnavailable("the database is locked")
        return {"month": month}

    async def month(self, name: str) -> Report:
        return Report()

    def end(self, name: str, by: str) -> bool:
        return self._do("end", name, by)

    def tell(self, name: str, text: str, by: str) -> bool:
        return self._do("tell", name, by, text)

    def remove(self, name: str, nick: str, by: str) -> bool:
        return self._do("remove", name, by, nick)

    async def drain(self, name: str, by: str, *, is_on: bool) -> bool:
        return self._do("drain", name, by, str(is_on))

    def _do(self, what: str, name: str, *more: str) -> bool:
        self.done.append((what, name, *more))
        return name in ("plaza%20mayor", "local")


class Site:
    def __init__(self, client: TestClient[Any, Any], directory: Directory, office: Office) -> None:
        self.client = client
        self.directory = directory
        self.office = office
        self.cookie = ""
        self.now = 0.0

    async def ask(
        self, method: str, path: str, body: Any = None, *, origin: str | None = "", cookie: str = ""
    ) -> tuple[int, Any]:
        """`origin`: "" for the page's own."""
        headers = {"Host": HOST, "Cookie": cookie or self.cookie}
        if method != "GET" and origin is not None:
            headers["Origin"] = origin or f"https://{HOST}"
        answer = await self.client.request(method, API + path, json=body, headers=headers)
        is_json = answer.content_type == "application/json"
        given: SimpleCookie = answer.cookies
        if COOKIE in given:
            self.morsel = given[COOKIE]
            self.cookie = f"{COOKIE}={given[COOKIE].value}"
        return answer.status, await (answer.json() if is_json else answer.text())

    async def sign_in(self, name: str = "ana", password: str = "correct horse") -> tuple[int, Any]:
        return await self.ask("POST", "/session", {"name": name, "password": password})


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    directory, office = Directory(), Office()
    directory.replace([ANA, BEA])
    attempts = CountedAttempts(Guesses(GuessLimits(wrong_passwords=3)), lambda: 0.0)
    login = LoginDomain(name=HOST, accounts=directory, attempts=attempts)
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    routes = AdminRoutes(
        office,
        directory,
        proving(Credentials.of([login]), HOST),
        is_month=is_month,
        limits=AdminLimits(admin_asks_burst=30, admin_asks_per_s=0.01),
        clock=lambda: made.now,
    )
    routes.add_to(app)
    async with TestClient(TestServer(app)) as client:
        made = Site(client, directory, office)
        yield made


EVERYTHING = [
    ("GET", "/session", None),
    ("DELETE", "/session", None),
    ("GET", "/overview", None),
    ("GET", "/rooms", None),
    ("GET", "/rooms/plaza%2520mayor", None),
    ("DELETE", "/rooms/plaza%2520mayor", None),
    ("POST", "/rooms/plaza%2520mayor/message", {"text": "hello"}),
    ("DELETE", "/rooms/plaza%2520mayor/people/abcd", None),
    ("POST", "/bridges/local/drain", {"on": True}),
    ("GET", "/usage?month=2026-11", None),
    ("GET", "/usage.csv?month=2026-11", None),
]


async def test_an_administrator_sees_and_does_everything(site: Site) -> None:
    assert (await site.sign_in())[0] == 200
    assert site.morsel["secure"] and site.morsel["httponly"]
    assert site.morsel["samesite"] == "Strict"

    for method, path, body in EVERYTHING[2:]:
        assert (await site.ask(method, path, body))[0] == 200, path

    assert site.office.done == [
        ("end", "plaza%20mayor", "ana"),
        ("tell", "plaza%20mayor", "ana", "hello"),
        ("remove", "plaza%20mayor", "ana", "abcd"),
        ("drain", "local", "ana", "True"),
    ]
    assert await site.ask("GET", "/session") == (200, {"name": "ana", "display_name": "Ana"})


@pytest.mark.parametrize(("method", "path", "body"), EVERYTHING)
async def test_nobody_else_sees_or_does_anything(
    site: Site, method: str, path: str, body: Any
) -> None:
    for cookie in ("", f"{COOKIE}=made-up", f"{COOKIE}="):
        status, said = await site.ask(method, path, body, cookie=cookie)
        assert (status, said["error"]) == (401, "signed-out")
    assert site.office.done == []


CHANGES = [each for each in EVERYTHING if each[0] != "GET"]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
@pytest.mark.parametrize("origin", [None, "https://evil.example", f"http://{HOST}", "null"])
async def test_another_site_changes_nothing_through_the_browser(
    site: Site, method: str, path: str, body: Any, origin: str | None
) -> None:
    await site.sign_in()

    assert (await site.ask(method, path, body, origin=origin))[0] == 403
    assert site.office.done == []
    assert (await site.ask("GET", "/session"))[0] == 200


async def test_a_form_of_another_site_is_no_json(site: Site) -> None:
    await site.sign_in()
    headers = {"Host": HOST, "Origin": f"https://{HOST}", "Cookie": site.cookie}

    answer = await site.client.post(
        f"{API}/rooms/plaza%2520mayor/message", data={"text": "x"}, headers=headers
    )

    assert answer.status == 403


async def test_another_site_signs_nobody_in(site: Site) -> None:
    body = {"name": "ana", "password": "correct horse"}

    assert (await site.ask("POST", "/session", body, origin="https://evil.example"))[0] == 403


@pytest.mark.parametrize(
    ("name", "password", "status", "error"),
    [
        ("bea", "correct horse", 403, "no-administrator"),
        ("bea", "wrong horse", 401, "wrong"),
        ("ana", "wrong horse", 401, "wrong"),
        ("nobody", "correct horse", 401, "wrong"),
        ("ana", "", 401, "wrong"),
        ("a\0b", "correct horse", 401, "wrong"),
        ("ana", 7, 400, "malformed"),
    ],
)
async def test_who_is_no_administrator_does_not_come_in(
    site: Site, name: str, password: Any, status: int, error: str
) -> None:
    answered, said = await site.sign_in(name, password)

    assert (answered, said["error"]) == (status, error)
    assert site.cookie == ""


async def test_passwords_are_guessed_as_rarely_as_at_any_login(site: Site) -> None:
    for _ in range(3):
        assert (await site.sign_in("ana", "wrong horse"))[0] == 401

    status, said = await site.sign_in()

    assert (status, said["error"]) == (429, "too-many")


async def test_a_session_ends_with_the_mark_the_password_or_the_account(site: Site) -> None:
    other = keys_of("another horse", iterations=2)
    for accounts in ([replace(ANA, is_admin=False)], [replace(ANA, keys=other)], []):
        site.directory.replace([ANA])
        assert (await site.sign_in())[0] == 200
        site.directory.replace(accounts)
        assert (await site.ask("GET", "/overview"))[0] == 401
        site.directory.replace([ANA])
        assert (await site.ask("GET", "/overview"))[0] == 401


async def test_a_session_ends_by_itself_and_by_signing_out(site: Site) -> None:
    limits = AdminLimits()
    await site.sign_in()
    site.now += limits.admin_unused_s + 1
    assert (await site.ask("GET", "/overview"))[0] == 401

    await site.sign_in()
    until = site.now + limits.admin_longest_s
    while site.now < until:
        site.now += limits.admin_unused_s - 1
        last = await site.ask("GET", "/overview")
    assert last[0] == 401

    await site.sign_in()
    kept = site.cookie
    assert (await site.ask("DELETE", "/session"))[0] == 200
    assert (await site.ask("GET", "/overview", cookie=kept))[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "answer"),
    [
        ("GET", "/rooms/empty", None, (404, "not-found")),
        ("DELETE", "/rooms/empty", None, (404, "not-found")),
        ("POST", "/rooms/empty/message", {"text": "x"}, (404, "not-found")),
        ("DELETE", "/rooms/empty/people/a", None, (404, "not-found")),
        ("POST", "/bridges/none/drain", {"on": True}, (404, "not-found")),
        ("POST", "/bridges/local/drain", {"on": "yes"}, (400, "malformed")),
        ("POST", "/rooms/plaza%2520mayor/message", {"text": " "}, (400, "malformed")),
        ("POST", "/rooms/plaza%2520mayor/message", {"text": "x" * 1001}, (400, "too-long")),
        ("GET", "/usage?month=2026-13", None, (400, "malformed")),
        ("GET", "/usage.csv?month=../../etc", None, (400, "malformed")),
    ],
)
async def test_a_mistake_is_told(
    site: Site, method: str, path: str, body: Any, answer: tuple[int, str]
) -> None:
    await site.sign_in()

    status, said = await site.ask(method, path, body)

    assert (status, said["error"]) == answer


async def test_what_is_no_json_object_is_a_mistake(site: Site) -> None:
    assert (await site.ask("POST", "/session", ["ana"]))[0] == 400


async def test_a_database_that_is_away_is_told(site: Site) -> None:
    await site.sign_in()
    site.office.is_away = True

    status, said = await site.ask("GET", "/usage")

    assert (status, said["text"]) == (503, "the database is locked")


async def test_nobody_shows_the_page_in_a_frame(site: Site) -> None:
    for path in ("/admin", "/admin/"):
        answer = await site.client.get(path, headers={"Host": HOST})
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_questions_have_a_limit(site: Site) -> None:
    await site.sign_in()

    answers = [(await site.ask("GET", "/overview"))[0] for _ in range(32)]

    assert (answers[0], answers[-1]) == (200, 429)


async def test_the_report_is_a_file(site: Site) -> None:
    await site.sign_in()
    headers = {"Host": HOST, "Cookie": site.cookie}

    answer = await site.client.get(f"{API}/usage.csv?month=2026-11", headers=headers)

    assert answer.headers["Content-Disposition"] == 'attachment; filename="usage 2026-11.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert await answer.text() == "day\r\n"


async def test_who_comes_from_the_provider_as_no_administrator_stays_outside() -> None:
    directory = Directory()
    directory.replace([replace(ANA, name="eve")])  # a local account of that name is somebody else
    routes = AdminRoutes(Office(), directory, lambda *_: None, is_month=is_month, has_sign_in=True)
    app = web.Application()
    routes.add_to(app)
    eve = Person(subject="eve", name="Eve", email="", leads=True)

    async def back(request: web.Request) -> web.Response:
        return routes.welcome(request, eve)

    app.router.add_get("/back", back)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/back", allow_redirects=False)
        assert answer.headers["Location"] == "/admin#no-administrator"
        assert "Set-Cookie" not in answer.headers

        who = await client.get(f"{API}/session")
        assert (who.status, (await who.json())["has_sign_in"]) == (401, True)


async def test_a_session_from_the_provider_ends_in_time_however_it_is_used() -> None:
    limits, now = AdminLimits(admin_signed_in_s=100.0), 0.0
    sessions = AdminSessions(Directory(), limits)
    ana = Administrator("ana@example.org", "Ana")
    session = sessions.begin_signed_in(ana, now)

    while now <= 100.0:
        assert sessions.administrator(session, now) == ana
        now += 10.0

    assert sessions.administrator(session, now) is None


async def test_the_oldest_of_too_many_sessions_ends() -> None:
    directory = Directory()
    directory.replace([ANA])
    sessions = AdminSessions(directory, AdminLimits(admin_sessions=2))

    ids = [sessions.begin(ANA, 0.0) for _ in range(3)]

    assert [sessions.administrator(each, 1.0) is not None for each in ids] == [False, True, True]
