"""How things stand, as everybody in a meeting is told (signalling reference 6.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tertulia.rooms.breakouts.commands import UPDATE
from tertulia.rooms.breakouts.meeting import Meeting
from tertulia.rooms.parts import people
from tertulia.rooms.persons import display_name
from tertulia.rooms.room import Room
from tertulia.xmpp.jid import Jid

RoomOf = Callable[[Jid], Room | None]


def update(meeting: Meeting, domain: str, room_of: RoomOf) -> dict[str, Any]:
    """The update message; stock clients look neither at `isOpen`, `now`, `closesAt` (both in ms
    since the epoch) nor at `assigned`."""
    main, plan = meeting.main, meeting.plan
    rooms: dict[str, Any] = {
        main.jid.node: {"isMainRoom": True, **_about(main.jid, main.subject, room_of)}
    }
    for node, name in plan.rooms.items():
        about = _about(Jid(node, domain), name, room_of)
        about["assigned"] = [
            each.nick for each in meeting.members.values() if plan.planned.get(each.person) == node
        ]
        rooms[node] = about
    found: dict[str, Any] = {
        "type": "breakout_rooms",
        "event": UPDATE,
        "roomCounter": plan.counter,
        "rooms": rooms,
        "isOpen": plan.is_open,
        "now": int(meeting.told_at * 1000),
    }
    if plan.closes_at is not None:
        found["closesAt"] = int(plan.closes_at * 1000)
    return found


def listeners(meeting: Meeting, domain: str, room_of: RoomOf) -> list[Jid]:
    """The real addresses of everybody in any room of the meeting."""
    rooms = map(room_of, (meeting.main.jid, *(Jid(node, domain) for node in meeting.plan.rooms)))
    return [each.jid for room in rooms if room is not None for each in people(room)]


def _about(jid: Jid, name: str, room_of: RoomOf) -> dict[str, Any]:
    room = room_of(jid)
    inside: dict[str, Any] = {}
    for each in people(room) if room is not None else ():
        if room is not None and room.is_hidden(each):
            continue  # its client is gone, as far as the others know
        about = {"jid": str(each.jid), "role": str(each.role)}
        if shown := display_name(each):
            about["displayName"] = shown
        inside[f"{jid}/{each.nick}"] = about
    return {"id": jid.node, "jid": str(jid), "name": name, "participants": inside}
