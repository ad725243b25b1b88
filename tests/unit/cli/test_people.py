"""`tertulia user` and `tertulia room` as operators type them."""

from __future__ import annotations

import io
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tertulia.accounts.links import KID, LinkKey
from tertulia.accounts.tokens import Tokens
from tertulia.cli import main


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and a listener for operators that is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERTULIA_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TERTULIA_HOST", "meet.example")
    monkeypatch.setenv("TERTULIA_MONITOR_PORT", "1")


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_an_account_is_made_listed_and_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["user", "add", "Ana", "--display-name", "Ana López"]) == 0
    made = capsys.readouterr().out
    assert made.startswith("password of ana: ")
    assert len(made.split()[-1]) == 19

    typed(monkeypatch, "correct horse\n")
    assert main(["user", "add", "bea", "--password-stdin"]) == 0
    assert capsys.readouterr().out == ""

    assert main(["user", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[::2] for line in lines] == [["ana", "Ana López"], ["bea", "bea"]]

    assert main(["user", "password", "ana"]) == 0
    assert capsys.readouterr().out.split()[-1] != made.split()[-1]
    assert main(["user", "remove", "ana"]) == 0
    assert main(["user", "remove", "bea"]) == 0
    assert main(["user", "list"]) == 1
    assert "there are no accounts" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "password", "says"),
    [
        (["user", "add", "a b"], "", "cannot be the name of an account"),
        (["user", "add", "ana", "--password-stdin"], "short\n", "8 to 200 characters"),
        (["user", "remove", "nobody"], "", "there is no account nobody"),
        (["user", "password", "nobody"], "", "there is no account nobody"),
        (["room", "add", "plaza", "--owner", "nobody"], "", "there is no account nobody"),
        (["room", "add", "a/b"], "", "cannot be the name of a room"),
        (["room", "add", "p", "--chat-retention", "long"], "", "expected days, none, or meeting"),
        (["room", "add", "p", "--may-open", "owner"], "", "the room has no owner"),
        (["room", "add", "p", "--password-stdin"], "\n", "1 to 200 characters"),
        (["room", "set", "plaza", "--lobby"], "", "is not kept"),
        (["room", "remove", "plaza"], "", "is not kept"),
        (["room", "link", "plaza", "--valid", "soon"], "", "such as 90m, 2h or 7d"),
        (["room", "link", "plaza", "--valid", "32d"], "", "up to 31d"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    arguments: list[str],
    password: str,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed(monkeypatch, password)

    assert main(arguments) == 2

    assert says in capsys.readouterr().err


def test_rooms_are_kept_changed_and_listed_with_those_in_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["user", "add", "ana"]) == 0
    typed(monkeypatch, "sesame\n")
    assert main(["room", "add", "Plaza Mayor", "--owner", "ana", "--password-stdin"]) == 0
    assert main(["room", "add", "hall", "--lobby"]) == 0
    assert "has a lobby and no owner" in capsys.readouterr().err
    assert main(["room", "set", "plaza mayor", "--lobby", "--no-password"]) == 0
    assert main(["room", "set", "hall", "--no-lobby", "--chat-retention", "7"]) == 0

    assert main(["room", "list"]) == 1  # nobody tells which are in use
    said = capsys.readouterr()
    assert said.out == "hall\t?\tkept chat-retention=7\nplaza%20mayor\t?\tkept owner=ana lobby\n"
    assert "127.0.0.1:1/rooms" in said.err

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            rooms = [{"room": "hall", "people": 3}, {"room": "patio", "people": 2}]
            self.send_response(200 if self.path == "/rooms" else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"rooms": rooms}).encode())

        def log_message(self, *about: object) -> None:
            """Standard error is looked at."""

    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("TERTULIA_MONITOR_PORT", str(server.server_port))
        assert main(["room", "list"]) == 0
        server.shutdown()
    lines = [line.split("\t")[:2] for line in capsys.readouterr().out.splitlines()]
    assert lines == [["hall", "3"], ["patio", "2"], ["plaza%20mayor", "0"]]

    assert main(["room", "remove", "hall"]) == 0
    assert main(["user", "remove", "ana"]) == 2  # who owns a room stays


def test_a_link_leads_into_its_room(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wish = ["--moderator", "--name", "Ana", "--valid", "90m", "--port", "443"]
    assert main(["room", "link", "Plaza", *wish]) == 0

    url = urlsplit(capsys.readouterr().out.strip())
    token = parse_qs(url.query)["jwt"][0]
    key = LinkKey.kept(tmp_path / "data", "meet.example")
    found = Tokens({KID: key.origin}).admission(token, time.time())
    assert (url.scheme, url.netloc, url.path) == ("https", "meet.example", "/Plaza")
    assert (found.room, found.user["name"], found.moderates) == ("plaza", "Ana", True)
