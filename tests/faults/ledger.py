"""A meeting in which everything is numbered, so that afterwards nothing can be missing unseen.

Frames carry their number and the time they were sent; so do lines of the chat.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import struct
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.client.media import PICTURE, SOUND

from tertulia.client import (
    ChatMessage,
    Disconnected,
    Ended,
    Event,
    Frame,
    MediaLost,
    Participant,
    PersonLeft,
    RemoteSource,
    SourceAdded,
    join,
)

_MARK = struct.Struct("!4sId")
_MAGIC = b"sent"
_VOICE_S, _PICTURE_EVERY = 0.02, 5  # ten pictures a second
_LINE_S = 0.25
_WITHIN_S = 30.0
KINDS = ("audio", "video", "line")

Way = tuple[str, str, str]  # from whom, to whom, and what: "audio", "video" or "line"


@dataclass
class Ledger:
    """What was sent and what arrived, of people who all speak, film and write."""

    people: dict[str, Participant]
    sent: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    arrived: dict[Way, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    twice: list[Way] = field(default_factory=list)
    ended: list[tuple[str, Event]] = field(default_factory=list)
    delays: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def took(self, way: Way, number: int, sent_at: float, arrived_at: float) -> None:
        if number in self.arrived[way]:
            self.twice.append(way)
        self.arrived[way][number] = arrived_at
        kind = "line" if way[2] == "line" else "frame"
        self.delays[kind].append((arrived_at, arrived_at - sent_at))

    def ways(self, kind: str) -> list[Way]:
        return [(one, two, kind) for one, two in itertools.permutations(self.people, 2)]

    async def settled(self) -> dict[Way, list[int]]:
        """Wait until everything sent up to now has arrived; the numbers of what has not."""
        sent = dict(self.sent)

        def missing() -> dict[Way, list[int]]:
            found = {}
            for kind in KINDS:
                for way in self.ways(kind):
                    come = self.arrived[way]
                    # The first that came is where this way began: media takes a while to open.
                    first = min(come, default=0)
                    lost = [n for n in range(first, sent.get((way[0], kind), 0)) if n not in come]
                    if lost or not come:
                        found[way] = lost
            return found

        deadline = time.monotonic() + _WITHIN_S
        while missing() and time.monotonic() < deadline:  # noqa: ASYNC110 - for packets
            await asyncio.sleep(0.02)
        return missing()

    def p99_ms(self, kind: str, since: float, until: float) -> float:
        """Of the delays of "line" or "frame" that arrived in that time; in milliseconds."""
        values = sorted(delay for at, delay in self.delays[kind] if since <= at <= until)
        return values[int(len(values) * 0.99)] * 1000


@contextlib.asynccontextmanager
async def numbered_meeting(url: str, names: tuple[str, ...]) -> AsyncIterator[Ledger]:
    """Hold it until the block ends; it begins when everything of everybody has come once."""
    async with contextlib.AsyncExitStack() as stack:
        people = {}
        for name in names:
            people[name] = await stack.enter_async_context(join(url, name=name, verify=False))
        ledger = Ledger(people)
        work = asyncio.TaskGroup()
        endpoints = {person.id: name for name, person in people.items()}

        async def listen(name: str, source: RemoteSource) -> None:
            owner = endpoints.get(source.owner)
            if owner is None:
                return  # a stranger's
            async for frame in source.frames():
                magic, number, at = _MARK.unpack(frame.data[-_MARK.size :])
                assert magic == _MAGIC, f"{name} got what {owner} did not send"
                ledger.took((owner, name, source.kind), number, at, frame.arrived)

        async def watch(name: str, person: Participant) -> None:
            async for event in person.events():
                match event:
                    case SourceAdded(source):
                        tasks.append(work.create_task(listen(name, source)))
                    case ChatMessage(sender=sender, text=text) if sender in endpoints:
                        number, _, at = text.partition(" ")
                        way = (endpoints[sender], name, "line")
                        ledger.took(way, int(number), float(at), time.monotonic())
                    case PersonLeft(who) if who.id in endpoints:
                        ledger.ended.append((name, event))
                    case Disconnected() | MediaLost() | Ended():
                        ledger.ended.append((name, event))
                    case _:
                        pass

        tasks: list[asyncio.Task[None]] = []
        async with work:
            for name, person in people.items():
                tasks.append(work.create_task(watch(name, person)))
                tasks.append(work.create_task(_send(ledger, name, person)))
            await asyncio.gather(*(person.connected() for person in people.values()))
            await ledger.settled()
            yield ledger
            for task in tasks:
                task.cancel()


async def _send(ledger: Ledger, name: str, person: Participant) -> None:
    """A voice, a picture and, now and then, a line."""
    voice, camera = person.publish_audio(), person.publish_video()
    began, said = time.monotonic(), 0.0
    for tick in itertools.count():
        now = time.monotonic()
        if person.is_connected:
            number = ledger.sent[name, "audio"]
            data = SOUND + _MARK.pack(_MAGIC, number, now)
            frame = Frame(
                data=data, timestamp=tick * 960, codec="opus", clock_rate=48_000, level=20
            )
            has_begun = voice.send(frame) or number > 0  # from then on nothing may be dropped
            ledger.sent[name, "audio"] += has_begun
            if tick % _PICTURE_EVERY == 0:
                number = ledger.sent[name, "video"]
                data = PICTURE + _MARK.pack(_MAGIC, number, now)
                frame = Frame(
                    data=data,
                    timestamp=tick * 1800,
                    codec="vp8",
                    clock_rate=90_000,
                    keyframe=True,
                )
                has_begun = camera.send(frame) or number > 0
                ledger.sent[name, "video"] += has_begun
        if now - said >= _LINE_S:
            said = now
            person.say(f"{ledger.sent[name, 'line']} {now}")
            ledger.sent[name, "line"] += 1
        await asyncio.sleep(max(0.0, began + (tick + 1) * _VOICE_S - time.monotonic()))
