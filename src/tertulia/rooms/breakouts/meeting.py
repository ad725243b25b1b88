"""Who is in which room of one meeting: the main room, its breakout rooms, or on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from tertulia.rooms.breakouts.limits import BreakoutLimits
from tertulia.rooms.breakouts.plan import Plan
from tertulia.rooms.parts import Timer
from tertulia.rooms.room import Room
from tertulia.xmpp.jid import Jid


@dataclass(slots=True, kw_only=True)
class Member:
    """Somebody of a meeting. Times are in seconds since the epoch."""

    jid: Jid  # the real full one
    nick: str
    person: str  # `Persons.key_of`
    name: str = ""
    where: Jid | None = None  # None: on the way
    until: float | None = None  # forgotten then, unless it has arrived somewhere
    is_sent: bool = False  # told to move, so its leaving is no walking out


class MemberState(msgspec.Struct, forbid_unknown_fields=True):
    jid: str
    nick: str
    person: str
    name: str = ""


class MeetingState(msgspec.Struct, forbid_unknown_fields=True):
    """What survives a restart. `members` are those who were in breakout rooms or on the way."""

    plan: dict[str, object]
    members: list[MemberState] = []


@dataclass(slots=True)
class Meeting:
    """A main room with its plan and its people."""

    main: Room
    plan: Plan
    members: dict[Jid, Member] = field(default_factory=dict)  # by bare JID
    doomed: dict[str, float] = field(default_factory=dict)  # rooms to destroy when
    told_at: float = 0.0
    tell_at: float | None = None
    timer: Timer | None = None

    def next_timeout(self) -> float | None:
        """When something is due at the latest."""
        times = [self.tell_at, self.plan.closes_at, *self.doomed.values()]
        times += [each.until for each in self.members.values()]
        return min((time for time in times if time is not None), default=None)

    def want_telling(self, now: float, limits: BreakoutLimits) -> None:
        """Everybody shall be told, not more often than the limit says."""
        if self.tell_at is None and not self.plan.is_blank:
            self.tell_at = max(now, self.told_at + limits.update_every_s)

    def arrive(self, jid: Jid, nick: str, person: str, name: str, where: Jid) -> Member:
        """Somebody has entered a room."""
        member = self.members.get(jid.bare)
        if member is None:
            if any(o.person == person and o.name != name for o in self.members.values()):
                person = f"{person}/{name}"  # two people at one browser
            member = Member(jid=jid, nick=nick, person=person)
            self.members[jid.bare] = member
        member.jid, member.nick, member.name = jid, nick, name
        member.where, member.until, member.is_sent = where, None, False
        return member

    def in_breakouts(self) -> list[Member]:
        """In their order of coming; with those on the way."""
        return [each for each in self.members.values() if each.where != self.main.jid]

    def dump(self) -> object:
        if self.plan.is_blank:
            return None
        members = [
            MemberState(jid=str(each.jid), nick=each.nick, person=each.person, name=each.name)
            for each in self.in_breakouts()
        ]
        return msgspec.to_builtins(MeetingState(plan=self.plan.dump(), members=members))

    def load(self, state: object, until: float) -> None:
        """Raises: msgspec.ValidationError, MalformedInput."""
        read = msgspec.convert(state, MeetingState)
        self.plan.load(read.plan)
        for each in read.members:
            jid = Jid.parse(each.jid)
            self.members[jid.bare] = Member(
                jid=jid, nick=each.nick, person=each.person, name=each.name, until=until
            )
