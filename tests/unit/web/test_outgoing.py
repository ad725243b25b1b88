"""What we fetch: from the address that was named and from no other, little, and soon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tertulia.server.key_fetching import key_at
from tertulia.web.outgoing import FetchFailed, FetchLimits, fetched

LIMITS = FetchLimits(within_s=5.0, answer_bytes=1000)


@pytest.fixture
async def elsewhere() -> AsyncIterator[TestServer]:
    async def page(request: web.Request) -> web.StreamResponse:
        match request.match_info["kind"]:
            case "good":
                return web.Response(body=b"k" * 1000)
            case "large":
                return web.Response(body=b"k" * 1001)
            case "moved":
                raise web.HTTPFound("/good")
            case "silent":
                await asyncio.sleep(60)
        raise web.HTTPNotFound

    app = web.Application()
    app.router.add_get("/{kind}", page)
    async with TestServer(app) as server:
        yield server


async def test_a_page_is_what_it_is(elsewhere: TestServer) -> None:
    assert await fetched(str(elsewhere.make_url("/good")), LIMITS) == b"k" * 1000


@pytest.mark.parametrize(
    ("kind", "said"),
    [("large", "over 1000 bytes"), ("moved", "answered 302"), ("missing", "answered 404")],
)
async def test_what_is_not_the_page_is_refused(elsewhere: TestServer, kind: str, said: str) -> None:
    with pytest.raises(FetchFailed, match=said):
        await fetched(str(elsewhere.make_url(f"/{kind}")), LIMITS)


async def test_a_server_that_is_silent_is_not_waited_for(elsewhere: TestServer) -> None:
    with pytest.raises(FetchFailed, match=r"within 0\.05 s"):
        await fetched(str(elsewhere.make_url("/silent")), FetchLimits(within_s=0.05))


async def test_where_nobody_listens_nothing_is_fetched(unused_tcp_port: int) -> None:
    with pytest.raises(FetchFailed, match=r"127\.0\.0\.1"):
        await fetched(f"http://127.0.0.1:{unused_tcp_port}/", LIMITS)


async def test_a_key_that_is_not_there_is_told_from_a_server_in_trouble(
    elsewhere: TestServer,
) -> None:
    assert await key_at(str(elsewhere.make_url("/missing"))) is None
    with pytest.raises(FetchFailed):
        await key_at(str(elsewhere.make_url("/moved")))
