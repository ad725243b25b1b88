"""Conference requests over HTTP: what stock clients read of an answer (signalling 3.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tertulia.errors import PeerError
from tertulia.focus.component import SessionInvalid
from tertulia.rooms.errors import RoomAndTokenMismatched
from tertulia.web.conference_requests import PATH, ConferenceRequests
from tertulia.xmpp.errors import (
    BadRequest,
    ItemNotFound,
    NotAuthorized,
    ResourceConstraint,
    ServiceUnavailable,
)
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.router import Origin


class Site:
    def __init__(self, refusal: PeerError | None = None, limits: XmppLimits | None = None) -> None:
        self.asked: list[tuple[Any, Origin]] = []
        self._refusal = refusal
        self._limits = limits or XmppLimits()

    async def answer(self, document: Any, origin: Origin) -> Mapping[str, Any]:
        self.asked.append((document, origin))
        if self._refusal is not None:
            raise self._refusal
        return {"ready": True}

    def client(self) -> TestClient[Any, Any]:
        app = web.Application(client_max_size=64 * 1024)
        ConferenceRequests(self.answer, self._limits).add_to(app)
        return TestClient(TestServer(app))


async def test_who_asks_comes_with_its_token_and_address() -> None:
    site = Site()
    async with site.client() as client:
        answer = await client.post(
            f"{PATH}?room=plaza&token=of-somebody-else",
            json={"room": "plaza@conference.meet.example"},
            headers={"Authorization": "Bearer the.token.itself"},
        )

        assert answer.status == 200
        assert await answer.json() == {"ready": True}
    ((document, origin),) = site.asked
    assert document == {"room": "plaza@conference.meet.example"}
    assert (origin.token, origin.remote_ip, origin.room) == (
        "the.token.itself",
        "127.0.0.1",
        "plaza",
    )


@pytest.mark.parametrize(
    ("refusal", "status", "error"),
    [
        (NotAuthorized("no"), 403, "not-authorized"),
        (SessionInvalid(), 400, "400 invalid-session"),
        (RoomAndTokenMismatched(), 409, "not-allowed"),
        (ItemNotFound("no"), 404, "item-not-found"),
        (ResourceConstraint("no"), 429, "resource-constraint"),
        (ServiceUnavailable("no"), 503, "service-unavailable"),
        (BadRequest("no"), 400, "bad-request"),
    ],
)
async def test_a_refusal_is_told_by_status_and_text(
    refusal: PeerError, status: int, error: str
) -> None:
    async with Site(refusal).client() as client:
        answer = await client.post(PATH, json={})
        text = await answer.text()

    assert answer.status == status
    assert json.loads(text) == {"error": error, "text": str(refusal)}
    assert ("400 invalid-session" in text[1:]) == isinstance(refusal, SessionInvalid)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"{", 400), (b"[" * 60_000, 400), (b" " * 70_000, 413)]
)
async def test_what_is_no_json_goes_nowhere(body: bytes, status: int) -> None:
    site = Site()
    async with site.client() as client:
        answer = await client.post(PATH, data=body)

    assert answer.status == status
    assert site.asked == []


async def test_pages_of_other_origins_may_ask() -> None:
    async with Site().client() as client:
        answer = await client.options(PATH)

    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


async def test_one_address_may_ask_only_so_often() -> None:
    limits = XmppLimits(connections_per_ip_per_s=1, connections_per_ip_burst=2)
    async with Site(limits=limits).client() as client:
        statuses = [(await client.post(PATH, json={})).status for _ in range(3)]

    assert statuses == [200, 200, 429]
