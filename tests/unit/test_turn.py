"""TURN servers and the credentials for them."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from tertulia import turn
from tertulia.errors import ConfigError
from tertulia.ice_server import IceServer

SECRET = "north-of-the-river"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("stun:stun.example.org", IceServer("stun", "stun.example.org", 3478, "udp")),
        ("turn:203.0.113.8:80", IceServer("turn", "203.0.113.8", 80, "udp")),
        ("turn:t.example?transport=tcp", IceServer("turn", "t.example", 3478, "tcp")),
        ("turns:t.example:443", IceServer("turns", "t.example", 443, "tcp")),
        ("turns:[2001:db8::8]:443", IceServer("turns", "2001:db8::8", 443, "tcp")),
        ("turns:t.example", IceServer("turns", "t.example", 5349, "tcp")),
    ],
)
def test_addresses_of_servers_are_read(uri: str, expected: IceServer) -> None:
    assert IceServer.parse(uri) == expected


@pytest.mark.parametrize(
    "uri",
    [
        *("", "turn:", "https://t.example", "turn:t.example:0", "turn:t.example?transport=sctp"),
        *("stun:t.example?transport=tcp", "turn:u@t.example", "turn:t.example:x"),
    ],
)
def test_what_is_no_server_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        IceServer.parse(uri)


def configured(tmp_path: Path, *servers: str, hours: int = 24) -> turn.Turn:
    file = tmp_path / "turn.secret"
    file.write_text(f"{SECRET}\n", encoding="ascii")
    return turn.configured(servers, file, hours)


def test_credentials_end_by_themselves_and_belong_to_one_name(tmp_path: Path) -> None:
    relays = configured(tmp_path, "turns:t.example:443", hours=2)

    (told,) = relays.services("ana", 1_790_000_000.9)

    assert told.username == "1790007200:ana"
    digest = hmac.new(SECRET.encode(), told.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(told.password) == digest
    assert told.expires == "2026-09-21T16:13:20Z"
    assert relays.services("bea", 1_790_000_000.9)[0].password != told.password


def test_stun_servers_need_no_credentials(tmp_path: Path) -> None:
    (told,) = turn.configured(["stun:t.example"], None, 24).services("ana", 0.0)

    assert (told.type, told.username, told.password, told.expires) == ("stun", "", "", "")


def test_a_turn_server_without_a_secret_is_the_operators_mistake() -> None:
    with pytest.raises(ConfigError, match=r"turn\.secret_file is not set"):
        turn.configured(["turn:t.example"], None, 24)


@pytest.mark.parametrize(("content", "mistake"), [("short\n", "shorter than"), (None, "be read")])
def test_a_secret_that_is_none_is_the_operators_mistake(
    tmp_path: Path, content: str | None, mistake: str
) -> None:
    file = tmp_path / "turn.secret"
    if content is not None:
        file.write_text(content, encoding="ascii")

    with pytest.raises(ConfigError, match=mistake):
        turn.configured(["turn:t.example"], file, 24)
