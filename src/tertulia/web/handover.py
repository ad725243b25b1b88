"""Hands connections with media over to the bridge process (RFC 6544 on the HTTPS port).

Descriptors travel through a unix datagram socket that the bridge makes in the data folder, which
only we may enter. Nothing has been read from the connection: the bridge reads it from the start.
"""

from __future__ import annotations

import logging
import socket
import struct
from pathlib import Path

logger = logging.getLogger("tertulia.web")

# RFC 4571: two bytes of length; then a Binding request (RFC 8489 §5) with its magic cookie.
PREFIX_BYTES = 10
_LARGEST_FRAME = 2048
_BINDING_REQUEST = b"\x00\x01"
_COOKIE = b"\x21\x12\xa4\x42"


def may_be_media(first: bytes) -> bool:
    """Whether a connection that begins like this may be framed STUN: its first byte says so."""
    return bool(first) and first[0] <= _LARGEST_FRAME >> 8


def is_media(prefix: bytes) -> bool:
    """Whether these first `PREFIX_BYTES` are a framed Binding request."""
    length = int.from_bytes(prefix[:2], "big")
    return (
        len(prefix) == PREFIX_BYTES
        and 20 <= length <= _LARGEST_FRAME
        and prefix[2:4] == _BINDING_REQUEST
        and int.from_bytes(prefix[4:6], "big") == length - 20
        and prefix[6:10] == _COOKIE
    )


class Handover:
    """Gives connections to whoever has made the socket at `place`."""

    def __init__(self, place: Path) -> None:
        self._place = str(place)
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.setblocking(False)
        self._is_failing = False

    def give(self, connection: socket.socket) -> bool:
        """Give a connection away; ours is to be closed then, as it is when this says False."""
        try:
            self._sender.sendmsg(
                [b"tcp"],
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", connection.fileno()))],
                0,
                self._place,
            )
        except OSError as error:  # no bridge, or it is busy: browsers try again by themselves
            if not self._is_failing:
                logger.warning("Media over TCP finds no bridge: %s: %s", self._place, error)
            self._is_failing = True
            return False
        self._is_failing = False
        return True

    def close(self) -> None:
        self._sender.close()
