"""A meeting that listens while something is broken: who heard whom, when, and how long not."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import itertools
import math
import time
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field

from tests.client.media import feeding

from tertulia.client import (
    Disconnected,
    Event,
    MediaLost,
    Participant,
    PersonLeft,
    RemoteSource,
    SourceAdded,
    join,
)

_LOOK_S = 0.02

Pair = tuple[str, str]  # who hears, the endpoint that is heard


@dataclass
class Meeting:
    """People who all speak. Times are of `time.monotonic()`."""

    people: dict[str, Participant]
    heard: dict[Pair, list[float]] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)
    sent: list[float] = field(default_factory=list)  # when everybody spoke

    async def until_all_hear_all(
        self,
        within_s: float = 30.0,
        *,
        since: float = 0.0,
        groups: Sequence[Sequence[str]] = (),
        silent: Collection[str] = (),
    ) -> float:
        """Wait until everybody has heard everybody after `since`; return the moment it was so."""

        def pairs() -> list[Pair]:  # who comes back may come with another endpoint id
            return self.pairs(groups, silent)

        def missing() -> list[Pair]:
            return [p for p in pairs() if not self.heard.get(p) or self.heard[p][-1] <= since]

        deadline = time.monotonic() + within_s
        while missing():
            assert time.monotonic() < deadline, f"still silent: {missing()}"
            await asyncio.sleep(_LOOK_S)
        return max(next(at for at in self.heard[pair] if at > since) for pair in pairs())

    def returned(self, since: float) -> list[float]:
        """By pair, how long after `since` sound was back: the end of its longest silence."""
        found = []
        for times in self.heard.values():
            after = [at for at in times if at >= since - 1.0]
            gaps = [(b - a, b) for a, b in itertools.pairwise(after) if b > since]
            found.append(max(gaps)[1] - since if gaps else math.inf)
        return found

    def pairs(
        self, groups: Sequence[Sequence[str]] = (), silent: Collection[str] = ()
    ) -> list[Pair]:
        """Who is to hear whom.

        Args:
            groups: those who are together in one room, by name; without, all are.
            silent: people whom nobody can hear.
        """
        return [
            (name, self.people[other].id)
            for group in groups or [list(self.people)]
            for name in group
            for other in group
            if other not in (name, *silent)
        ]

    def gap(self, since: float, until: float, among: Collection[Pair] = ()) -> float:
        """The longest time in which all spoke and one of these pairs, or of all, heard nothing.

        Nobody speaks while this process waits for a core; that is no silence of the meeting.
        """
        longest = 0.0
        for times in [self.heard[pair] for pair in among] or self.heard.values():
            inside = [at for at in times if since <= at <= until]
            for before, after in itertools.pairwise([since, *inside, until]):
                spoken = bisect.bisect_right(self.sent, before)
                if spoken < len(self.sent):
                    longest = max(longest, after - self.sent[spoken])
        return longest

    def moves(self, since_events: dict[str, int]) -> dict[str, int]:
        """How often each client lost its media since those numbers of events."""
        return {
            name: sum(isinstance(e, MediaLost) for e in events[since_events[name] :])
            for name, events in self.events.items()
        }

    async def leaves(self, name: str) -> None:
        """Let somebody go; it no longer counts."""
        gone = self.people.pop(name)
        endpoint = gone.id
        await gone.leave()
        del self.events[name]
        self.heard = {
            p: times for p, times in self.heard.items() if name != p[0] and endpoint != p[1]
        }

    def mark(self) -> dict[str, int]:
        return {name: len(events) for name, events in self.events.items()}

    def happened(self, *kinds: type) -> list[Event]:
        return [e for events in self.events.values() for e in events if isinstance(e, kinds)]

    def assert_nobody_left(self) -> None:
        assert self.happened(PersonLeft, Disconnected) == []


@contextlib.asynccontextmanager
async def meeting(
    url: str, names: tuple[str, ...] = ("Ana", "Bea", "Cyd")
) -> AsyncIterator[Meeting]:
    """Hold a meeting in which everybody hears everybody, until the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        people = {}
        for name in names:
            people[name] = await stack.enter_async_context(join(url, name=name, verify=False))
        held = Meeting(people)
        tracks = [person.publish_audio() for person in people.values()]
        tasks: set[asyncio.Task[None]] = set()

        def start(coroutine: object) -> None:
            task = asyncio.ensure_future(coroutine)  # type: ignore[arg-type]
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        async def listen(name: str, source: RemoteSource) -> None:
            times = held.heard.setdefault((name, source.owner), [])
            async for frame in source.frames():
                times.append(frame.arrived)

        async def watch(name: str, person: Participant) -> None:
            seen = held.events.setdefault(name, [])
            async for event in person.events():
                seen.append(event)
                if isinstance(event, SourceAdded) and event.source.kind == "audio":
                    start(listen(name, event.source))

        for name, person in people.items():
            start(watch(name, person))
        try:
            async with feeding(*tracks, sent=held.sent):
                await held.until_all_hear_all()
                yield held
        finally:
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
