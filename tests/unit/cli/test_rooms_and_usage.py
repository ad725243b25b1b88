"""`tertulia rooms`, `tertulia usage` and the mark of administrators, as operators type them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tertulia.cli import main
from tertulia.storage.opening import open_storage
from tertulia.usage.days import Day
from tertulia.usage.table import SqlUsageTable
from tertulia.usage.tally import Counted


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERTULIA_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TERTULIA_MONITOR_PORT", "1")


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What the server says is in use."""
    told: list[dict[str, Any]] = []

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"rooms": told}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        monkeypatch.setenv("TERTULIA_MONITOR_PORT", str(server.server_port))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield told
        server.shutdown()
        thread.join()


def test_rooms_in_use_are_listed_most_people_first(
    rooms: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    begun_ms = int(time.time() * 1000) - 3_840_000
    rooms.append({"room": "plaza", "people": 1, "in_breakouts": 0, "begun_ms": None})
    rooms.append({"room": "hall", "people": 2, "in_breakouts": 3, "begun_ms": begun_ms})

    assert main(["rooms"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["room", "people", "duration"], ["hall", "5", "1:04"], ["plaza", "1", "-"]]

    assert main(["rooms", "--json"]) == 0
    hall, plaza = json.loads(capsys.readouterr().out)
    assert (hall["room"], hall["people"], hall["in_breakouts"]) == ("hall", 5, 3)
    assert 3840 <= hall["duration_s"] < 3900
    assert plaza["duration_s"] is None


def test_no_room_and_no_server_are_told_apart(
    rooms: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["rooms"]) == 1
    assert "nobody is in any room" in capsys.readouterr().err
    monkeypatch.setenv("TERTULIA_MONITOR_PORT", "1")
    assert main(["rooms"]) == 1
    assert "does not tell" in capsys.readouterr().err


def test_a_month_is_printed_and_written_as_csv(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def count() -> None:
        (tmp_path / "data").mkdir()
        opened = await open_storage("", tmp_path / "data")
        day = Day(meetings=2, participants=7, person_ms=5_400_000, longest_ms=3_900_000)
        marks = {"2026-11-03": {"a", "b"}}
        await SqlUsageTable(opened.database).add(Counted({"2026-11-03": day}, marks))
        await opened.database.close()

    asyncio.run(count())

    assert main(["usage", "--month", "2026-11"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        ["2026-11-03", "2", "2", "7", "1.5", "0", "1:05"],
        ["2026-11", "2", "2", "7", "1.5", "0", "1:05"],
    ]
    assert main(["usage", "--month", "2026-11", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert (len(rows), rows[2]["person_minutes"], rows[-1]["day"]) == (31, "90", "2026-11")
    assert main(["usage"]) == 0  # this month, and nothing in it
    assert main(["usage", "--month", "November"]) == 2
    assert "such as 2026-11" in capsys.readouterr().err


def test_an_administrator_is_named_and_no_longer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["user", "add", "ana", "--admin"]) == 0
    assert main(["user", "add", "bea"]) == 0
    assert main(["user", "admin", "bea", "on"]) == 0
    assert main(["user", "admin", "ana", "off"]) == 0
    capsys.readouterr()

    assert main(["user", "list"]) == 0
    ana, bea = capsys.readouterr().out.splitlines()
    assert not ana.endswith("administrator") and bea.endswith("\tadministrator")
    assert main(["user", "admin", "nobody", "on"]) == 2
    assert "there is no account nobody" in capsys.readouterr().err
