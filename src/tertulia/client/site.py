"""From the address of a meeting to the addresses a participant needs: `/config.js`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import ssl
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

import aiohttp

from tertulia.client.errors import JoinFailed
from tertulia.errors import ConfigError, MalformedInput
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.trust import Trust

_CONFIG_BYTES = 1024 * 1024
_NOT_IN_NODE = re.compile("[\"&'/:<>@?#\\\\]")
_TIMEOUT = aiohttp.ClientTimeout(total=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where one meeting is: its server's addresses and its room."""

    domain: str  # guests log in here
    focus: str
    web_socket: str
    room: Jid


@dataclass(frozen=True, slots=True)
class MeetingAddress:
    """`https://HOST[:PORT]/[TENANT/]ROOM`, taken apart."""

    host: str
    port: int
    base: str  # the server's root, without a slash at the end
    room: str  # as the web client spells it in addresses

    @classmethod
    def parse(cls, url: str) -> MeetingAddress:
        """Raises: ConfigError."""
        parts = urlsplit(url)
        folders, _, room = unquote(parts.path).rpartition("/")
        if parts.scheme != "https" or not parts.hostname or not room or folders:
            raise ConfigError(f"{url} is no meeting; write https://HOST[:PORT]/ROOM")
        folded = "-".join(unicodedata.normalize("NFKC", room).lower().split())
        node = quote(_NOT_IN_NODE.sub("", folded), safe="!()*~").lower()
        if not node:
            raise ConfigError(f"{url} names no room")
        return cls(parts.hostname, parts.port or 443, f"https://{parts.netloc}", node)


async def trust_for(address: MeetingAddress, verify: bool | str) -> Trust:
    """Whom to believe.

    Args:
        verify: True, the system's authorities; a SHA-256 fingerprint, that certificate alone;
            False, whatever certificate the server has at this moment, and then only that one.
    Raises: ConfigError for a fingerprint that is none; JoinFailed when there is no server.
    """
    if isinstance(verify, str):
        return Trust.pinned(verify)
    if verify:
        return Trust.system()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(15):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    except OSError as error:  # TimeoutError among them
        raise JoinFailed("page", f"{address.base} cannot be reached: {error}") from None
    tls = writer.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True)
    writer.close()
    return Trust.pinned(hashlib.sha256(certificate).hexdigest())


async def look_up(address: MeetingAddress, trust: Trust) -> Site:
    """Read the server's `/config.js`. Raises: JoinFailed."""
    tls: ssl.SSLContext | aiohttp.Fingerprint = trust.context(address.host)
    if trust.sha256 is not None:
        tls = aiohttp.Fingerprint(trust.sha256)
    url = f"{address.base}/config.js"
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as http,
            http.get(url, ssl=tls) as answer,
        ):
            if answer.status != 200:
                raise JoinFailed("page", f"{url} answers {answer.status}")
            text = (await answer.content.read(_CONFIG_BYTES)).decode(errors="replace")
    except (aiohttp.ClientError, OSError) as error:
        raise JoinFailed("page", f"{url} cannot be read: {error or type(error).__name__}") from None
    return read_config(text, address)


def read_config(script: str, address: MeetingAddress) -> Site:
    """What a participant needs of a `config.js`.

    Ours is an assignment of JSON. Others are JavaScript, so only the plain assignments of the keys
    needed are looked for, and what is absent follows Jitsi's conventions (`conference.`, `focus.`).
    Raises: JoinFailed when it names no domain.
    """
    domain = _value(script, "domain") or address.host
    muc = _value(script, "muc") or f"conference.{domain}"
    focus = _value(script, "focus") or f"focus.{domain}"
    web_socket = _value(script, "websocket")
    if web_socket is None:
        web_socket = f"wss://{address.base.removeprefix('https://')}/xmpp-websocket"
    elif web_socket.startswith("//"):
        web_socket = f"wss:{web_socket}"
    try:
        room = Jid.parse(f"{address.room}@{muc}")
    except MalformedInput as error:
        raise JoinFailed("page", str(error)) from None
    separator = "&" if "?" in web_socket else "?"
    return Site(
        domain=domain,
        focus=focus,
        web_socket=f"{web_socket}{separator}room={quote(address.room)}",
        room=room,
    )


def _value(script: str, key: str) -> str | None:
    """The string a key is set to, `key: 'text'` or `"key": "text"`."""
    found = re.search(
        rf"""(?m)^(?!\s*//).*?["']?\b{key}["']?\s*:\s*("(?:[^"\\]|\\.)*"|'[^'\\]*')""", script
    )
    if found is None:
        return None
    text = found[1]
    return str(json.loads(text)) if text.startswith('"') else text[1:-1]
