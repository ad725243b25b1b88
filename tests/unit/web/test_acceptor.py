"""The one port, with real sockets: it is sockets that are decided about."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia import certificates
from tertulia.errors import ConfigError
from tertulia.web.acceptor import Acceptor, AcceptorLimits, bind, peer_address, redirection
from tertulia.web.handover import Handover


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@contextlib.asynccontextmanager
async def accepting(
    data: Path, limits: AcceptorLimits | None = None, handover: Handover | None = None
) -> AsyncIterator[int]:
    context = certificates.kept(data, ("localhost",)).server_context()
    listeners = bind(["127.0.0.1"], 0, option="--port")
    acceptor = Acceptor(listeners, context, limits, handover)
    acceptor.start(Echo)
    try:
        yield listeners[0].getsockname()[1]
    finally:
        await acceptor.close()


async def test_tls_is_handed_over_with_its_first_byte(tmp_path: Path) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    async with accepting(tmp_path) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        writer.write(b"hola")

        assert await reader.readexactly(4) == b"hola"
        writer.close()


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (
            b"GET /plaza HTTP/1.1\r\nHost: meet.example:8443\r\n\r\n",
            b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://meet.example:8443/plaza\r\n",
        ),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n"),
        (b"\x00\x14stun", b""),
        (b"\x16nothing like a handshake", b""),  # begins like TLS, is none
    ],
)
async def test_others_get_a_word_or_the_door(tmp_path: Path, sent: bytes, answer: bytes) -> None:
    async with accepting(tmp_path) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        with contextlib.suppress(ConnectionResetError):
            got = await reader.read()
            assert got.startswith(answer) if answer else b"HTTP" not in got
        writer.close()


async def test_one_that_says_nothing_is_dropped(tmp_path: Path) -> None:
    limits = AcceptorLimits(first_byte_within_s=0.05)
    async with accepting(tmp_path, limits) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        assert await reader.read() == b""
        writer.close()


async def test_one_that_shakes_hands_and_asks_nothing_is_dropped(tmp_path: Path) -> None:
    trusting = ssl._create_unverified_context()
    limits = AcceptorLimits(first_request_within_s=0.05)
    async with accepting(tmp_path, limits) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)

        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_one_address_cannot_hold_all_places(tmp_path: Path) -> None:
    limits = AcceptorLimits(unfinished_per_address=2)
    async with accepting(tmp_path, limits) as port, asyncio.timeout(30):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        assert await reader.read() == b""
        for _, each in [*held, (reader, writer)]:
            each.close()


def test_a_taken_port_is_named_with_the_option_for_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}/tcp is taken.*--port"):
            bind(["127.0.0.1"], port, option="--port")


def test_a_foreign_address_is_named() -> None:
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1 is no address of this machine"):
        bind(["192.0.2.1"], 0, option="--port")


def test_all_addresses_get_one_port() -> None:
    listeners = bind(["127.0.0.1", "127.0.0.2"], 0, option="--port")

    assert len({each.getsockname()[1] for each in listeners}) == 1
    for each in listeners:
        each.close()


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
    ],
)
def test_limits_count_ipv6_by_its_network(text: str, counted: str) -> None:
    assert peer_address(text) == counted


@given(st.binary(max_size=3000))
def test_fuzz_any_request_gets_one_answer_without_bytes_of_its_own_making(request: bytes) -> None:
    head, _, body = redirection(request).partition(b"\r\n\r\n")

    assert body == b""
    assert head.split(b" ")[1] in (b"308", b"400")
    assert head.count(b"\r\n") <= 3
