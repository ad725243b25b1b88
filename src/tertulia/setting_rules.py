"""What values of settings must satisfy beyond their type, in files and on command lines.

Beside `config` and not in it: a bridge has no configuration, and starts sooner without it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tertulia.ice_server import IceServer
from tertulia.public_address import EXPECTED, PublicAddress, split_port

_NAME = re.compile(
    r"(?=.{1,200}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?(:[0-9]{1,5})?")
_BRIDGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must satisfy beyond its type; `text` completes "expected ..."."""

    text: str
    holds: Callable[[Any], bool]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_advertised(text: str) -> bool:
    try:
        PublicAddress.parse(text)
    except ValueError:
        return False
    return True


def _is_ice_server(text: str) -> bool:
    try:
        IceServer.parse(text)
    except ValueError:
        return False
    return True


def _is_server(text: str) -> bool:
    try:
        host, _ = split_port(text)
    except ValueError:
        return False
    return _is_address(host) or _NAME.fullmatch(host) is not None


PORT = Rule("a port from 1 to 65535, or 0 for any free one", lambda v: 0 <= v <= 65535)
_MOST = 1_000_000_000  # more is a slip of the pen, and what computers count with has an end
NUMBER = Rule(f"a number from 0 to {_MOST}", lambda v: 0 <= v <= _MOST)
ICE_SERVERS = Rule(
    "addresses such as turn:turn.example.org:3478?transport=udp or turns:turn.example.org:443",
    lambda v: all(map(_is_ice_server, v)),
)
GRACE = Rule("a number of seconds from 1 to 3600", lambda v: 1 <= v <= 3600)
SECONDS = Rule("a number of seconds from 10 to 3600", lambda v: 10 <= v <= 3600)
CLAMD = Rule(
    "unix:/path or HOST:PORT",
    lambda v: not v or v.startswith("unix:/") or (":" in v and _is_server(v)),
)
HOURS = Rule("a number of hours from 1 to 24", lambda v: 1 <= v <= 24)
COUNT = Rule(f"a number from 1 to {_MOST}", lambda v: 1 <= v <= _MOST)
DAYS = Rule("a number of days from 1 to 36500", lambda v: 1 <= v <= 36_500)
DAYS_OR_NONE = Rule("a number of days from 0 to 36500", lambda v: 0 <= v <= 36_500)
SIGNED_IN = Rule("a number of hours from 1 to 8760", lambda v: 1 <= v <= 8760)
HOST = Rule(
    "a host name such as meet.example.org, or an IPv4 address",
    lambda v: _NAME.fullmatch(v) is not None,
)
ADDRESSES = Rule("IP addresses such as 0.0.0.0 or ::", lambda v: all(map(_is_address, v)))
LISTEN = Rule(
    "IP addresses such as 0.0.0.0 or ::, at least one", lambda v: v and all(map(_is_address, v))
)
ADDRESS = Rule("an IP address such as 127.0.0.1", _is_address)
ADVERTISED = Rule(f"public addresses such as {EXPECTED}", lambda v: all(map(_is_advertised, v)))
SERVERS = Rule(
    "servers such as stun.example.org or 203.0.113.9:3478", lambda v: all(map(_is_server, v))
)
COLOUR = Rule(
    "a colour such as #3341b4", lambda v: v == "" or re.fullmatch(r"#[0-9a-f]{6}", v) is not None
)
LINK = Rule(
    "an address such as https://example.org/help, mailto:help@example.org or /help.html",
    lambda v: v == "" or re.fullmatch(r"(https://|mailto:|/(?!/))[!-~]{1,500}", v) is not None,
)
KEYS_FROM = Rule(
    "an address such as https://app.example.org/keys",
    lambda v: (
        v == ""
        or re.fullmatch(
            r"https://[!-~]{1,500}|http://(localhost|127\.0\.0\.1)(:[0-9]+)?(/[!-~]{0,400})?", v
        )
        is not None
    ),
)
TEXT = Rule("at most 400 characters", lambda v: len(v) <= 400)
ORIGINS = Rule(
    "origins such as https://portal.example.org, or *",
    lambda v: all(each == "*" or _ORIGIN.fullmatch(each) for each in v),
)
SOME_PORT = Rule("a port from 1 to 65535, or 0 for none", lambda v: 0 <= v <= 65535)
SAME_PORT = Rule("a port from 1 to 65535, or 0 for the same", lambda v: 0 <= v <= 65535)
BRIDGE_NAME = Rule(
    "letters, digits, dots, hyphens, underscores (at most 64), such as br1",
    lambda v: _BRIDGE_NAME.fullmatch(v) is not None,
)
LINE = Rule(
    "one line of at most 80 characters", lambda v: len(v) <= 80 and (v.isprintable() or not v)
)
LONG_LINE = Rule(
    "one line of at most 500 characters", lambda v: len(v) <= 500 and (v.isprintable() or not v)
)


def one_of(*words: str) -> Rule:
    return Rule("one of " + ", ".join(words), lambda v: v in words)
