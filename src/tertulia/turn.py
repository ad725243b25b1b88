"""TURN and STUN servers that clients are told of, with credentials made for the moment (XEP-0215).

The credentials are those of the draft "A REST API for Access to TURN Services", which coturn checks
with `use-auth-secret`: the user name says until when it may be used, the password is its HMAC under
a secret that only we and the TURN server know. No list of users is kept anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tertulia.errors import ConfigError
from tertulia.ice_server import IceServer
from tertulia.xmpp.services import ExternalService

LEAST_SECRET = 16


def credentials(secret: bytes, name: str, expires: int) -> tuple[str, str]:
    """User name and password that a TURN server with the same secret accepts.

    Args:
        name: whose they are; quotas of the TURN server count by it.
        expires: seconds since 1970 (UTC).
    """
    username = f"{expires}:{name}"
    digest = hmac.digest(secret, username.encode(), hashlib.sha1)  # the draft's choice
    return username, base64.b64encode(digest).decode("ascii")


@dataclass(frozen=True, slots=True)
class Turn:
    """The servers of the configuration."""

    servers: tuple[IceServer, ...]
    secret: bytes
    lifetime_s: int

    def services(self, name: str, now: float) -> Sequence[ExternalService]:
        """What to tell the user `name` at `now`, in seconds since 1970."""
        expires = int(now) + self.lifetime_s
        username, password = credentials(self.secret, name, expires)
        until = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return [
            ExternalService(type=s.type, host=s.host, port=s.port, transport=s.transport)
            if s.type == "stun"
            else ExternalService(
                type=s.type,
                host=s.host,
                port=s.port,
                transport=s.transport,
                username=username,
                password=password,
                expires=until,
            )
            for s in self.servers
        ]


def configured(servers: Sequence[str], secret_file: Path | None, lifetime_hours: int) -> Turn:
    """Raises: ConfigError when the secret is missing, unreadable or too short."""
    parsed = tuple(map(IceServer.parse, servers))
    secret = b""
    if secret_file is not None:
        try:
            secret = secret_file.read_bytes().strip()
        except OSError as error:
            raise ConfigError(
                f"turn.secret_file {secret_file}: cannot be read ({error.strerror}); it holds the "
                "static-auth-secret of the TURN server"
            ) from None
        if len(secret) < LEAST_SECRET:
            raise ConfigError(
                f"turn.secret_file {secret_file}: shorter than {LEAST_SECRET} characters; make one "
                "with `openssl rand -hex 32`"
            )
    elif any(each.type != "stun" for each in parsed):
        raise ConfigError(
            "turn.servers names TURN servers but turn.secret_file is not set; it holds the "
            "static-auth-secret of the TURN server"
        )
    return Turn(parsed, secret, lifetime_hours * 3600)
