"""The control process' pages for operators: who is here, what is refused, is a meeting possible."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from tertulia import __version__
from tertulia.focus import figures
from tertulia.focus.service import Focus
from tertulia.metrics import Family, counter, counters, gauge
from tertulia.monitoring import Health, Status, application
from tertulia.rooms.service import RoomService
from tertulia.xmpp.refusals import refusals
from tertulia.xmpp.router import Router


def pages(
    *,
    focus: Focus,
    rooms: RoomService,
    router: Router,
    clock: Callable[[], float],
    process_s: Callable[[], float],
) -> web.Application:
    """
    Args:
        clock: the focus' clock.
        process_s: processor time this process has taken.
    """

    def health() -> Health:
        now = clock()
        if focus.can_meet(now):
            return Health(Status.HEALTHY)
        if not focus.brewery.bridges:
            return Health(Status.DOWN, ("no bridge is in the brewery",))
        named = ", ".join(
            f"{bridge.name} ({focus.brewery.why_not(bridge, now)})"
            for bridge in focus.brewery.bridges
        )
        return Health(Status.DOWN, (f"no bridge takes conferences: {named}",))

    def families() -> list[Family]:
        people = [room.people for room in rooms.rooms()]
        return [
            *figures.families(focus, clock()),
            gauge("tertulia_rooms", "Open rooms.", len(people)),
            gauge("tertulia_people", "People in rooms.", sum(people)),
            gauge("tertulia_sessions", "Bound XMPP sessions, ours included.", router.sessions),
            counters(
                "tertulia_refusals_total",
                "Requests and connections refused, by the error that was answered or the limit.",
                refusals(),
                ("error", "condition"),
            ),
            counter("process_cpu_seconds_total", "Processor time of this process.", process_s()),
        ]

    async def rooms_in_use(request: web.Request) -> web.Response:
        """For `tertulia rooms` and `tertulia room list`."""
        listed = [
            {
                "room": room.jid.node,
                "people": room.people,
                "in_breakouts": len(room.elsewhere),
                "meeting": room.meeting_id,
                "begun_ms": room.created_ms,
            }
            for room in rooms.rooms()
        ]
        return web.json_response({"rooms": listed})

    app = application(version=__version__, health=health, families=families)
    app.router.add_get("/rooms", rooms_in_use)
    return app
