"""The shells over real sockets on the loopback: WebSocket and TCP, our client and hostile ones."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tertulia import certificates
from tertulia.certificates import Certificate
from tertulia.errors import ConfigError
from tertulia.xmpp.client import XmppClient
from tertulia.xmpp.credentials import Accounts, Credentials, LoginDomain
from tertulia.xmpp.errors import LoginFailed
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.router import Router
from tertulia.xmpp.services import DomainServices
from tertulia.xmpp.sessions import Sessions
from tertulia.xmpp.stanza import iq
from tertulia.xmpp.transports.pulse import Pulse
from tertulia.xmpp.transports.tcp import TcpListener
from tertulia.xmpp.transports.websocket import WebSocketEndpoint
from tertulia.xmpp.trust import Trust
from tertulia.xmpp.xml import Element

HOST = "meet.example"
AUTH = f"auth.{HOST}"
OPEN = f"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{HOST}' version='1.0'/>"
STREAM = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
WITHIN_S = 30.0


@dataclass
class Server:
    router: Router
    websocket: str
    tcp: str
    certificate: Certificate
    pulse: Pulse


@asynccontextmanager
async def serving(data: Path, limits: XmppLimits | None = None) -> AsyncIterator[Server]:
    router = Router()
    accounts = Accounts()
    accounts.add("bridge", "secret")
    credentials = Credentials.of(
        [LoginDomain(name=HOST, anonymous=True), LoginDomain(name=AUTH, accounts=accounts)]
    )
    for domain in (HOST, AUTH):
        router.serve(domain, DomainServices(router, domain).handle)
    certificate = certificates.kept(data, ["localhost"])
    sessions = Sessions(router, limits or XmppLimits())
    pulse = Pulse(sessions, limits or XmppLimits())
    endpoint = WebSocketEndpoint(
        router, credentials, domain=HOST, sessions=sessions, pulse=pulse, limits=limits
    )
    listener = TcpListener(
        router,
        credentials,
        domain=HOST,
        tls=certificate.server_context("xmpp-client"),
        limits=limits,
    )
    app = web.Application()
    app.router.add_get("/xmpp-websocket", endpoint.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(
        runner, "127.0.0.1", 0, ssl_context=certificate.server_context("http/1.1")
    ).start()
    tcp_port = await listener.listen("127.0.0.1", 0)
    port = runner.addresses[0][1]
    try:
        yield Server(
            router,
            f"wss://127.0.0.1:{port}/xmpp-websocket",
            f"xmpp://127.0.0.1:{tcp_port}",
            certificate,
            pulse,
        )
    finally:
        await endpoint.close()
        await listener.close()
        await runner.cleanup()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path) as running:
        yield running


def blind() -> ssl.SSLContext:
    return Trust.none().context("localhost")


@asynccontextmanager
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=blind(), limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@pytest.fixture(params=["websocket", "tcp"])
def url(request: pytest.FixtureRequest, server: Server) -> str:
    return str(getattr(server, request.param))


# Our client


async def test_a_bridge_logs_in_and_is_answered(server: Server, url: str) -> None:
    client = XmppClient()

    jid = await client.connect(
        url,
        domain=AUTH,
        user="bridge",
        password="secret",
        resource="one",
        trust=Trust.pinned(server.certificate.fingerprint),
    )
    answer = await client.request(iq("get", HOST, Element("ping", ns="urn:xmpp:ping")))

    assert str(jid) == f"bridge@{AUTH}/one"
    assert answer.get("type") == "result"
    await client.close()
    assert client.closed.done()
    assert server.router.session(jid) is None


async def test_a_guest_is_known_by_where_it_came_from(server: Server) -> None:
    client = XmppClient()
    jid = await client.connect(
        f"{server.websocket}?room=plaza&token=abc", domain=HOST, trust=Trust.none()
    )

    origin = server.router.origin(jid)

    assert origin is not None
    assert (origin.room, origin.token, origin.remote_ip) == ("plaza", "abc", "127.0.0.1")
    assert origin.host == server.websocket.split("/")[2]
    await client.close()


async def test_stanzas_reach_the_client(server: Server, url: str) -> None:
    arrived: asyncio.Queue[Element] = asyncio.Queue()
    client = XmppClient(arrived.put_nowait)
    jid = await client.connect(url, domain=HOST, trust=Trust.none())

    server.router.route(Element("message", {"to": str(jid), "from": HOST}, ns="jabber:client"))

    assert (await asyncio.wait_for(arrived.get(), WITHIN_S)).name == "message"
    await client.close()


@pytest.mark.parametrize(
    ("user", "password"), [("bridge", "wrong"), ("nobody", "secret"), ("focus", "")]
)
async def test_a_wrong_login_fails(url: str, user: str, password: str) -> None:
    with pytest.raises(LoginFailed):
        await XmppClient().connect(
            url, domain=AUTH, user=user, password=password or "x", trust=Trust.none()
        )


@pytest.mark.parametrize("trust", [Trust.system(), Trust.pinned("00" * 32)])
async def test_a_certificate_that_is_not_trusted_ends_it_before_the_login(
    server: Server, url: str, trust: Trust
) -> None:
    with pytest.raises(LoginFailed):
        await XmppClient().connect(url, domain=AUTH, user="bridge", password="secret", trust=trust)
    assert server.router.sessions == 0


async def test_nobody_is_trusted_blindly_from_afar() -> None:
    with pytest.raises(ConfigError):
        Trust.none().context("meet.example")
    with pytest.raises(ConfigError):
        await XmppClient().connect("ws://meet.example/", domain=HOST)
    with pytest.raises(ConfigError):
        await XmppClient().connect("http://meet.example/", domain=HOST)


async def test_the_newer_login_replaces_the_older(server: Server, url: str) -> None:
    old, new = XmppClient(), XmppClient()
    for client in (old, new):
        await client.connect(
            url, domain=AUTH, user="bridge", password="secret", resource="x", trust=Trust.none()
        )

    assert "conflict" in await asyncio.wait_for(old.closed, WITHIN_S)
    await new.request(iq("get", HOST, Element("ping", ns="urn:xmpp:ping")))
    await new.close()
    await old.close()


async def test_a_server_that_stops_says_so(tmp_path: Path) -> None:
    clients = [XmppClient(), XmppClient()]
    async with serving(tmp_path) as server:
        for client, each in zip(clients, (server.websocket, server.tcp), strict=True):
            await client.connect(each, domain=HOST, trust=Trust.none())

    for client in clients:
        assert "system-shutdown" in await asyncio.wait_for(client.closed, WITHIN_S)
        await client.close()


async def test_a_silent_server_is_noticed_by_its_client() -> None:
    """A server that accepts and logs in, and then says nothing more, is beyond our own parts;
    so the answers to pings are swallowed here."""
    router = Router()
    router.serve(HOST, lambda stanza: None)
    endpoint = WebSocketEndpoint(
        router, Credentials.of([LoginDomain(name=HOST, anonymous=True)]), domain=HOST
    )
    app = web.Application()
    app.router.add_get("/xmpp-websocket", endpoint.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = XmppClient(ping_interval_s=0.05, ping_timeout_s=0.05)
    await client.connect(
        f"ws://127.0.0.1:{runner.addresses[0][1]}/", domain=HOST, trust=Trust.none()
    )

    assert "ping" in await asyncio.wait_for(client.closed, WITHIN_S)
    await client.close()
    await endpoint.close()
    await runner.cleanup()


# Others


async def test_a_plain_get_is_answered_at_once(server: Server) -> None:
    async with http() as session, session.get(server.websocket.replace("wss", "https")) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_the_sub_protocol_is_required_and_echoed(server: Server) -> None:
    async with http() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(server.websocket)
        socket = await session.ws_connect(server.websocket, protocols=("xmpp",), compress=15)
        assert socket.protocol == "xmpp"
        assert not socket.compress
        await socket.close()


async def test_who_does_not_log_in_is_sent_away(tmp_path: Path) -> None:
    async with serving(tmp_path, XmppLimits(authenticate_s=0.1)) as server, http() as session:
        socket = await session.ws_connect(server.websocket, protocols=("xmpp",))
        await socket.receive_str()
        error = await socket.receive_str()
        assert "connection-timeout" in error
        await socket.close()

        host, port = server.tcp.removeprefix("xmpp://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert b"connection-timeout" in await asyncio.wait_for(reader.read(), WITHIN_S)
        writer.close()


async def test_nobody_is_sent_away_because_the_server_was_busy(tmp_path: Path) -> None:
    async with serving(tmp_path, XmppLimits(authenticate_s=0.5)) as server, http() as session:
        slow = await session.ws_connect(server.websocket, protocols=("xmpp",))
        host, port = server.tcp.removeprefix("xmpp://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await slow.send_str(OPEN)  # lies unread meanwhile
        writer.write(f"<stream:stream to='{HOST}' version='1.0' {STREAM}>".encode())

        time.sleep(1.0)  # noqa: ASYNC251  # the server serves somebody else

        assert "<open" in await slow.receive_str()
        assert "mechanisms" in await slow.receive_str()
        assert b"starttls" in await asyncio.wait_for(reader.readuntil(b"</stream:features>"), 5)
        assert "connection-timeout" in await slow.receive_str()  # now it is its own fault
        await slow.close()
        writer.close()


async def test_frames_of_every_size_arrive_in_their_order(server: Server) -> None:
    arrived: asyncio.Queue[Element] = asyncio.Queue()
    client = XmppClient(arrived.put_nowait)
    jid = await client.connect(server.websocket, domain=HOST, trust=Trust.none())
    sizes = [0, 1, *range(20, 90), 60_000, 66_000, 3, 300_000, 126]  # around the length's forms

    for size in sizes:
        body = Element("body", {}, "x" * (size - 1) + "é" * bool(size), ns="jabber:client")
        stanza = Element("message", {"to": str(jid), "from": HOST}, body, ns="jabber:client")
        server.router.route(stanza)

    for size in sizes:
        message = await asyncio.wait_for(arrived.get(), WITHIN_S)
        body = message.find("body")
        assert body is not None
        assert len(body.text) == size
    await client.close()


async def test_those_not_logged_in_wait_for_a_place(tmp_path: Path) -> None:
    limits = XmppLimits(unauthenticated_per_ip=1)
    async with serving(tmp_path, limits) as server, http() as session:
        first = await session.ws_connect(server.websocket, protocols=("xmpp",))
        second = asyncio.ensure_future(session.ws_connect(server.websocket, protocols=("xmpp",)))
        await first.send_str(OPEN)
        await first.receive_str()
        assert not second.done()

        await first.close()

        await (await asyncio.wait_for(second, WITHIN_S)).close()


async def test_too_many_connections_are_refused(tmp_path: Path) -> None:
    limits = XmppLimits(connections_per_ip_burst=1, connections_per_ip_per_s=0.001)
    async with serving(tmp_path, limits) as server, http() as session:
        first = await session.ws_connect(server.websocket, protocols=("xmpp",))
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(server.websocket, protocols=("xmpp",))
        assert refused.value.status == 429
        await first.close()

        host, port = server.tcp.removeprefix("xmpp://").split(":")
        await asyncio.open_connection(host, int(port))
        reader, _ = await asyncio.open_connection(host, int(port))
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), WITHIN_S) == b""


def note(stanza_id: str) -> Element:
    return Element("message", {"to": "note.example", "id": stanza_id}, ns="jabber:client")


async def test_who_says_much_at_once_does_not_hold_up_others(server: Server, url: str) -> None:
    heard: list[str] = []
    server.router.serve("note.example", lambda stanza: heard.append(stanza.get("id")))
    loud, quiet = XmppClient(), XmppClient()
    for client in (loud, quiet):
        await client.connect(url, domain=HOST, trust=Trust.none())

    for number in range(300):
        loud.send(note(f"l{number}"))
    quiet.send(note("q"))

    async with asyncio.timeout(WITHIN_S):
        while len(heard) < 301:  # noqa: ASYNC110  # it is the loop that is waited for
            await asyncio.sleep(0)
    assert heard.index("q") < 250
    assert [each for each in heard if each != "q"] == [f"l{number}" for number in range(300)]
    await loud.close()
    await quiet.close()


async def test_a_large_stanza_is_read_in_pieces_and_means_the_same(server: Server) -> None:
    heard: list[Element] = []
    server.router.serve("note.example", heard.append)
    client = XmppClient()
    await client.connect(server.websocket, domain=HOST, trust=Trust.none())
    many = Element("many", {"a": "x > 'y' & \"z\"" * 500}, *[Element("a") for _ in range(1500)])

    client.send(Element("message", {"to": "note.example"}, many, "é" * 50_000, ns="jabber:client"))

    async with asyncio.timeout(WITHIN_S):
        while not heard:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0)
    (found,) = heard[0].elements()
    assert found.attrs == many.attrs
    assert len(found.children) == 1500
    assert heard[0].text == "é" * 50_000
    await client.close()


@pytest.mark.parametrize(
    ("frame", "condition"),
    [
        ("<message xmlns='jabber:client'>" + "<a/>" * 3000 + "</message>", "policy-violation"),
        ("<message xmlns='jabber:client'>" + "x" * 9000, "not-well-formed"),
        ("<message xmlns='jabber:client'>" + "x" * 9000 + "<!-- --></message>", "restricted-xml"),
        ("<message xmlns='jabber:client'>" + "x" * 300_000 + "</message>", "policy-violation"),
    ],
)
async def test_a_large_stanza_that_is_wrong_ends_its_senders_stream(
    server: Server, frame: str, condition: str
) -> None:
    client = XmppClient()
    await client.connect(server.websocket, domain=HOST, trust=Trust.none())

    client._send_text(frame)

    reason = await asyncio.wait_for(client.closed, WITHIN_S)
    assert condition in str(reason)
    await client.close()


async def test_a_client_that_does_not_read_is_disconnected_and_leaves(tmp_path: Path) -> None:
    async with serving(tmp_path, XmppLimits(outgoing_bytes=200_000)) as server:
        gone: asyncio.Queue[Jid] = asyncio.Queue()
        server.router.unbound.append(gone.put_nowait)
        for each in (server.websocket, server.tcp):
            client = XmppClient()
            jid = await client.connect(each, domain=HOST, trust=Trust.none())
            stanza = Element("message", {"to": str(jid)}, "x" * 50_000, ns="jabber:client")
            for _ in range(500):  # more than the kernel's buffers take, in one go
                server.router.route(stanza)

            assert await asyncio.wait_for(gone.get(), WITHIN_S) == jid
            await asyncio.wait_for(client.closed, WITHIN_S)
            await client.close()


async def test_a_client_that_talks_and_does_not_read_is_disconnected_in_time(
    tmp_path: Path,
) -> None:
    limits = XmppLimits(silence_s=1e6, behind_s=30.0)
    async with serving(tmp_path, limits) as server:
        gone: asyncio.Queue[Jid] = asyncio.Queue()
        server.router.unbound.append(gone.put_nowait)
        client = XmppClient()
        jid = await client.connect(server.websocket, domain=HOST, trust=Trust.none())
        server.pulse._next = lambda loop: None  # type: ignore[method-assign]  # the test beats
        client._wire._socket._response.connection.transport.pause_reading()  # type: ignore[union-attr]
        stanza = Element("message", {"to": str(jid)}, "x" * 50_000, ns="jabber:client")
        for _ in range(18):  # more than its kernel takes, less than `outgoing_bytes`
            server.router.route(stanza)
        await asyncio.sleep(0)  # they leave together

        began = asyncio.get_running_loop().time()
        for half in range(1, 60):
            server.pulse.check(began + half / 2)
            assert gone.empty(), half
        for half in range(60, 70):
            server.pulse.check(began + half / 2)

        assert await asyncio.wait_for(gone.get(), WITHIN_S) == jid
        await client.close()


async def test_a_dead_tcp_client_is_noticed(tmp_path: Path) -> None:
    async with serving(tmp_path, XmppLimits(idle_ping_s=0.5)) as server:
        silent, alive = XmppClient(), XmppClient()
        for client in (silent, alive):
            await client.connect(server.tcp, domain=HOST, trust=Trust.none())
        silent._arrived = lambda stanza: None  # type: ignore[method-assign]  # as if it were dead

        await asyncio.wait_for(silent.closed, WITHIN_S)

        await alive.request(iq("get", HOST, Element("ping", ns="urn:xmpp:ping")))
        await alive.close()
        await silent.close()


async def test_a_silent_websocket_client_is_noticed(tmp_path: Path) -> None:
    limits = XmppLimits(quiet_ping_s=0.3, silence_s=1.0)
    async with serving(tmp_path, limits) as server, http() as session:
        alive = XmppClient()
        jid = await alive.connect(server.websocket, domain=HOST, trust=Trust.none())
        gone: asyncio.Queue[Jid] = asyncio.Queue()
        server.router.unbound.append(gone.put_nowait)

        silent = await session.ws_connect(server.websocket, protocols=("xmpp",), autoping=False)
        assert (await silent.receive(WITHIN_S)).type is aiohttp.WSMsgType.PING
        while (await silent.receive(WITHIN_S)).type is aiohttp.WSMsgType.PING:
            pass

        assert server.router.session(jid) is not None
        assert gone.empty()
        await alive.close()
        await silent.close()


async def test_a_flood_is_slowed_down(tmp_path: Path) -> None:
    limits = XmppLimits(stanzas_per_s=100, stanzas_burst_joining=10)
    async with serving(tmp_path, limits) as server:
        for each in (server.websocket, server.tcp):
            client = XmppClient()
            await client.connect(each, domain=HOST, trust=Trust.none())
            began = asyncio.get_running_loop().time()

            await asyncio.gather(
                *(
                    client.request(iq("get", HOST, Element("ping", ns="urn:xmpp:ping")))
                    for _ in range(40)
                )
            )

            # What came in one piece is served in one piece; who comes after it waits.
            await client.request(iq("get", HOST, Element("ping", ns="urn:xmpp:ping")))
            assert asyncio.get_running_loop().time() - began > 0.15
            await client.close()


async def test_a_flood_that_goes_on_ends_the_stream(tmp_path: Path) -> None:
    limits = XmppLimits(stanzas_per_s=100, stanzas_burst_joining=10, overload_s=0.1)
    async with serving(tmp_path, limits) as server:
        for each in (server.websocket, server.tcp):
            client = XmppClient()
            await client.connect(each, domain=HOST, trust=Trust.none())

            # What comes in one piece is one burst, however long; a flood goes on.
            async with asyncio.timeout(WITHIN_S):
                while not client.closed.done():
                    for _ in range(50):
                        client.send(Element("presence", ns="jabber:client"))
                    await asyncio.wait([client.closed], timeout=0.05)

            assert "policy-violation" in client.closed.result()
            await client.close()
