"""Personal links: a short-lived token of our own in the address of a room (`?jwt=`).

For people who cannot sign in and shall lead, or be known by name, all the same.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tertulia.accounts.tokens import OneKey, Origin, TokenRules, room_node, secret_key
from tertulia.errors import ConfigError

FILE_NAME = "links.secret"
KID = "tertulia-link"
ISSUER = "tertulia"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalLink:
    """For whom a link is, and for how long."""

    room: str
    name: str = ""
    id: str = ""
    email: str = ""
    moderator: bool = False
    valid_s: int = 7200


class LinkKey:
    """The key of the links of one server, kept in its data folder."""

    def __init__(self, secret: bytes, host: str) -> None:
        self._key = secret_key(secret, named=FILE_NAME)
        self._host = host

    @classmethod
    def kept(cls, data: Path, host: str) -> LinkKey:
        """Read the key, or make one at the first time. Raises: ConfigError."""
        file = data / FILE_NAME
        try:
            if not file.exists():
                _write(file, secrets.token_hex(32))
            return cls(file.read_text(encoding="ascii").strip().encode(), host)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text of ours"
            raise ConfigError(f"{file}: {reason}") from None

    @property
    def origin(self) -> Origin:
        """How its tokens are checked."""
        rules = TokenRules(issuers=(ISSUER,), audiences=(self._host,))
        return Origin(OneKey(self._key), rules)

    def token(self, link: PersonalLink, now: float) -> str:
        from joserfc import jwt  # noqa: PLC0415  # takes long to load

        user: dict[str, str | bool] = {"moderator": link.moderator}
        known = {"id": link.id, "name": link.name, "email": link.email}
        user |= {key: text for key, text in known.items() if text}
        claims = {
            "iss": ISSUER,
            "aud": self._host,
            "sub": self._host,
            "iat": int(now),
            "exp": int(now) + link.valid_s,
            "room": room_node(link.room),
            "context": {"user": user},
        }
        header = {"alg": self._key.algorithm, "typ": "JWT", "kid": KID}
        return jwt.encode(header, claims, self._key.key, algorithms=[self._key.algorithm])

    def url(self, site: str, link: PersonalLink, now: float) -> str:
        """`site` is the address of the start page, with its slash."""
        return f"{site}{quote(link.room)}?jwt={self.token(link, now)}"


def _write(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as new:
        new.write(text + "\n")
