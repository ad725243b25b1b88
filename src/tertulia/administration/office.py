"""All rooms, people and bridges as administrators see them, and what they may do.

Nothing here asks who does it: `web.administration` does, before it calls. What is done goes the
ways on which rooms do it themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from tertulia.administration.direct import DirectSessions
from tertulia.administration.quality import Quality
from tertulia.administration.recent import Recent, Sample
from tertulia.errors import PeerError
from tertulia.focus.service import Focus
from tertulia.rooms.administration import Kick
from tertulia.rooms.ending import EndConference
from tertulia.rooms.occupant import Occupant, Role
from tertulia.rooms.parts import Parts, addresses, json_message, people
from tertulia.rooms.persons import display_name
from tertulia.rooms.room import Room
from tertulia.rooms.service import RoomService
from tertulia.usage.days import total
from tertulia.usage.keeping import Keeper
from tertulia.usage.part import Usage
from tertulia.usage.report import Month, days_of
from tertulia.xmpp.router import Router

log = logging.getLogger("tertulia.administration")

Json = dict[str, Any]


class Office:
    """`run` beside everything else, for the plots."""

    def __init__(
        self,
        *,
        rooms: RoomService,
        parts: Parts,
        focus: Focus,
        router: Router,
        usage: Usage,
        direct: DirectSessions,
        counts: Keeper,
        clock: Callable[[], float],
    ) -> None:
        """
        Args:
            clock: the focus' clock.
        """
        self._rooms = rooms
        self._parts = parts
        self._focus = focus
        self._router = router
        self._usage = usage
        self._direct = direct
        self._counts = counts
        self._clock = clock
        self._quality = Quality(focus)
        self._recent = Recent(self._sample)

    async def run(self) -> None:
        await self._recent.run()

    # What is seen

    def overview(self) -> Json:
        """Now, and the last hours: [ms since the epoch, people, meetings, stress] each minute."""
        now = self._sample()
        return {
            "now_ms": now.at_ms,
            "people": now.people,
            "meetings": now.meetings,
            "stress": now.stress,
            "recent": [
                [each.at_ms, each.people, each.meetings, each.stress]
                for each in self._recent.samples
            ],
            "bridges": self._bridges(),
        }

    def rooms(self) -> list[Json]:
        """Those that are open, most people first."""
        told = [self._told(room) for room in self._rooms.rooms()]
        return sorted(told, key=lambda each: (-each["people"], each["room"]))

    async def room(self, name: str) -> Json | None:
        """One room with everybody in it; None when it is not open."""
        main = self._rooms.room(name)
        if main is None:
            return None
        family = self._parts.family(main)
        qualities = [await self._quality.of(each.jid) for each in family]
        return self._told(main) | {
            "everybody": [
                self._person(main, room, occupant, quality)
                for room, quality in zip(family, qualities, strict=True)
                for occupant in people(room)
            ]
        }

    async def usage(self, month: str) -> Json:
        """A month that is one, with the months there are. Raises: StorageUnavailable."""
        days = (await self.month(month)).days
        whole = total(days.values())
        return {
            "month": month,
            "months": await self._counts.table.months(),
            "days": [
                [day, days[day].meetings, round(days[day].person_ms / 60_000)]
                if day in days
                else [day, 0, 0]
                for day in days_of(month)
            ],
            "meetings": whole.meetings,
            "rooms": whole.rooms,
            "participants": whole.participants,
            "person_minutes": round(whole.person_ms / 60_000),
            "peak_people": whole.peak_people,
            "peak_meetings": whole.peak_meetings,
            "longest_minutes": round(whole.longest_ms / 60_000),
            "sizes": whole.sizes,
        }

    async def month(self, name: str) -> Month:
        """Up to this moment. Raises: StorageUnavailable."""
        await self._counts.write()
        days = days_of(name)
        return Month(name, await self._counts.table.days(days[0], days[-1]))

    # What is done. Each returns whether there was what it is done to.

    def end(self, name: str, by: str) -> bool:
        """End a meeting for everybody, its breakout rooms included."""
        room, ending = self._rooms.room(name), self._parts.part(EndConference.name)
        if room is None or not isinstance(ending, EndConference):
            return False
        log.info("Meeting ended by an administrator: account=%s room=%s", by, room.jid)
        ending.end(room)
        return True

    def tell(self, name: str, text: str, by: str) -> bool:
        """A message to everybody in a meeting, shown as one of the server."""
        main = self._rooms.room(name)
        if main is None:
            return False
        log.info("Message of an administrator: account=%s room=%s", by, main.jid)
        said = {"type": "system_chat_message", "message": text}
        for room in self._parts.family(main):
            # Clients believe it only from the address of the room (signalling reference 4.9).
            self._parts.send(json_message(str(room.jid), said), addresses(people(room)))
        return True

    def remove(self, name: str, nick: str, by: str) -> bool:
        """Remove a person, as a moderator would."""
        main = self._rooms.room(name)
        for room in self._parts.family(main) if main is not None else ():
            occupant, hall = room.occupant(nick), self._parts.hall_of(room.jid)
            if occupant is None or hall is None or room.is_focus(occupant.jid):
                continue
            before = room.occupants()
            try:
                deliveries = room.kick(self._focus.jid, Kick(nick=nick))
            except PeerError as error:
                log.warning("Not removed: room=%s nick=%s reason=%s", room.jid, nick, error)
                return False
            log.info("Removed by an administrator: account=%s room=%s nick=%s", by, room.jid, nick)
            hall.carry_out(room, deliveries, before)
            return True
        return False

    async def drain(self, name: str, by: str, *, is_on: bool) -> bool:
        """Have a bridge take no new meetings, or take them again."""
        bridge = self._focus.brewery.by_name(name)
        if bridge is None:
            return False
        log.info("Bridge drained by an administrator: account=%s name=%s on=%s", by, name, is_on)
        return await self._quality.drain(bridge.jid, is_on=is_on)

    # Within

    def _sample(self) -> Sample:
        stress = [each.stress for each in self._focus.brewery.bridges]
        tally = self._usage.tally
        at_ms = self._usage.now_ms()
        return Sample(at_ms, self._people(), tally.running, round(max(stress, default=0.0), 3))

    def _people(self) -> int:
        return sum(room.people + len(room.elsewhere) for room in self._rooms.rooms())

    def _told(self, room: Room) -> Json:
        conference = self._focus.conferences.get(room.jid)
        bridge = conference.bridge if conference is not None else None
        return {
            "room": room.jid.node,
            "people": room.people + len(room.elsewhere),
            "in_breakouts": len(room.elsewhere),
            "begun_ms": self._usage.begun_ms(room) or room.created_ms,
            "bridge": "" if bridge is None else bridge.name,
            "has_password": bool(room.configuration.password),
            "has_lobby": room.configuration.members_only,
            "is_kept": room.kept is not None,
        }

    def _person(
        self,
        main: Room,
        room: Room,
        occupant: Occupant,
        quality: Mapping[str, Json] | None,
    ) -> Json:
        origin = self._router.origin(occupant.jid)
        return {
            "id": occupant.nick,
            "name": display_name(occupant),
            "account": occupant.admission.account,
            "role": "moderator" if occupant.role is Role.MODERATOR else "participant",
            "since_ms": self._usage.since_ms(main, occupant),
            "address": "" if origin is None else origin.remote_ip,
            "group": "" if room is main else room.subject or room.jid.node,
            "is_away": room.is_hidden(occupant),
            "is_direct": self._direct.is_direct(room, occupant.nick),
            "connection": None if quality is None else quality.get(occupant.nick),
        }

    def _bridges(self) -> list[Json]:
        now, brewery = self._clock(), self._focus.brewery
        return [
            {
                "name": each.name,
                "region": each.region,
                "version": each.version,
                "state": brewery.why_not(each, now),
                "is_draining": bool(each.stats) and each.is_draining,
                "stress": round(each.stress, 3),
                "people": _number(each.stats.get("participants", "")),
                "conferences": _number(each.stats.get("conferences", "")),
            }
            for each in brewery.bridges
        ]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
