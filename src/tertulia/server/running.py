"""The life of the control process, from its first moment to its last.

The bridge is started first of all: while it loads what it needs we load the services, which takes
as long. Hence what this module imports is little.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import uvloop

from tertulia import data_folder, machine
from tertulia.config import Config
from tertulia.server.ground import prepare
from tertulia.server.own_bridge import supervised_bridge
from tertulia.server.tasks import ended, first_of

logger = logging.getLogger("tertulia.server")


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; SIGUSR2 puts a new process in our place, meetings go on.

    Raises: ConfigError when the start cannot succeed.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(config))


async def _until_told(config: Config) -> None:
    told, replaced = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    loop.add_signal_handler(signal.SIGUSR2, replaced.set)
    waiting = asyncio.create_task(told.wait())
    serving = asyncio.create_task(serve(config, announce, replaced))
    await asyncio.wait((waiting, serving), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
    logger.info("Stopped")


def announce(url: str) -> None:
    """The one line on standard output, for people and for whatever started us."""
    sys.stdout.write(f"ready {url}\n")
    sys.stdout.flush()


async def serve(
    config: Config, ready: Callable[[str], None], replaced: asyncio.Event | None = None
) -> None:
    """Run all services until cancelled; `ready` is told the address once a meeting can be held.

    Args:
        replaced: once it is set, this process becomes a new one that goes on with the meetings.
    Raises: ConfigError.
    """
    with data_folder.claimed(config.data):
        ground = prepare(config)
        has_begun = asyncio.Event()
        bridge = asyncio.ensure_future(
            supervised_bridge(config, ground, has_begun.set)
            if config.bridge.enabled
            else _without_bridge(has_begun.set)
        )
        try:
            await first_of(has_begun.wait(), bridge)
            # The bridge loads what it needs, and so do we, each on a core of its own.
            from tertulia.server import services  # noqa: PLC0415

            machine.spare_the_collector()

            await services.run(config, ground, bridge, ready, replaced or asyncio.Event())
        finally:
            await ended(bridge)


async def _without_bridge(has_begun: Callable[[], None]) -> None:
    has_begun()
    await asyncio.Event().wait()
