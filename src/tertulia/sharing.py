"""What people share and leave behind in rooms, put together from the configuration."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tertulia.admitting import Kept
from tertulia.config import Config
from tertulia.rooms.attendance import Attendance
from tertulia.rooms.files import FileLimits, FileSharing
from tertulia.rooms.files.shelf import RUNS
from tertulia.rooms.parts import Parts
from tertulia.rooms.persons import Persons
from tertulia.rooms.polls import Polls
from tertulia.rooms.room import Room
from tertulia.storage.journal import Entry
from tertulia.web.attendance import AttendanceLists
from tertulia.web.files import Files
from tertulia.web.scanning import Clamd
from tertulia.xmpp.errors import ItemNotFound
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.services import ExternalService

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sharing:
    """The parts that people reach over HTTP, too."""

    attendance: Attendance
    files: FileSharing | None
    scanner: Clamd | None

    def token(self, service: str, jid: Jid) -> ExternalService:
        """A short-lived token (signalling reference 1.11). Raises: PeerError."""
        if service == FileSharing.name and self.files is not None:
            token, until = self.files.token_for(jid)
        elif service == Attendance.name:
            token, until = self.attendance.token_for(jid)
        else:
            raise ItemNotFound("there are no tokens for that")
        expires = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return ExternalService(
            type="short-lived-token",
            host=service,
            port=443,
            transport="https",
            username="token",
            password=token,
            expires=expires,
        )

    def routes(self) -> tuple[Files | AttendanceLists, ...]:
        """What serves them."""
        lists = AttendanceLists(self.attendance.fetched)
        return (lists,) if self.files is None else (lists, Files(self.files, self.scanner))


def of(config: Config, parts: Parts, persons: Persons, kept: Kept) -> Sharing:
    """Add the files to `parts`, and have what rooms leave behind noted down."""
    attendance, polls = parts.part(Attendance.name), parts.part(Polls.name)
    assert isinstance(attendance, Attendance)
    assert isinstance(polls, Polls)

    def note(room: Room, kind: str, content: dict[str, Any]) -> None:
        if room.kept is None:
            return  # nobody's room: nobody may read it later
        at_ms = time.time_ns() // 1_000_000
        kept.journal.note(
            Entry(
                room=room.jid.node,
                meeting=room.meeting_id,
                kind=kind,
                at_ms=at_ms,
                content=content,
            )
        )

    attendance.keep = lambda room, rows: note(room, "attendance", {"people": rows})
    polls.keep = lambda room, poll: note(room, "poll", poll)
    files = None
    if config.files.enabled:
        limits = FileLimits(
            file_bytes=config.files.max_mib * _MIB,
            room_bytes=config.files.room_mib * _MIB,
            all_bytes=config.files.total_mib * _MIB,
            refused_types=RUNS | {each.lower() for each in config.files.also_refused},
        )
        files = FileSharing(
            f"filesharing.{config.host}", config.data / "files", persons=persons, limits=limits
        )
        parts.add(files)
    return Sharing(attendance, files, Clamd(config.files.clamd) if config.files.clamd else None)
