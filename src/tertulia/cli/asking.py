"""What commands ask the running server, at its pages for operators."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from tertulia.config import Config
from tertulia.errors import TertuliaError


class ServerSilent(TertuliaError):
    """The server does not run, or serves no pages for operators here."""


@dataclass(frozen=True, slots=True)
class RoomInUse:
    name: str
    people: int
    in_breakouts: int  # people in its breakout rooms
    begun_ms: int | None  # when the second person came


def rooms_in_use(config: Config) -> list[RoomInUse]:
    """Raises: ServerSilent."""
    host = config.monitor.listen
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    netloc = f"[{host}]" if ":" in host else host
    url = f"http://{netloc}:{config.monitor.port}/rooms"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # our own address
            rooms = json.load(answer)["rooms"]
        return [
            RoomInUse(
                name=str(each["room"]),
                people=int(each["people"]),
                in_breakouts=int(each.get("in_breakouts", 0)),
                begun_ms=each.get("begun_ms"),
            )
            for each in rooms
        ]
    except (OSError, urllib.error.URLError, ValueError, KeyError, TypeError) as error:
        raise ServerSilent(
            f"the server does not tell which rooms are in use: {url}: {error}"
        ) from None
