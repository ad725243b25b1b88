"""COLIBRI2 over HTTP (reference bridge 6.1)."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import RunningServer
from tests.unit.bridge.recorder import Recorder
from tests.unit.test_monitoring import monitoring_url

from tertulia.bridge.rest import routes
from tertulia.bridge.videobridge import Videobridge
from tertulia.errors import MalformedInput
from tertulia.xmpp.colibri2 import ConferenceModify
from tertulia.xmpp.colibri2_json import request_element

Client = TestClient[web.Request, web.Application]
CONFERENCES = "/colibri/v2/conferences"
ANA: dict[str, Any] = {
    "create": True,
    "id": "ana",
    "stats-id": "Ana-1",
    "muc-role": "moderator",
    "medias": [
        {
            "type": "audio",
            "payload-types": [
                {
                    "name": "red",
                    "id": "112",
                    "channels": "2",
                    "clockrate": "48000",
                    "parameters": {"null": "111/111"},
                },
                {
                    "name": "opus",
                    "id": 111,
                    "channels": 2,
                    "clockrate": 48000,
                    "rtcp-fbs": [{"type": "transport-cc"}],
                },
            ],
            "rtp-hdrexts": [{"uri": "urn:ietf:params:rtp-hdrext:ssrc-audio-level", "id": 1}],
            "extmap-allow-mixed": True,
        }
    ],
    "transport": {"ice-controlling": True},
    "capabilities": ["source-names"],
}
NEW = {"meeting-id": "m", "name": "plaza@conference.x", "create": True, "endpoints": [ANA]}


@pytest.fixture
def bridge() -> Videobridge:
    return Videobridge(Recorder(), server_id="br1", public_netloc="meet.example")


@pytest.fixture
async def client(bridge: Videobridge) -> Any:
    app = web.Application()
    app.router.add_routes(routes(bridge, lambda: 0.0))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_a_conference_is_made_changed_shown_and_ended(
    client: Client, bridge: Videobridge
) -> None:
    answer = await client.post(f"{CONFERENCES}/", json=NEW)
    created = await answer.json()
    assert answer.status == 200
    (endpoint,) = created["endpoints"]
    ice = endpoint["transport"]["transport"]
    assert (endpoint["id"], ice["rtcp-mux"]) == ("ana", True)
    assert ice["web-sockets"][0].startswith("wss://meet.example/colibri-ws/br1/")
    assert ice["candidates"][0]["port"] == "10000"
    assert {source["id"] for source in created["sources"]} == {"jvb-a0", "jvb-v0"}
    (offer,) = bridge.conferences[0].endpoints["ana"].offers
    assert [each.name for each in offer.payload_types] == ["red", "opus"]
    assert offer.payload_types[0].parameters == (("", "111/111"),)

    sources = [
        {
            "type": "video",
            "id": "ana-v0",
            "sources": [{"ssrc": 21, "name": "ana-v0"}, {"ssrc": 31, "name": "ana-v0"}],
            "ssrc-groups": [{"semantics": "FID", "sources": [21, 31]}],
        }
    ]
    remote = {
        "ufrag": "peer",
        "pwd": "p" * 24,
        "fingerprints": [{"fingerprint": "AB:CD", "hash": "sha-256", "setup": "active"}],
    }
    order = {
        "id": "ana",
        "sources": sources,
        "transport": {"transport": remote},
        "force-mute": {"audio": True, "video": False},
        "initial-last-n": {"value": 3},
    }
    answer = await client.patch(f"{CONFERENCES}/m", json={"endpoints": [order]})
    assert (answer.status, await answer.json()) == (200, {})
    ana = bridge.conferences[0].endpoints["ana"]
    assert ana.video["ana-v0"].order.encodings == ((21, 31),)
    assert (ana.has_remote, ana.constraints.last_n) == (True, 3)

    shown = await (await client.get(f"{CONFERENCES}/m")).json()
    assert (shown["name"], shown["endpoints"][0]["sources"]) == ("plaza@conference.x", ["ana-v0"])
    assert [each["meeting-id"] for each in await (await client.get(CONFERENCES)).json()] == ["m"]
    speech = await client.get(f"{CONFERENCES}/m/dominant-speaker-identification")
    assert (await speech.json())["endpointsInLastNOrder"] == ["ana"]

    await client.patch(f"{CONFERENCES}/m", json={"expire": True})
    assert bridge.conferences == []


async def test_refusals_are_told_by_status_and_reason(client: Client) -> None:
    async def refused(method: str, path: str, body: object) -> tuple[int, str]:
        answer = await client.request(method, path, json=body)
        return answer.status, (await answer.json())["reason"]

    await client.post(CONFERENCES, json=NEW)
    one = f"{CONFERENCES}/m"
    relays = {"relays": [{"id": "r"}]}
    assert await refused("POST", CONFERENCES, NEW) == (409, "CONFERENCE_ALREADY_EXISTS")
    assert await refused("PATCH", f"{CONFERENCES}/x", {}) == (404, "CONFERENCE_NOT_FOUND")
    assert await refused("PATCH", one, relays) == (501, "FEATURE_NOT_IMPLEMENTED")
    assert await refused("PATCH", one, {"endpoints": 5}) == (400, "UNSPECIFIED")
    assert await refused("POST", CONFERENCES, {"meeting-id": "n"}) == (400, "UNSPECIFIED")
    assert (await client.get(f"{CONFERENCES}/x")).status == 404
    assert (await client.post(CONFERENCES, data=b"{")).status == 400


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "endpoints",
                        "id",
                        "medias",
                        "payload-types",
                        "parameters",
                        "transport",
                        "sources",
                        "candidates",
                        "ssrc-groups",
                        "capabilities",
                        "type",
                        "force-mute",
                        "name",
                    ]
                ),
                inner,
            )
        ),
        max_leaves=30,
    )
)
def test_any_body_is_an_order_or_our_error(body: object) -> None:
    with contextlib.suppress(MalformedInput):
        ConferenceModify.parse(request_element(body, "m"))


@pytest.mark.parametrize(("value", "status"), [("false", 404), ("true", 200)])
async def test_it_is_off_unless_switched_on(tmp_path: Path, value: str, status: int) -> None:
    server = await RunningServer.start(tmp_path, ("--set", f"bridge.rest={value}"))
    try:
        url = await monitoring_url(server, "bridge-local")
        page = f"{url}colibri/v2/conferences"
        async with aiohttp.ClientSession() as http, http.get(page) as answer:
            assert answer.status == status
    finally:
        await server.stop()
