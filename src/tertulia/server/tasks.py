"""Waiting for tasks, and ending them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from tertulia.errors import ConfigError
from tertulia.supervisor import ChildRefused


async def ended(task: asyncio.Future[Any]) -> None:
    """Cancel a task and wait for its end, whatever that is; it may have ended before."""
    task.cancel()
    with suppress(asyncio.CancelledError, ChildRefused, ConfigError):
        await task


async def first_of(what: Coroutine[Any, Any, object], *others: asyncio.Future[Any]) -> None:
    """Wait until `what` is done, which is begun here, or one of the others."""
    begun = asyncio.ensure_future(what)
    try:
        await asyncio.wait((begun, *others), return_when=asyncio.FIRST_COMPLETED)
    finally:
        begun.cancel()
