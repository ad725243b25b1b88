"""Signing in over HTTP, at a real provider: the package oidc-provider-mock, built on Authlib."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from http.cookies import SimpleCookie
from typing import Any

import oidc_provider_mock
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from tertulia.accounts.oidc import Client, Person, SignIns
from tertulia.web.sign_in import COOKIE, SignIn


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    people = [
        oidc_provider_mock.User(
            sub="ana", claims={"name": "Ana", "email": "ana@example.org", "groups": ["staff"]}
        ),
        oidc_provider_mock.User(sub="bea", claims={"name": "Bea", "groups": ["guests"]}),
    ]
    with oidc_provider_mock.run_server_in_thread(require_nonce=True, user_claims=people) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
async def site(provider: str) -> AsyncIterator[TestClient[Any, Any]]:
    client = Client(
        issuer=provider,
        client_id="tertulia",
        secret="s" * 32,
        lead_claim="groups",
        lead_values=frozenset({"staff"}),
        admin_claim="groups",
        admin_values=frozenset({"staff"}),
    )

    def token_for(person: Person, now: float) -> str:
        return f"{person.subject}.{person.name}.{person.leads}"

    def to_administration(request: web.Request, person: Person) -> web.Response:
        where = f"/admin?{person.subject}={person.administers}"
        return web.Response(status=302, headers={"Location": where})

    app = web.Application()
    sign_in = SignIn(SignIns(client), token_for)
    sign_in.on_administrator = to_administration
    sign_in.add_to(app)
    async with TestClient(TestServer(app)) as one:
        yield one


async def gone_to_provider(site: TestClient[Any, Any], room: str = "", **more: str) -> Any:
    """The address there, and the browser's cookie (it is for HTTPS, so it is carried by hand)."""
    query = {"room": room, **more}
    answer = await site.get("/sign-in", params=query, allow_redirects=False)
    assert answer.status == 302
    cookie: SimpleCookie = answer.cookies
    assert cookie[COOKIE]["secure"] and cookie[COOKIE]["httponly"]
    return answer.headers["Location"], f"{COOKIE}={cookie[COOKIE].value}"


async def back_from(url: str, **form: str) -> str:
    """What somebody fills in at the provider; the path to which it sends the browser back."""
    async with (
        ClientSession() as browser,
        browser.post(url, data=form, allow_redirects=False) as answer,
    ):
        location = answer.headers["Location"]
    return "/" + location.partition("//")[2].partition("/")[2]


async def test_somebody_signs_in_and_comes_to_the_room(site: TestClient[Any, Any]) -> None:
    url, cookie = await gone_to_provider(site, "Plaza Mayor")

    path = await back_from(url, sub="ana")
    answer = await site.get(path, headers={"Cookie": cookie}, allow_redirects=False)

    assert answer.status == 302
    assert answer.headers["Location"] == "/Plaza%20Mayor#jwt=ana.Ana.True"


@pytest.mark.parametrize(("who", "administers"), [("ana", True), ("bea", False)])
async def test_an_administrator_comes_back_to_the_administration(
    site: TestClient[Any, Any], who: str, *, administers: bool
) -> None:
    url, cookie = await gone_to_provider(site, **{"for": "admin"})

    path = await back_from(url, sub=who)
    answer = await site.get(path, headers={"Cookie": cookie}, allow_redirects=False)

    assert answer.headers["Location"] == f"/admin?{who}={administers}"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("room", ["admin", "/admin", "//admin"])
async def test_a_room_leads_nobody_into_the_administration(
    site: TestClient[Any, Any], room: str
) -> None:
    url, cookie = await gone_to_provider(site, room)

    path = await back_from(url, sub="ana")
    answer = await site.get(path, headers={"Cookie": cookie}, allow_redirects=False)

    assert "#jwt=" in answer.headers["Location"]


async def test_a_refusal_is_explained_in_the_person_s_language(site: TestClient[Any, Any]) -> None:
    url, cookie = await gone_to_provider(site, "plaza")

    path = await back_from(url, action="deny")
    headers = {"Cookie": cookie, "Accept-Language": "it-IT,it;q=0.9"}
    answer = await site.get(path, headers=headers, allow_redirects=False)

    assert answer.status == 403
    page = await answer.text()
    assert "L’accesso non è" in page and "Riprova" in page


async def test_the_answer_of_another_browser_is_refused(site: TestClient[Any, Any]) -> None:
    url, _ = await gone_to_provider(site, "plaza")

    path = await back_from(url, sub="ana")
    answer = await site.get(path, allow_redirects=False)

    assert answer.status == 403


@pytest.mark.parametrize("room", ["//evil.example", "a/b", "a\\b", "x" * 300])
async def test_nobody_is_sent_anywhere_else(site: TestClient[Any, Any], room: str) -> None:
    url, cookie = await gone_to_provider(site, room)

    path = await back_from(url, sub="ana")
    answer = await site.get(path, headers={"Cookie": cookie}, allow_redirects=False)

    where = answer.headers["Location"].partition("#")[0]
    assert where in ("/", "/evil.example")


async def test_a_provider_that_is_not_there_is_a_clear_answer() -> None:
    client = Client(issuer="http://localhost:1", client_id="tertulia")
    app = web.Application()
    SignIn(SignIns(client), lambda person, now: "").add_to(app)
    async with TestClient(TestServer(app)) as site:
        answer = await site.get("/sign-in", params={"room": "plaza"}, allow_redirects=False)

        assert answer.status == 502
        assert "Signing in does not work" in await answer.text()
