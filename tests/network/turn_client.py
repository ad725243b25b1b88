"""A TURN client (RFC 8656) for asking a relay what it would relay to; nothing is relayed."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
import ssl
import struct
from collections.abc import Sequence

_HEADER = struct.Struct("!HHI12s")
_COOKIE = 0x2112A442
ALLOCATE, CREATE_PERMISSION, CHANNEL_BIND = 0x0003, 0x0008, 0x0009
_SUCCESS, _ERROR = 0x0100, 0x0110
_USERNAME, _INTEGRITY, _ERROR_CODE, _REALM, _NONCE = 0x0006, 0x0008, 0x0009, 0x0014, 0x0015
_CHANNEL, _PEER, _FAMILY, _TRANSPORT = 0x000C, 0x0012, 0x0017, 0x0019
_UDP = 17

Attribute = tuple[int, bytes]


class TurnClient:
    """One allocation of one user, by UDP, or by TLS when a context for that is given."""

    def __init__(
        self,
        server: tuple[str, int],
        username: str,
        password: str,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._is_stream = tls is not None
        kind = socket.SOCK_DGRAM if tls is None else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.settimeout(5)
        self._socket.connect(server)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname=server[0])
        self._user, self._password = username, password
        self._realm = self._nonce = b""

    def close(self) -> None:
        self._socket.close()

    def allocate(self, family: int) -> int:
        """Ask for a relay address of IP version 4 or 6; 0 when it was given, else the error."""
        wanted = [
            (_TRANSPORT, bytes([_UDP, 0, 0, 0])),
            (_FAMILY, bytes([1 if family == 4 else 2, 0, 0, 0])),
        ]
        self._ask(ALLOCATE, wanted)  # refused with realm and nonce (RFC 8489 §9.2)
        return self._ask(ALLOCATE, wanted)

    def permission(self, peer: str) -> int:
        """Whether packets may go to `peer`: 0 or the error code."""
        return self._ask(CREATE_PERMISSION, [(_PEER, b"address")], peer)

    def channel(self, number: int, peer: str) -> int:
        bound = struct.pack("!HH", number, 0)
        return self._ask(CHANNEL_BIND, [(_CHANNEL, bound), (_PEER, b"address")], peer)

    def _receive(self) -> bytes:
        if not self._is_stream:
            return self._socket.recv(2048)
        answer = self._exactly(_HEADER.size)
        return answer + self._exactly(_HEADER.unpack(answer)[1])

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            more = self._socket.recv(count - len(found))
            assert more, "the relay ended the connection"
            found += more
        return found

    def _ask(self, method: int, attributes: Sequence[Attribute], peer: str = "") -> int:
        transaction = secrets.token_bytes(12)
        said = [
            (kind, _xored(peer, transaction) if value == b"address" else value)
            for kind, value in attributes
        ]
        body = b"".join(_attribute(*each) for each in said)
        if self._nonce:
            user = (_USERNAME, self._user.encode()), (_REALM, self._realm), (_NONCE, self._nonce)
            body += b"".join(_attribute(*each) for each in user)
            head = _HEADER.pack(method, len(body) + 24, _COOKIE, transaction)
            secret = b":".join((self._user.encode(), self._realm, self._password.encode()))
            key = hashlib.md5(secret, usedforsecurity=False).digest()  # RFC 8489 §9.2.2
            body += _attribute(_INTEGRITY, hmac.digest(key, head + body, hashlib.sha1))
        self._socket.sendall(_HEADER.pack(method, len(body), _COOKIE, transaction) + body)
        while True:
            answer = self._receive()
            kind, _, _, its = _HEADER.unpack_from(answer)
            if its == transaction:
                break
        if kind == method | _SUCCESS:
            return 0
        assert kind == method | _ERROR
        found = dict(_attributes(answer[_HEADER.size :]))
        self._realm, self._nonce = found.get(_REALM, self._realm), found.get(_NONCE, self._nonce)
        code = found[_ERROR_CODE]
        return code[2] * 100 + code[3]


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def _attributes(body: bytes) -> list[Attribute]:
    found = []
    while len(body) >= 4:
        kind, size = struct.unpack_from("!HH", body)
        found.append((kind, body[4 : 4 + size]))
        body = body[4 + (size + 3) // 4 * 4 :]
    return found


def _xored(peer: str, transaction: bytes) -> bytes:
    """XOR-PEER-ADDRESS of an address, with a port of no meaning (RFC 8656 §18.3)."""
    address = ipaddress.ip_address(peer)
    key = struct.pack("!I", _COOKIE) + transaction
    family = 1 if address.version == 4 else 2
    plain = bytes(a ^ b for a, b in zip(address.packed, key, strict=False))
    return struct.pack("!BBH", 0, family, 9999 ^ (_COOKIE >> 16)) + plain
