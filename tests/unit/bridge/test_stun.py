"""The public address as a STUN server tells it (RFC 8489; vectors of RFC 5769)."""

import asyncio
import socket
import struct
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from tertulia.bridge import stun

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
IPV4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
IPV6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed41"
    "80280004c8fb0b4c"
)


def test_the_vectors_of_rfc_5769_are_read() -> None:
    assert stun.mapped_address(IPV4, TRANSACTION) == "192.0.2.1"
    assert stun.mapped_address(IPV6, TRANSACTION) == "2001:db8:1234:5678:11:2233:4455:6677"


def test_an_answer_to_somebody_else_is_none() -> None:
    assert stun.mapped_address(IPV4, bytes(12)) is None
    assert stun.mapped_address(stun.binding_request(TRANSACTION), TRANSACTION) is None


def test_a_shortened_answer_is_none() -> None:
    assert all(stun.mapped_address(IPV4[:end], TRANSACTION) is None for end in range(len(IPV4)))


@given(st.binary(max_size=80))
def test_whatever_a_server_says_is_an_address_or_none(rest: bytes) -> None:
    answer = struct.pack("!HHI12s", 0x0101, len(rest), 0x2112A442, TRANSACTION) + rest

    assert stun.mapped_address(answer, TRANSACTION) is None or rest


async def test_a_server_is_asked_and_a_silent_one_is_named() -> None:
    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.DatagramTransport", transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            mapped = struct.pack("!HHBBHI", 0x0020, 8, 0, 1, 0, 0xCB007107 ^ 0x2112A442)
            head = struct.pack("!HHI12s", 0x0101, len(mapped), 0x2112A442, data[8:20])
            self.transport.sendto(head + mapped, addr)

    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        silent = closed.getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        both = [("127.0.0.1", silent), ("127.0.0.1", port)]

        assert await stun.ask_any(both, "127.0.0.1") == ("203.0.113.7", "")
        address, reason = await stun.ask_any(both[:1], "127.0.0.1")
    finally:
        transport.close()
    assert address is None
    assert f"127.0.0.1:{silent}" in reason
