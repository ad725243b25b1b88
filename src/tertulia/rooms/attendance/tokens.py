"""Tokens for attendance lists: they say what they are for, sealed with a key of the site.

A list is fetched after the meeting too, perhaps from another process than the one that gave the
token; so that nothing has to be remembered of it, everything is in it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from binascii import Error as NotBase64

import msgspec

from tertulia.xmpp.errors import NotAuthorized

_SHORTEST, _LONGEST = 44, 8192  # characters: the seal, and what a name of a room may come to


class ListGrant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lists somebody may have, until when (seconds since the epoch)."""

    room: str  # the address of a main room
    meeting: str
    until: float
    earlier: bool = False  # also of the room's earlier meetings


class ListTokens:
    """Without a clock."""

    def __init__(self, secret: str = "") -> None:
        """`secret`: the same in the next process; "": tokens do not outlive this one."""
        self._key = hashlib.sha256(f"attendance\0{secret or secrets.token_hex()}".encode()).digest()

    def give(self, grant: ListGrant) -> str:
        text = msgspec.json.encode(grant)
        return base64.urlsafe_b64encode(self._seal(text) + text).decode()

    def read(self, token: str, now: float) -> ListGrant:
        """Raises: NotAuthorized."""
        refused = NotAuthorized("the token is not known here, or no longer")
        if not _SHORTEST <= len(token) <= _LONGEST:
            raise refused
        try:
            sealed = base64.b64decode(token.encode(), b"-_", validate=True)
        except (NotBase64, ValueError):
            raise refused from None
        seal, text = sealed[:32], sealed[32:]
        if not hmac.compare_digest(seal, self._seal(text)):
            raise refused
        grant = msgspec.json.decode(text, type=ListGrant)
        if now >= grant.until:
            raise refused
        return grant

    def _seal(self, text: bytes) -> bytes:
        return hmac.digest(self._key, text, "sha256")
