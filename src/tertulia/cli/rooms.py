"""tertulia rooms: list the meetings that go on now, with people and duration.

The running server is asked, on this machine. Exit status 1 when there is none, or no answer.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from tertulia.cli.asking import RoomInUse, ServerSilent, rooms_in_use
from tertulia.cli.settings import add_options, from_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """One line each, most people first."""
    config = from_options(args).config
    try:
        rooms = sorted(rooms_in_use(config), key=lambda each: (-_people(each), each.name))
    except ServerSilent as error:
        print(error, file=sys.stderr)
        return 1
    now_ms = time.time_ns() // 1_000_000
    if args.json:
        print(json.dumps([_as_json(each, now_ms) for each in rooms], indent=2))
        return 0
    if not rooms:
        print("nobody is in any room", file=sys.stderr)
        return 1
    lines = [("room", "people", "duration"), *(_cells(each, now_ms) for each in rooms)]
    widest = max(len(line[0]) for line in lines)
    for name, people, duration in lines:
        print(f"{name.ljust(widest)}  {people:>6}  {duration:>8}")
    return 0


def _people(room: RoomInUse) -> int:
    return room.people + room.in_breakouts


def _as_json(room: RoomInUse, now_ms: int) -> dict[str, object]:
    return {
        "room": room.name,
        "people": _people(room),
        "in_breakouts": room.in_breakouts,
        "duration_s": None if room.begun_ms is None else max(0, now_ms - room.begun_ms) // 1000,
    }


def _cells(room: RoomInUse, now_ms: int) -> tuple[str, str, str]:
    """Without a duration while somebody is alone and waits."""
    if room.begun_ms is None:
        return room.name, str(_people(room)), "-"
    minutes = max(0, now_ms - room.begun_ms) // 60_000
    return room.name, str(_people(room)), f"{minutes // 60}:{minutes % 60:02}"
