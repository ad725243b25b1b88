"""What people share and leave behind in rooms, put together from the configuration."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tertulia.admitting import Kept
from tertulia.config import Config
from tertulia.rooms.attendance import Attendance, Earlier
from tertulia.rooms.files import FileLimits, FileSharing
from tertulia.rooms.files.shelf import RUNS
from tertulia.rooms.inviting import Inviting
from tertulia.rooms.keeping_chat import KeepingChat
from tertulia.rooms.parts import Parts
from tertulia.rooms.persons import Persons
from tertulia.rooms.polls import Polls
from tertulia.rooms.room import Room
from tertulia.storage.errors import StorageUnavailable
from tertulia.storage.journal import Entry
from tertulia.web.attendance import AttendanceLists
from tertulia.web.files import Files
from tertulia.web.scanning import Clamd
from tertulia.xmpp.errors import ItemNotFound
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.services import ExternalService

log = logging.getLogger("tertulia.rooms")

_MIB = 1024 * 1024
_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Sharing:
    """The parts that people reach over HTTP, too."""

    attendance: Attendance
    inviting: Inviting
    files: FileSharing | None
    scanner: Clamd | None

    def token(self, service: str, jid: Jid) -> ExternalService:
        """A short-lived token (signalling reference 1.11). Raises: PeerError."""
        if service == FileSharing.name and self.files is not None:
            token, until = self.files.token_for(jid)
        elif service == Attendance.name:
            token, until = self.attendance.token_for(jid)
        elif service == Inviting.name:
            token, until = self.inviting.token_for(jid)
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
        lists = AttendanceLists(self.attendance)
        return (lists,) if self.files is None else (lists, Files(self.files, self.scanner))


def of(
    config: Config,
    parts: Parts,
    persons: Persons,
    kept: Kept,
    sign_link: Callable[[str, int, float], str],
) -> Sharing:
    """Add the files to `parts`, and have what rooms leave behind noted down.

    Args:
        sign_link: as `Inviting` has it.
    """
    attendance, polls = parts.part(Attendance.name), parts.part(Polls.name)
    assert isinstance(attendance, Attendance)
    assert isinstance(polls, Polls)

    def note(room: Room, kind: str, content: dict[str, Any], at_ms: int = 0) -> None:
        if room.kept is None:
            return  # nobody's room: nobody may read it later
        at_ms = at_ms or time.time_ns() // 1_000_000
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
    _keep_chat(parts, kept, note)
    _recall_polls(polls, kept)
    _recall_attendance(attendance, kept)
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
    scanner = Clamd(config.files.clamd) if config.files.clamd else None
    return Sharing(attendance, Inviting(parts, sign_link), files, scanner)


def _keep_chat(
    parts: Parts, kept: Kept, note: Callable[[Room, str, dict[str, Any], int], None]
) -> None:
    """Chat of rooms that keep it for days goes into the journal, and comes back from there."""
    chat = parts.part(KeepingChat.name)
    assert isinstance(chat, KeepingChat)
    recalling: set[asyncio.Task[None]] = set()

    async def recall(room: Room, days: int) -> None:
        since_ms = time.time_ns() // 1_000_000 - days * _DAY_MS
        try:
            await kept.journal.written()
            entries = await kept.journal.read(room.jid.node, "chat", since_ms=since_ms)
        except StorageUnavailable as error:
            log.error("Chat of before is not shown: room=%s reason=%s", room.jid, error)
            return
        chat.recalled(room, [each.content for each in entries])

    def begin(room: Room, days: int) -> None:
        task = asyncio.get_running_loop().create_task(recall(room, days))
        recalling.add(task)
        task.add_done_callback(recalling.discard)

    chat.keep = lambda room, line: note(room, "chat", line, line["at_ms"])
    chat.recall = begin


def _recall_polls(polls: Polls, kept: Kept) -> None:
    """The polls of earlier meetings come back from the journal for those who lead the room."""
    recalling: set[asyncio.Task[None]] = set()

    async def recall(room: Room) -> None:
        try:
            await kept.journal.written()
            entries = await kept.journal.read(
                room.jid.node, "poll", newest=polls.limits.polls_recalled
            )
        except StorageUnavailable as error:
            log.error("Polls of before are not shown: room=%s reason=%s", room.jid, error)
            return
        polls.recalled(room, [(each.at_ms, each.content) for each in entries])

    def begin(room: Room) -> None:
        if room.kept is None:
            return
        task = asyncio.get_running_loop().create_task(recall(room))
        recalling.add(task)
        task.add_done_callback(recalling.discard)

    polls.recall = begin


def _recall_attendance(attendance: Attendance, kept: Kept) -> None:
    """The lists of earlier meetings are read from the journal when somebody asks for them."""

    async def recall(room: Jid, meeting: str) -> list[Earlier]:
        if kept.rooms.room(room.node) is None:
            return []
        entries = await kept.journal.read(
            room.node, "attendance", meeting=meeting, newest=attendance.limits.attendance_recalled
        )
        return [Earlier(each.meeting, each.at_ms, each.content["people"]) for each in entries]

    attendance.recall = recall


async def purging(config: Config, kept: Kept, *, every_s: float = 3600.0) -> None:
    """Delete from the journal what has been kept long enough, until cancelled."""
    while True:
        now_ms = time.time_ns() // 1_000_000
        try:
            deleted = await kept.journal.forget(
                ("poll", "attendance"), before_ms=now_ms - config.keep.records_days * _DAY_MS
            )
            for name in kept.rooms.names():
                room = kept.rooms.room(name)
                days = room.chat_days if room is not None else 0
                deleted += await kept.journal.forget(
                    ("chat",), room=name, before_ms=now_ms - days * _DAY_MS
                )
            if deleted:
                log.info("The journal of rooms was purged: entries=%d", deleted)
        except StorageUnavailable as error:
            log.error("The journal of rooms cannot be purged: %s", error)
        await asyncio.sleep(every_s)
