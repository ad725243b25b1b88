"""The pages of the control process for operators."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tertulia import operators
from tertulia.config import Config
from tertulia.monitoring import Listener
from tertulia.server.signalling import Signalling


@asynccontextmanager
async def monitoring(config: Config, signalling: Signalling) -> AsyncIterator[None]:
    """Health and figures, on loopback unless configured otherwise."""
    if not config.monitor.enabled:
        yield
        return
    listener = Listener(
        operators.pages(
            focus=signalling.meetings.focus,
            rooms=signalling.meetings.rooms,
            router=signalling.router,
            clock=asyncio.get_running_loop().time,
            process_s=time.process_time,
        )
    )
    await listener.start(config.monitor.listen, config.monitor.port)
    try:
        yield
    finally:
        await listener.stop()
