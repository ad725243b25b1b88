"""All places of one bridge, in the breweries of all its servers; each is kept for itself."""

from __future__ import annotations

import asyncio

from tertulia.bridge.seat import Seat
from tertulia.bridge.settings import BridgeConfig
from tertulia.bridge.videobridge import Lost
from tertulia.bridge.watch import Watch


class Seats:
    """`keep` holds them for ever; the others never wait."""

    def __init__(self, config: BridgeConfig, watch: Watch) -> None:
        seats = [
            Seat(config, server, room, watch) for server in config.servers for room in server.rooms
        ]
        self._by_shard = {seat.shard: seat for seat in seats}

    @property
    def is_joined(self) -> bool:
        """Whether anybody can hear us."""
        return any(seat.is_joined for seat in self._by_shard.values())

    async def keep(self) -> None:
        """Hold all of them, whatever happens to their servers."""
        async with asyncio.TaskGroup() as group:
            for seat in self._by_shard.values():
                group.create_task(seat.keep())

    def hurry(self) -> None:
        """Try all that are lost again at once: their servers may be there now."""
        for seat in self._by_shard.values():
            seat.hurry()

    def publish(self) -> None:
        """Send the statistics as they are now to all servers that are there."""
        for seat in self._by_shard.values():
            if seat.is_joined:
                seat.publish()

    def report(self, lost: Lost) -> None:
        """Tell the focus whose endpoint is gone or silent, if it can be told."""
        seat = self._by_shard.get(lost.shard)
        if seat is not None:  # else its conference was ordered by REST
            seat.report(lost)

    def leave(self) -> None:
        """Give all places up for good."""
        for seat in self._by_shard.values():
            seat.leave()
