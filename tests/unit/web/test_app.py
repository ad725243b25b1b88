"""The web application over real HTTP, with doubles only for what XMPP and bridges would do."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from tertulia.web.app import application
from tertulia.web.client_config import ClientSettings, client_config
from tertulia.web.headers import security_headers
from tertulia.web.pages import Pages

Client = TestClient[web.Request, web.Application]


@dataclass
class Site:
    can_meet: bool = True
    channel_urls: dict[str, str] = field(default_factory=dict)
    ended: asyncio.Queue[int | None] = field(default_factory=asyncio.Queue)


async def xmpp_websocket(request: web.Request) -> web.Response:
    return web.Response(text="xmpp")


@pytest.fixture
def static(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>the page</title>")
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-abc.js").write_text("page()")
    for name in ("code-abc.wasm", "model-abc.tflite", "graph-abc.binarypb"):
        (tmp_path / "assets" / name).write_bytes(b"\0asm")
    (tmp_path.parent / "secret.txt").write_text("secret")
    return tmp_path


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site, static: Path) -> AsyncIterator[Client]:
    app = application(
        settings=ClientSettings(
            host="meet.example", site_name='A "site" </script>', p2p_enabled=True
        ),
        xmpp_websocket=xmpp_websocket,
        bosh=xmpp_websocket,
        channel_url=site.channel_urls.get,
        can_meet=lambda: site.can_meet,
        pages=Pages(static),
    )
    async with TestClient(TestServer(app)) as client:
        yield client


def parsed(script: str) -> dict[str, object]:
    value = json.loads(script.removeprefix("var config = ").removesuffix(";\n"))
    assert isinstance(value, dict)
    return value


async def test_config_js_leads_a_stock_client_to_the_name_it_used(client: Client) -> None:
    answer = await client.get("/config.js", headers={"Host": "10.0.0.7:8443"})

    config = parsed(await answer.text())
    assert config["hosts"] == {
        "domain": "meet.example",
        "muc": "conference.meet.example",
        "focus": "focus.meet.example",
    }
    assert config["websocket"] == "wss://10.0.0.7:8443/xmpp-websocket"
    assert config["p2p"] == {"enabled": True, "stunServers": []}
    assert config["bridgeChannel"] == {"preferSctp": False}
    assert config["disableThirdPartyRequests"] is True
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.content_type == "text/javascript"


async def test_config_js_tells_stock_clients_what_this_server_can_do(client: Client) -> None:
    text = await (await client.get("/config.js")).text()
    config = json.loads(text.removeprefix("var config = ").rstrip().removesuffix(";"))

    assert config["enableIceRestart"] is True
    assert config["enableOpusRed"] is False
    assert config["channelLastN"] == -1
    assert config["flags"] == {"ssrcRewritingEnabled": False}


def test_the_number_of_videos_is_told_to_clients() -> None:
    settings = ClientSettings(host="h", site_name="s", p2p_enabled=True, last_n=4)

    assert client_config(settings, "h")["channelLastN"] == 4


async def test_config_js_cannot_be_broken_out_of(client: Client) -> None:
    text = await (await client.get("/config.js")).text()

    assert "</script>" not in text
    assert parsed(text)["siteName"] == 'A "site" </script>'


@pytest.mark.parametrize("host", ["", "a b", "x/y", 'x"', "x;y", "a" * 300, "[::1", "h:99999999"])
async def test_a_malformed_host_is_refused(client: Client, host: str) -> None:
    assert (await client.get("/config.js", headers={"Host": host})).status == 400


@pytest.mark.parametrize("path", ["/", "/plaza", "/Plaza%20Mayor", "/%E4%BC%9A%E8%AD%B0"])
async def test_every_room_is_the_page(client: Client, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status, await answer.text()) == (200, "<title>the page</title>")
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/a%2Fb", "/%00", "/" + "x" * 300, "/.git", "/two/parts"])
async def test_what_no_room_can_be_called_is_not_found(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404


async def test_assets_are_kept_for_ever(client: Client) -> None:
    answer = await client.get("/assets/index-abc.js")

    assert await answer.text() == "page()"
    assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/assets/..%2Findex.html", "/assets/..%2F..%2Fsecret.txt", "/assets/none.js"]
)
async def test_only_assets_are_assets(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("code-abc.wasm", "application/wasm"),
        ("model-abc.tflite", "application/octet-stream"),
        ("graph-abc.binarypb", "application/octet-stream"),
    ],
)
async def test_models_and_their_code_have_the_types_browsers_ask_for(
    client: Client, name: str, content_type: str
) -> None:
    answer = await client.get(f"/assets/{name}")

    assert answer.content_type == content_type
    assert "immutable" in answer.headers["Cache-Control"]


async def test_files_beside_the_page_come_before_rooms(client: Client) -> None:
    assert await (await client.get("/icon.svg")).text() == "<svg/>"


async def test_search_engines_are_kept_out(client: Client) -> None:
    assert "Disallow: /" in await (await client.get("/robots.txt")).text()


@pytest.mark.parametrize("path", ["/", "/config.js", "/two/parts", "/healthz"])
async def test_every_answer_carries_the_security_headers(client: Client, path: str) -> None:
    headers = (await client.get(path, headers={"Host": "meet.example:8443"})).headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "connect-src 'self' wss://meet.example:8443" in policy
    # WebAssembly of our own may be compiled; nothing else that is unsafe.
    assert "script-src 'self' 'wasm-unsafe-eval'" in policy
    assert policy.count("unsafe") == 1
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "camera=(self)" in headers["Permissions-Policy"]


@pytest.mark.parametrize(
    ("embed", "ancestors"),
    [
        ((), "frame-ancestors 'self'"),
        (("https://a.example", "https://b.example:8443"), "'self' https://a.example https://b"),
        (("*",), "frame-ancestors 'self' *"),
    ],
)
def test_only_sites_the_operator_lists_may_show_us_in_a_frame(
    embed: tuple[str, ...], ancestors: str
) -> None:
    assert ancestors in security_headers("meet.example", embed)["Content-Security-Policy"]


async def test_health_follows_the_brewery(client: Client, site: Site) -> None:
    assert (await client.get("/about/health")).status == 200
    site.can_meet = False

    assert (await client.get("/about/health")).status == 503
    assert (await client.get("/healthz")).status == 200


async def test_without_a_built_client_the_page_says_so(tmp_path: Path) -> None:
    app = web.Application()
    Pages(tmp_path / "absent").add_to(app)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/plaza")

        assert answer.status == 503
        assert "make build" in await answer.text()


# The edge of the bridge channels


@pytest.fixture
async def bridge(site: Site) -> AsyncIterator[TestServer]:
    """A stand-in for a bridge's channel listener: real HTTP, but conferences of its own making."""

    async def channel(request: web.Request) -> web.StreamResponse:
        if request.query.get("pwd") != "right":
            raise web.HTTPForbidden
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(f"hello {request.path}")
        while (message := await socket.receive()).type is WSMsgType.TEXT:
            if message.data == "go away":
                await socket.close(code=1001)
            else:
                await socket.send_str(message.data.upper())
        ended.put_nowait(message.data)
        return socket

    ended = site.ended
    app = web.Application()
    app.router.add_get("/colibri-ws/br1/{conference}/{endpoint}", channel)
    async with TestServer(app) as server:
        site.channel_urls["br1"] = f"http://127.0.0.1:{server.port}"
        site.channel_urls["dead"] = "http://127.0.0.1:1"
        site.channel_urls["odd"] = "file:///etc/passwd"
        yield server


CHANNEL = "/colibri-ws/br1/0123456789abcdef/a1b2c3d4"


async def test_a_channel_is_relayed_both_ways(client: Client, bridge: TestServer) -> None:
    async with client.ws_connect(f"{CHANNEL}?pwd=right") as socket:
        assert await socket.receive_str() == f"hello {CHANNEL}"
        await socket.send_str("up")

        assert await socket.receive_str() == "UP"


async def test_the_bridges_close_code_reaches_the_client(
    client: Client, bridge: TestServer
) -> None:
    async with client.ws_connect(f"{CHANNEL}?pwd=right") as socket:
        await socket.receive_str()
        await socket.send_str("go away")

        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == WSCloseCode.GOING_AWAY


async def test_the_clients_close_code_reaches_the_bridge(
    client: Client, bridge: TestServer, site: Site
) -> None:
    async with client.ws_connect(f"{CHANNEL}?pwd=right") as socket:
        await socket.receive_str()
        await socket.close(code=4001)

    async with asyncio.timeout(30):
        assert await site.ended.get() == 4001


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{CHANNEL}?pwd=wrong", 403),
        (CHANNEL, 403),
        ("/colibri-ws/unknown/0123456789abcdef/a1b2c3d4?pwd=right", 404),
        ("/colibri-ws/dead/0123456789abcdef/a1b2c3d4?pwd=right", 502),
        ("/colibri-ws/odd/0123456789abcdef/a1b2c3d4?pwd=right", 502),
    ],
)
async def test_refusals_keep_their_status(
    client: Client, bridge: TestServer, path: str, status: int
) -> None:
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }

    assert (await client.get(path, headers=upgrade)).status == status


async def test_too_large_a_message_closes_the_channel(client: Client, bridge: TestServer) -> None:
    async with client.ws_connect(f"{CHANNEL}?pwd=right") as socket:
        await socket.receive_str()
        await socket.send_str("x" * (64 * 1024 + 1))

        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == WSCloseCode.MESSAGE_TOO_BIG


async def test_a_plain_get_on_a_channel_is_told_what_it_wants(client: Client) -> None:
    assert (await client.get(CHANNEL)).status == 426
