"""Datagrams for the port of a bridge: nonsense, and what others said, once more."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct

_ETH_P_IP, _UDP = 0x0800, 17
_IP_MIN, _UDP_HEADER = 20, 8


def stun_binding(username: str) -> bytes:
    """A binding request with a user name nobody gave (RFC 8489 §5, §14.3)."""
    name = username.encode()
    padded = name + b"\0" * (-len(name) % 4)
    attribute = struct.pack("!HH", 0x0006, len(name)) + padded
    header = struct.pack("!HHI", 0x0001, len(attribute), 0x2112A442)
    return header + secrets.token_bytes(12) + attribute


def garbage() -> list[bytes]:
    rtp = struct.pack("!BBHII", 0x80, 100, 7, 1234, 0xDEADBEEF)
    return [
        b"",
        b"\x00",
        secrets.token_bytes(1400),
        stun_binding("nobody:noone"),
        stun_binding("x" * 600 + ":y"),
        stun_binding("nobody:noone")[:17],  # cut in the header
        rtp,  # RTP from an address that was never checked
        rtp[:7],
        struct.pack("!BBHI", 0x81, 206, 2, 1) + b"\xff" * 3,  # cut PLI
        bytes([22, 254, 253]) + secrets.token_bytes(200),  # DTLS out of nowhere
    ]


async def throw(address: tuple[str, int], times: int = 200) -> None:
    """Send all of it so often from a port of our own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
        attacker.setblocking(False)
        loop = asyncio.get_running_loop()
        for _ in range(times):
            for datagram in garbage():
                await loop.sock_sendto(attacker, datagram, address)


def may_forge() -> bool:
    """Whether this machine lets us listen to others' datagrams and send in their name."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_IP)).close()
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).close()
    except OSError:
        return False
    return True


async def overhear(address: tuple[str, int], count: int) -> list[bytes]:
    """That many IPv4 packets that others send to this UDP address over the loopback."""
    heard: list[bytes] = []
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP)) as ear:
        ear.bind(("lo", _ETH_P_IP))
        ear.setblocking(False)
        while len(heard) < count:
            packet = await loop.sock_recv(ear, 65535)
            start = (packet[0] & 15) * 4
            is_udp = len(packet) >= _IP_MIN + _UDP_HEADER and packet[9] == _UDP
            if is_udp and struct.unpack_from("!H", packet, start + 2)[0] == address[1]:
                heard.append(packet)
    return heard


async def say_again(packets: list[bytes], address: tuple[str, int]) -> None:
    """Each packet once more with its own sender, then with a bit changed, then as if from us."""
    loop = asyncio.get_running_loop()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as forger,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        for each in (forger, stranger):
            each.setblocking(False)
        for packet in packets:
            start = (packet[0] & 15) * 4
            datagram = packet[start + _UDP_HEADER :]
            await loop.sock_sendto(forger, without_checksum(packet), address)
            spoilt = bytearray(without_checksum(packet))
            spoilt[-1] ^= 1
            await loop.sock_sendto(forger, bytes(spoilt), address)
            await loop.sock_sendto(stranger, datagram, address)


def without_checksum(packet: bytes) -> bytes:
    """A UDP packet whose checksum says that there is none (RFC 768); on lo it was never made."""
    start = (packet[0] & 15) * 4
    return packet[: start + 6] + b"\0\0" + packet[start + 8 :]
