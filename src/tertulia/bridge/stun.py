"""Asks a STUN server (RFC 8489) how the internet sees an address of this machine.

Only servers that the operator named are asked; there is no default one. The answer is used for
its address: the media port has to be forwarded under its own number, or named in the configuration.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
import struct
from collections.abc import Sequence

_HEADER = struct.Struct("!HHI12s")
_REQUEST, _SUCCESS = 0x0001, 0x0101
_COOKIE = 0x2112A442
_XOR_MAPPED_ADDRESS = 0x0020
_TRIES_AFTER_S = (0.5, 1.0, 1.5)  # RFC 8489 §6.2.1, ended early: the next round asks again


def binding_request(transaction: bytes) -> bytes:
    return _HEADER.pack(_REQUEST, 0, _COOKIE, transaction)


def mapped_address(answer: bytes, transaction: bytes) -> str | None:
    """The XOR-MAPPED-ADDRESS of a success response to `transaction`; None of anything else."""
    if len(answer) < _HEADER.size:
        return None
    kind, length, cookie, its = _HEADER.unpack_from(answer)
    attributes = answer[_HEADER.size :]
    if (kind, cookie, its) != (_SUCCESS, _COOKIE, transaction) or length != len(attributes):
        return None
    while len(attributes) >= 4:
        attribute, size = struct.unpack_from("!HH", attributes)
        value = attributes[4 : 4 + size]
        if attribute == _XOR_MAPPED_ADDRESS and (value[1:2], len(value)) in (
            (b"\x01", 8),
            (b"\x02", 20),
        ):
            key = struct.pack("!I", _COOKIE) + transaction
            plain = bytes(a ^ b for a, b in zip(value[4:], key, strict=False))
            return str(ipaddress.ip_address(plain))
        attributes = attributes[4 + (size + 3) // 4 * 4 :]
    return None


async def ask(server: tuple[str, int], local: str) -> str | None:
    """How `server` sees `local`: an address, or None when it does not answer.

    Raises: OSError when its name cannot be resolved or it cannot be reached from `local`.
    """
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in local else socket.AF_INET
    found = await loop.getaddrinfo(*server, family=family, type=socket.SOCK_DGRAM)
    transaction = secrets.token_bytes(12)
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        probe.bind((local, 0))
        probe.connect(found[0][4])
        for wait_s in _TRIES_AFTER_S:
            await loop.sock_sendall(probe, binding_request(transaction))
            try:
                async with asyncio.timeout(wait_s):
                    while True:
                        answer = await loop.sock_recv(probe, 2048)
                        if (address := mapped_address(answer, transaction)) is not None:
                            return address
            except TimeoutError:
                continue
    return None


async def ask_any(servers: Sequence[tuple[str, int]], local: str) -> tuple[str | None, str]:
    """The first answer of several servers, and when there is none the reason of each."""
    reasons = []
    for host, port in servers:
        try:
            address = await ask((host, port), local)
        except OSError as error:
            reasons.append(f"{host}:{port}: {error.strerror or error}")
        else:
            if address is not None:
                return address, ""
            reasons.append(f"{host}:{port}: no answer")
    return None, "; ".join(reasons)
