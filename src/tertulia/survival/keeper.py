"""Writes down what happens in meetings, soon after it did, and takes it back in the next process.

Whoever changes says so (`room_touched`, `part_touched`, `conference_touched`); what has changed is
found out and written a moment later, for all changes of that moment together. The more there is to
write, the longer the moments: `KeeperLimits.share` of the time at most goes into it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tertulia.focus import surviving
from tertulia.focus.conference import Conference
from tertulia.focus.service import Focus
from tertulia.rooms.occupant import Occupant
from tertulia.rooms.parts import Part, Parts
from tertulia.rooms.persons import Persons
from tertulia.rooms.room import Room
from tertulia.rooms.service import RoomService
from tertulia.survival import state_file
from tertulia.survival.sessions import KeptSessions
from tertulia.survival.state_file import StateFile, StateUnusable, keys_of
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.resumption import Resumable
from tertulia.xmpp.sessions import Sessions

logger = logging.getLogger("tertulia.survival")

ROOM, OCCUPANT, PART, SESSION = "room", "occupant", "part", "session"
CONFERENCE, PARTICIPANT = "conference", "participant"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperLimits:
    moment_s: float = 0.02  # changes of so long are written together
    participants: int = 32  # of one conference, written in one go; the others follow
    share: float = 0.05  # of a processor, at most, goes into writing
    beat_s: float = 5.0  # a state file says at least that often that it is of now
    oldest_s: float = 120.0  # an older one is of no use: nobody waits for us any more
    grace_s: float = 30.0  # who was here and has no session to take up leaves then


class Keeper:
    """Between the meetings of this process and the state file."""

    def __init__(
        self,
        path: Path,
        version: str,
        *,
        halls: Sequence[RoomService],
        parts: Parts,
        persons: Persons,
        focus: Focus,
        sessions: Sessions,
        keeps_session: Callable[[Jid], bool] = lambda jid: True,
        limits: KeeperLimits | None = None,
    ) -> None:
        """
        Args:
            halls: the services whose rooms are kept.
            keeps_session: whether a full JID shall find its session again; bridges log in anew.
        """
        self._path = path
        self._version = version
        self._halls = {each.domain: each for each in halls}
        self._parts = parts
        self._focus = focus
        self._persons = persons
        self._sessions = KeptSessions(path.with_suffix(".counts"), sessions, keeps_session)
        self._limits = limits or KeeperLimits()
        self._file = StateFile(version)
        self._rooms: dict[Jid, Room] = {}  # touched, by address
        self._touched_parts: dict[tuple[Jid, str], Room] = {}
        self._conferences: dict[Jid, Conference] = {}
        self._written: dict[tuple[str, str], Any] = {}  # what a row says: an occupant, or a hash
        self._signatures: dict[tuple[str, str], tuple[object, ...]] = {}
        self._of_room: dict[Jid, set[tuple[str, str]]] = {}  # rows of a room or conference
        self._timer: asyncio.TimerHandle | None = None
        self.is_due = False
        self._resting_until = 0.0
        self._grace: asyncio.TimerHandle | None = None
        self._to_tell: list[Callable[[], None]] = []  # once all is written
        self._cannot: set[str] = set()  # kinds of which something could not be written

    # -- life

    def start(self) -> None:
        """Take over what a former process left, and write down what happens from now on."""
        self._restore()
        self._file = StateFile.open(self._path, self._version)
        self._sessions.start(self._file, self)
        for hall in self._halls.values():
            hall.on_touched = self.room_touched
            for room in hall.rooms():
                self.room_touched(room)
                for part in self._parts:
                    self.part_touched(room, part.name)
        self._parts.on_touched = self.part_touched
        self._focus.watch(self.conference_touched)
        for conference in self._focus.conferences.values():
            self.conference_touched(conference)
        self.flush()

    def stop(self) -> None:
        """The process ends as it was told to: there is nothing to go on with."""
        self._let_go()
        state_file.forget(self._path)
        self._sessions.forget()

    def hand_over(self) -> None:
        """The process ends and the next one shall go on: write down all there is."""
        self.flush(whole=True)
        self._let_go()

    def _let_go(self) -> None:
        for timer in (self._timer, self._grace):
            if timer is not None:
                timer.cancel()
        for hall in self._halls.values():
            hall.on_touched = lambda room: None
        self._parts.on_touched = lambda room, part: None
        self._focus.watch(lambda conference: None)
        self._sessions.stop()
        self._file.close()

    # -- what has changed

    def room_touched(self, room: Room) -> None:
        self._rooms[room.jid] = room
        self._soon()

    def part_touched(self, room: Room, part: str) -> None:
        self._touched_parts[room.jid, part] = room
        self.room_touched(room)

    def conference_touched(self, conference: Conference) -> None:
        self._conferences[conference.room] = conference
        self._soon()

    # -- what clients are told (`Scribe`)

    def noting(self, kept: Resumable, tell: Callable[[], None]) -> None:
        """What a client hears that we have, it does not send again: so the next process has to have
        it too. All that came in one moment is written together."""
        if self._sessions.is_behind(kept):
            self._to_tell.append(tell)
            self._soon()
        else:
            tell()

    def note(self, kept: Resumable) -> None:
        if self._sessions.is_behind(kept):
            self.flush(whole=True)

    def _soon(self) -> None:
        if not self.is_due:
            self.is_due = True
            rest_s = self._resting_until - asyncio.get_running_loop().time()
            self._arm(max(self._limits.moment_s, rest_s))

    def _arm(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._moment)

    def _moment(self) -> None:
        self.flush()
        if self._of_room and not self.is_due:  # else what is left over is written soon
            self._arm(self._limits.beat_s)

    # -- writing

    def flush(self, *, whole: bool = False) -> None:
        """Write what has changed since the last time; `whole`: however many participants have."""
        began = time.thread_time()
        self._focus.settle()  # what it was told and has not looked at yet came before, too
        self.is_due = False
        conferences, self._conferences = self._conferences, {}
        rooms, self._rooms = self._rooms, {}
        parts, self._touched_parts = self._touched_parts, {}
        for room in rooms.values():
            self._flush_room(room)
        for (jid, name), room in parts.items():
            part = self._parts.part(name)
            if self._room(jid) is room and part is not None:
                state = part.dump(room)
                if state is None:
                    self._delete((PART, f"{jid}/{name}"))
                else:
                    self._put((PART, f"{jid}/{name}"), jid, state)
        for conference in conferences.values():
            self._flush_conference(conference, math.inf if whole else self._limits.participants)
        self._sessions.flush()
        self._file.commit()
        if not self._conferences:
            self._sessions.count()
            telling, self._to_tell = self._to_tell, []
            for tell in telling:
                tell()
        rest_s = (time.thread_time() - began) / self._limits.share
        self._resting_until = asyncio.get_running_loop().time() + rest_s
        if self._conferences:
            self._soon()

    def _room(self, jid: Jid) -> Room | None:
        hall = self._halls.get(jid.domain)
        return None if hall is None else hall.room(jid.node)

    def _flush_room(self, room: Room) -> None:
        if self._room(room.jid) is not room:
            if self._room(room.jid) is None:
                self._delete_all(room.jid, (ROOM, OCCUPANT, PART))
            return
        self._put((ROOM, str(room.jid)), room.jid, (room.jid, room.dump()))
        present = set()
        for occupant in room.occupants():
            key = (OCCUPANT, f"{room.jid}/{occupant.nick}")
            present.add(key)
            if self._written.get(key) is not occupant:
                machine = self._persons.machine_of(occupant.jid)
                self._put(key, room.jid, (occupant, machine))
                self._written[key] = occupant
        for key in [each for each in self._of_room.get(room.jid, ()) if each[0] == OCCUPANT]:
            if key not in present:
                self._delete(key, room.jid)

    def _flush_conference(self, conference: Conference, left: float) -> None:
        room = conference.room
        if self._focus.conferences.get(room) is not conference:
            if room not in self._focus.conferences:
                self._delete_all(room, (CONFERENCE, PARTICIPANT))
            return
        self._put((CONFERENCE, str(room)), room, surviving.dump(conference))
        present = set()
        for participant in conference.participants.values():
            key = (PARTICIPANT, f"{room}/{participant.nick}")
            present.add(key)
            signature = surviving.signature(conference, participant)
            if surviving.is_same(self._signatures.get(key), signature):
                continue
            if left <= 0:
                self._conferences[room] = conference
                break
            left -= 1
            self._signatures[key] = signature
            self._put(key, room, surviving.dump_participant(conference, participant))
        if left <= 0 and room in self._conferences:
            return  # who is gone is found when all have been looked at
        for key in [each for each in self._of_room.get(room, ()) if each[0] == PARTICIPANT]:
            if key not in present:
                self._delete(key, room)

    def _put(self, key: tuple[str, str], room: Jid, value: object) -> None:
        try:
            data = state_file.dumps(value)
        except Exception as error:  # something that cannot be pickled must not end a meeting
            if key[0] not in self._cannot:
                self._cannot.add(key[0])
                logger.exception("Not written down: %s %s: %s", *key, error)
            return
        digest = hash(data)
        if self._written.get(key) != digest:
            self._written[key] = digest
            self._of_room.setdefault(room, set()).add(key)
            self._file.put(*key, data)

    def _delete(self, key: tuple[str, str], room: Jid | None = None) -> None:
        self._signatures.pop(key, None)
        if self._written.pop(key, None) is not None:
            self._file.delete(*key)
        if room is not None and room in self._of_room:
            self._of_room[room].discard(key)

    def _delete_all(self, room: Jid, kinds: tuple[str, ...]) -> None:
        keys = self._of_room.get(room, set())
        for key in [each for each in keys if each[0] in kinds]:
            self._delete(key, room)
        if not keys:
            self._of_room.pop(room, None)

    # -- taking back

    def _restore(self) -> None:
        try:
            rows = state_file.read(self._path, self._version, oldest_s=self._limits.oldest_s)
        except FileNotFoundError:
            return
        except StateUnusable as error:
            logger.warning("Meetings of before are not gone on with: %s", error)
            return
        loop = asyncio.get_running_loop()
        sessions = self._sessions.restore(rows.get(SESSION, {}), loop.time() + self._limits.grace_s)
        rooms = self._restore_rooms(rows)
        conferences = self._restore_conferences(rows)
        if rooms or sessions:
            logger.info(
                "Meetings go on: rooms=%d conferences=%d sessions=%d",
                *(rooms, conferences, sessions),
            )
            self._grace = loop.call_later(self._limits.grace_s, self._end_grace)

    def _restore_rooms(self, rows: dict[str, dict[str, Any]]) -> int:
        restored: list[Room] = []
        for jid, state in rows.get(ROOM, {}).values():
            hall = self._halls.get(jid.domain)
            if hall is None:
                continue
            room = hall.new_room(jid)
            occupants: list[Occupant] = []
            for _, (occupant, machine) in keys_of(rows.get(OCCUPANT, {}), str(jid)):
                occupants.append(occupant)
                self._persons.asked(occupant.jid, machine)
            room.load(state, occupants)
            hall.restore(room)
            restored.append(room)
        for room in restored:
            for name, state in keys_of(rows.get(PART, {}), str(room.jid)):
                part = self._parts.part(name)
                if part is not None:
                    self._load_part(part, room, state)
        return len(restored)

    def _load_part(self, part: Part, room: Room, state: Any) -> None:
        try:
            part.load(room, state)
        except Exception:  # of another version, or a bug: the meeting goes on without it
            logger.exception("Not taken back: part=%s room=%s", part.name, room.jid)

    def _restore_conferences(self, rows: dict[str, dict[str, Any]]) -> int:
        found = 0
        for state in rows.get(CONFERENCE, {}).values():
            room = self._room(state.room)
            if room is None:
                continue
            people = keys_of(rows.get(PARTICIPANT, {}), str(state.room))
            here = [each for nick, each in people if room.occupant(nick) is not None]
            self._focus.restore(state, here)
            found += 1
        return found

    def _end_grace(self) -> None:
        """Those who had no session to take up, or whose client never came, are here no more."""
        self._grace = None
        for hall in self._halls.values():
            for room in hall.rooms():
                for occupant in room.occupants():
                    if not room.is_focus(occupant.jid) and not self._sessions.has(occupant.jid):
                        hall.left(occupant.jid)
