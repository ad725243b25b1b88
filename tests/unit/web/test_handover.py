"""Media on the HTTPS port: recognised by its first bytes, and given away unread."""

import asyncio
import socket
from pathlib import Path

import pytest
from tests.unit.web.test_acceptor import accepting

from tertulia.web.acceptor import AcceptorLimits
from tertulia.web.handover import PREFIX_BYTES, Handover, is_media, may_be_media

# A Binding request with one attribute of four bytes, framed (RFC 4571, RFC 8489).
REQUEST = bytes.fromhex("001c 0001 0008 2112a442") + bytes(12) + bytes.fromhex("80280004 00000000")


def test_a_framed_binding_request_is_media() -> None:
    assert may_be_media(REQUEST[:1])
    assert is_media(REQUEST[:PREFIX_BYTES])


@pytest.mark.parametrize(
    "prefix",
    [
        REQUEST[: PREFIX_BYTES - 1],
        REQUEST[:2] + b"\x01\x01" + REQUEST[4:PREFIX_BYTES],  # a response
        REQUEST[:6] + b"\x00" * 4,  # no magic cookie
        b"\x00\x13" + REQUEST[2:PREFIX_BYTES],  # the frame is shorter than a header
        b"\x00\x20" + REQUEST[2:PREFIX_BYTES],  # two lengths that disagree
    ],
)
def test_anything_else_is_not(prefix: bytes) -> None:
    assert not is_media(prefix)


def test_tls_and_http_are_never_taken_for_media() -> None:
    assert not may_be_media(b"\x16")
    assert not may_be_media(b"G")
    assert not may_be_media(b"")


async def until_closed(reader: asyncio.StreamReader) -> bool:
    """Whether the connection ended without a word; unread bytes make the end a reset."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def handed_over(place: socket.socket) -> socket.socket:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(place.fileno(), readable.set_result, None)
    await readable
    loop.remove_reader(place.fileno())
    _, (descriptor,), _, _ = socket.recv_fds(place, 16, 1)
    return socket.socket(fileno=descriptor)


@pytest.mark.parametrize("pieces", [(REQUEST,), (REQUEST[:1], REQUEST[1:5], REQUEST[5:])])
async def test_the_bridge_gets_the_connection_with_all_its_bytes(
    tmp_path: Path, pieces: tuple[bytes, ...]
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as place:
        place.bind(str(tmp_path / "media.sock"))
        place.setblocking(False)
        handover = Handover(tmp_path / "media.sock")
        async with accepting(tmp_path, handover=handover) as port, asyncio.timeout(30):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            with await handed_over(place) as taken:
                assert taken.recv(100) == REQUEST
                taken.send(b"answer")

                assert await reader.readexactly(6) == b"answer"
            writer.close()
        handover.close()


async def test_without_a_bridge_the_connection_is_closed(tmp_path: Path) -> None:
    handover = Handover(tmp_path / "nobody.sock")
    async with accepting(tmp_path, handover=handover) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)

        assert await until_closed(reader)
        writer.close()
    handover.close()


@pytest.mark.parametrize("sent", [b"\x00", REQUEST[:9]])
async def test_half_a_beginning_is_dropped_in_time(tmp_path: Path, sent: bytes) -> None:
    handover = Handover(tmp_path / "nobody.sock")
    limits = AcceptorLimits(first_byte_within_s=0.1)
    async with accepting(tmp_path, limits, handover) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)

        assert await until_closed(reader)
        writer.close()
    handover.close()
