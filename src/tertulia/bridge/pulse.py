"""One beat for all that is done regularly.

The engine reports ten times a second while media flow, and to wake the interpreter costs as much as
passing a dozen packets on. So what is due is done when reports come; a timer stands in for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LEAST_APART_S = 0.075
STANDS_IN_S = 0.25  # without reports
EARLY_S = 0.05  # what is due so soon is done with this beat


@dataclass(slots=True)
class Duty:
    """Something done every so often.

    Args:
        interval_s: not less than the time between two beats.
    """

    interval_s: float
    do: Callable[[], None]
    due_at: float = 0.0


class Pulse:
    """Beats at reports of the engine, and four times a second without any.

    Args:
        lagged: told how many seconds a beat came too late because the loop was busy.
    """

    def __init__(self, duties: Sequence[Duty], lagged: Callable[[float], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._duties = duties
        self._lagged = lagged
        self._at = self._loop.time()
        self._broken: asyncio.Future[None] = self._loop.create_future()
        self._timer = self._loop.call_later(STANDS_IN_S, self._beat)
        for duty in duties:
            duty.due_at = self._at + duty.interval_s

    async def keep(self) -> None:
        """Wait for ever; raises what a duty raised, which ends the beats."""
        try:
            await self._broken
        finally:
            self._timer.cancel()

    def reported(self) -> None:
        """The engine has woken us."""
        if self._loop.time() >= self._at + LEAST_APART_S:
            self._beat()

    def _beat(self) -> None:
        if self._broken.done():
            return
        self._timer.cancel()
        now = self._loop.time()
        self._lagged(max(0.0, now - self._at - STANDS_IN_S))
        self._at = now
        try:
            for duty in self._duties:
                if now >= duty.due_at - EARLY_S:
                    duty.due_at = now + duty.interval_s
                    duty.do()
        except Exception as error:
            self._broken.set_exception(error)
            return
        self._timer = self._loop.call_later(STANDS_IN_S, self._beat)
