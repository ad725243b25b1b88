"""The breakout component: obeys moderators, moves people, and tells everybody how things stand.

Its address is the MUC domain of the breakout rooms, too (signalling reference 6.5).
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, ClassVar

from tertulia.errors import PeerError
from tertulia.rooms.breakouts import commands as C
from tertulia.rooms.breakouts.doors import Doors
from tertulia.rooms.breakouts.limits import BreakoutLimits
from tertulia.rooms.breakouts.meeting import Meeting, Member
from tertulia.rooms.breakouts.moves import Moves
from tertulia.rooms.breakouts.plan import Plan
from tertulia.rooms.breakouts.telling import listeners, update
from tertulia.rooms.events import BANNED, KICKED, Disappeared
from tertulia.rooms.occupant import Affiliation, Occupant
from tertulia.rooms.parts import Part, addresses, json_message, people, require_moderator
from tertulia.rooms.persons import Persons, display_name
from tertulia.rooms.room import Room
from tertulia.rooms.switching import is_switching
from tertulia.xmpp.errors import BadRequest, ItemNotFound, NotAllowed
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

REMOVED = "Breakout room removed."  # as the stock component says it


class BreakoutRooms(Part):
    """All meetings with their breakout rooms."""

    name: ClassVar[str] = "breakout_rooms"
    features: tuple[str, ...] = ("http://jitsi.org/protocol/breakout_rooms#rename",)

    def __init__(
        self,
        domain: str,
        *,
        persons: Persons | None = None,
        limits: BreakoutLimits | None = None,
        chance: random.Random | None = None,
    ) -> None:
        super().__init__(domain)
        self._persons = persons or Persons()
        self._limits = limits or BreakoutLimits()
        self._chance = chance or random.SystemRandom()
        self._meetings: dict[Jid, Meeting] = {}  # by main room
        self._mains: dict[str, Jid] = {}  # breakout room -> main room
        self._farewell: Disappeared | None = None
        self._doors: Doors
        self._moves: Moves

    def added(self) -> None:
        self._doors = Doors(self.parts, self.domain)
        self._moves = Moves(self._doors, self._order)

    def may_hold(self, room: Jid, asked_by: Jid | None) -> None:
        """Whether a conference may be held in a breakout room because this one asks for it.

        Raises: ItemNotFound, NotPermitted.
        """
        main = self._mains.get(room.node)
        meeting = None if main is None else self._meetings.get(main)
        if meeting is None or room.node not in meeting.plan.rooms:
            raise ItemNotFound("no such breakout room")
        if asked_by is not None:
            meeting.main.may_visit(asked_by)

    # Notices

    def opened(self, room: Room) -> None:
        if room.jid.domain == self.domain:
            meeting = self._meeting_at(room.jid)
            if meeting is not None:
                room.main = meeting.main
                room.retitled(meeting.plan.rooms.get(room.jid.node, ""))

    def entered(self, room: Room, newcomer: Occupant) -> None:
        meeting = self._meeting_of(room)
        if meeting is None:
            return
        member = meeting.arrive(
            newcomer.jid,
            newcomer.nick,
            self._persons.key_of(newcomer),
            display_name(newcomer),
            room.jid,
        )
        if room is meeting.main:
            seat = meeting.plan.seats.get(member.person)
            if seat is not None:
                self._moves.send(member, self._doors.jid(seat))
        else:
            meeting.main.elsewhere[newcomer.jid.bare] = newcomer.nick
            if room.jid.node in meeting.plan.rooms:
                with suppress(PeerError):  # a full list: nobody asked
                    meeting.plan.sit(member.person, room.jid.node)
        self._changed(meeting)

    def changed(self, room: Room, before: Occupant, now: Occupant) -> None:
        meeting = self._meeting_of(room)
        if meeting is None or meeting.plan.is_blank:
            return
        member = meeting.members.get(now.jid.bare)
        if member is not None:
            member.name = display_name(now)
        if before.affiliation is not now.affiliation:
            self._doors.show_affiliations(meeting, but=room)
        if before.role is not now.role or display_name(before) != display_name(now):
            self._changed(meeting)

    def farewell(self, room: Room, gone: Disappeared) -> None:
        self._farewell = gone

    def left(self, room: Room, occupant: Occupant) -> None:
        gone, self._farewell = self._farewell, None
        meeting = self._meeting_of(room)
        if meeting is None:
            return
        member = meeting.members.get(occupant.jid.bare)
        if member is not None and member.where == room.jid:
            codes = gone.codes if gone is not None and gone.occupant.nick == occupant.nick else ()
            is_destroyed = gone is not None and gone.destroyed
            switches = gone is not None and is_switching(gone.children)
            if KICKED in codes or BANNED in codes:
                meeting.plan.assign(member.person, None)
                self._forget(meeting, member)
            elif room is meeting.main:
                if switches and not meeting.plan.is_blank:
                    self._on_the_way(member, self._limits.switching_s)
                else:
                    self._forget(meeting, member)
            else:
                if switches and not member.is_sent:
                    meeting.plan.stand_up(member.person)
                may_take = switches or is_destroyed
                self._on_the_way(
                    member, self._limits.switching_s if may_take else self._limits.gone_s
                )
        self._changed(meeting)

    def ended(self, room: Room) -> None:
        if room.jid.domain == self.domain:
            main = self._mains.get(room.jid.node)
            meeting = None if main is None else self._meetings.get(main)
            if meeting is not None:
                meeting.doomed.pop(room.jid.node, None)
            if meeting is None or room.jid.node not in meeting.plan.rooms:
                self._mains.pop(room.jid.node, None)
            return
        meeting = self._meetings.pop(room.jid, None)
        if meeting is None:
            return
        if meeting.timer is not None:
            meeting.timer.cancel()
        for node in [each for each, main in self._mains.items() if main == room.jid]:
            self._doors.close(node, room.ended_because, alternate="")
            self._mains.pop(node, None)

    # Commands

    def message(self, room: Room, sender: Occupant, stanza: Element) -> None:
        element = stanza.find("breakout_rooms", "*")
        meeting = self._meeting_of(room)
        if element is None or meeting is None:
            raise BadRequest("a command for breakout rooms was expected")
        require_moderator(sender)
        self._find_all(meeting)
        self._obey(meeting, sender, C.read(element))
        self._changed(meeting)

    def _obey(self, meeting: Meeting, sender: Occupant, command: C.Command) -> None:
        plan, now = meeting.plan, self.parts.clock()
        match command:
            case C.Add(name):
                self._mains[plan.add(name)] = meeting.main.jid
                meeting.main.has_breakouts = True
            case C.Remove(room):
                node = self._breakout(meeting, room)
                plan.remove(node)
                self._moves.back(meeting, [m for m in meeting.members.values() if m.where == room])
                self._doom(meeting, (node,))
            case C.Rename(room, name):
                node = self._breakout(meeting, room)
                plan.rename(node, name)
                self._doors.retitle(node, plan.rooms[node])
            case C.Move(jid, room):
                member = self._member(meeting, jid)
                if room == meeting.main.jid:
                    plan.stand_up(member.person)
                else:
                    node = self._breakout(meeting, room)
                    plan.assign(member.person, node)
                    plan.sit(member.person, node)
                self._moves.send(member, room)
            case C.Assign(jid, room):
                member = self._member(meeting, jid)
                plan.assign(member.person, None if room is None else self._breakout(meeting, room))
                self._moves.to_seats(meeting, (member,))
            case C.Shuffle(with_moderators):
                plan.shuffle(self._to_shuffle(meeting, with_moderators), self._chance)
                self._moves.to_seats(meeting, meeting.members.values())
            case C.Open(seconds):
                plan.open(self._until(seconds, now))
                meeting.doomed = {k: v for k, v in meeting.doomed.items() if k not in plan.rooms}
                self._moves.to_seats(meeting, meeting.members.values())
            case C.LimitTime(seconds):
                plan.limit_time(self._until(seconds, now))
            case C.Close():
                self._close(meeting)
            case C.CallBack(jid, room):
                self._call_back(meeting, jid, room)
            case C.Broadcast(text):
                self._broadcast(meeting, sender, text)

    def _call_back(self, meeting: Meeting, jid: Jid | None, room: Jid | None) -> None:
        called = meeting.in_breakouts()
        if jid is not None:
            called = [self._member(meeting, jid)]
        elif room is not None:
            self._breakout(meeting, room)
            called = [each for each in called if each.where == room]
        for member in called:
            meeting.plan.stand_up(member.person)
        self._moves.back(meeting, called)

    def _close(self, meeting: Meeting) -> None:
        meeting.plan.close()
        occupied = [each for each in meeting.plan.rooms if self._doors.room(each) is not None]
        self._moves.back(meeting, meeting.in_breakouts())
        self._doom(meeting, occupied)

    def _broadcast(self, meeting: Meeting, sender: Occupant, text: str) -> None:
        text = text.strip()
        if not text:
            raise BadRequest("there is nothing to tell")
        if len(text) > self._limits.breakout_message_characters:
            raise BadRequest("the message is too long (breakout_message_characters)")
        said = {
            "type": "system_chat_message",
            "message": text,
            "displayName": display_name(sender),
        }
        for node in meeting.plan.rooms:
            room = self._doors.room(node)
            if room is not None:
                # Clients believe it only from the address of the room (signalling reference 4.9).
                self.parts.send(json_message(str(room.jid), said), addresses(people(room)))

    def _to_shuffle(self, meeting: Meeting, with_moderators: bool) -> list[str]:
        return [
            each.person
            for each in meeting.members.values()
            if with_moderators
            or meeting.main.affiliation_of(each.jid).rank < Affiliation.ADMIN.rank
        ]

    def _until(self, seconds: int | None, now: float) -> float | None:
        if seconds is None:
            return None
        if seconds > self._limits.breakout_longest_s:
            raise BadRequest("that is too long (breakout_longest_s)")
        return now + seconds

    # Moving people

    def _order(self, whom: Jid, room: Jid) -> None:
        order = {"type": self.name, "event": C.MOVE_TO_ROOM, "roomJid": str(room)}
        self.tell((whom,), order)

    def _doom(self, meeting: Meeting, nodes: Iterable[str]) -> None:
        """Destroy rooms when those inside had the time to leave."""
        when = self.parts.clock() + self._limits.leave_within_s
        for node in nodes:
            if self._doors.room(node) is not None:
                meeting.doomed[node] = when
            elif node not in meeting.plan.rooms:
                self._mains.pop(node, None)

    def _on_the_way(self, member: Member, seconds: float) -> None:
        member.where, member.until = None, self.parts.clock() + seconds

    def _forget(self, meeting: Meeting, member: Member) -> None:
        """Somebody is no longer of the meeting."""
        meeting.members.pop(member.jid.bare, None)
        self._doors.forget_visitor(meeting, member.jid)

    # Telling

    def _changed(self, meeting: Meeting) -> None:
        meeting.want_telling(self.parts.clock(), self._limits)
        if not meeting.plan.is_blank:
            self.touched(meeting.main)
        self._arm(meeting)

    def _arm(self, meeting: Meeting) -> None:
        if meeting.timer is not None:
            meeting.timer.cancel()
            meeting.timer = None
        when = meeting.next_timeout()
        if when is not None and self._meetings.get(meeting.main.jid) is meeting:
            delay = max(0.0, when - self.parts.clock())
            meeting.timer = self.parts.later(delay, lambda: self._tick(meeting))

    def _tick(self, meeting: Meeting) -> None:
        now = self.parts.clock()
        meeting.timer = None
        closes_at = meeting.plan.closes_at
        if closes_at is not None and now >= closes_at:
            self._close(meeting)
            self._changed(meeting)
        for node in [each for each, when in meeting.doomed.items() if now >= when]:
            del meeting.doomed[node]
            self._doors.close(node, REMOVED, str(meeting.main.jid))
        if any(each.until is not None and now >= each.until for each in meeting.members.values()):
            self._find_all(meeting)
            for member in [m for m in meeting.members.values() if m.until and now >= m.until]:
                self._forget(meeting, member)
            self._changed(meeting)
        if meeting.tell_at is not None and now >= meeting.tell_at:
            meeting.tell_at, meeting.told_at = None, now
            told = update(meeting, self.domain, self.parts.room)
            self.tell(listeners(meeting, self.domain, self.parts.room), told)
        self._arm(meeting)

    # What survives

    def dump(self, room: Room) -> Any:
        if room.jid.domain == self.domain:
            main = self._mains.get(room.jid.node)
            return None if main is None else {"main": str(main)}
        meeting = self._meetings.get(room.jid)
        return None if meeting is None else meeting.dump()

    def load(self, room: Room, state: Any) -> None:
        if room.jid.domain == self.domain:
            main = Jid.parse(str(state["main"]))
            self._mains[room.jid.node] = main
            if main in self._meetings:
                room.main = self._meetings[main].main
            return
        meeting = self._meetings[room.jid] = Meeting(room, Plan(self._limits))
        meeting.load(state, self.parts.clock() + self._limits.switching_s)
        room.has_breakouts = not meeting.plan.is_blank
        for member in meeting.members.values():
            room.elsewhere.setdefault(member.jid.bare, member.nick)
        for node in meeting.plan.rooms:
            self._mains[node] = room.jid
            physical = self._doors.room(node)
            if physical is not None:
                physical.main = room
        self._find_all(meeting)  # who is here already did not enter before us
        self._arm(meeting)

    # Small questions

    def _meeting_of(self, room: Room) -> Meeting | None:
        """The meeting of a main room, made when there is none yet, or of a breakout room."""
        if room.jid.domain == self.domain:
            return self._meeting_at(room.jid)
        meeting = self._meetings.get(room.jid)
        if meeting is None or meeting.main is not room:
            meeting = self._meetings[room.jid] = Meeting(room, Plan(self._limits))
        return meeting

    def _meeting_at(self, room: Jid) -> Meeting | None:
        main = self._mains.get(room.node) if room.domain == self.domain else room
        return None if main is None else self._meetings.get(main)

    def _find_all(self, meeting: Meeting) -> None:
        """Those who are in rooms without having entered them before us: after a restart."""
        for room in self._doors.all_of(meeting):
            for each in people(room):
                member = meeting.members.get(each.jid.bare)
                if member is None or (member.where is None and member.until is not None):
                    key = self._persons.key_of(each) if member is None else member.person
                    meeting.arrive(each.jid, each.nick, key, display_name(each), room.jid)

    def _member(self, meeting: Meeting, jid: Jid) -> Member:
        member = meeting.members.get(jid.bare)
        if member is None:
            raise ItemNotFound("nobody of that address is in the meeting")
        return member

    def _breakout(self, meeting: Meeting, room: Jid) -> str:
        if room.domain != self.domain or room.resource:
            raise NotAllowed("that is not a breakout room")
        meeting.plan.known(room.node)
        return room.node
