"""A Janus VideoRoom over emulated links, with the participants of tests/network/cast.py.

Who sends has a publishing connection with all three encodings of its camera (simulcast by SSRC),
who watches a subscribing one. VideoRoom has no estimate of a subscriber's bandwidth: a subscriber
gets the highest encoding, or the one it asks for with `substream`, whatever its link carries.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from tests.network.cast import CAMERA, Cast, Person
from tests.network.link import Path
from tests.network.namespaces import Namespace, entered

from bench import janus, janus_sdp
from bench.janus_sdp import Description
from tertulia import _engine

ADDRESS = "10.77.0.1"  # not on loopback, which Janus leaves out
ROOM = 1


@dataclass(frozen=True, slots=True)
class _Here:
    """A peer's transport, as descriptions tell it."""

    id: int
    ufrag: str
    pwd: str
    fingerprint: str
    ip: str
    port: int


class JanusMeeting(Cast):
    """One room; everybody is let in by `join` and there from `running` on."""

    people: list[Person]

    def __init__(self, *, substream: int = 2) -> None:
        """`substream`: the encoding subscribers ask for, 0 the lowest (Janus's default is 2)."""
        super().__init__()
        self._substream = substream
        self._guests: list[tuple[Person, Namespace, str, bool]] = []
        for command in (
            "ip link add j0 type veth peer name j1",
            f"ip address add {ADDRESS}/32 dev j0",
            "ip link set j0 up",
            "ip link set j1 up",
        ):
            self.server.call(*command.split())

    def join(
        self,
        name: str,
        *,
        down: Path | None = None,
        up: Path | None = None,
        has_camera: bool = True,
        camera: tuple[tuple[int, int], ...] = CAMERA,
        height: int = 720,
        estimates: bool = False,
    ) -> Person:
        """As `Meeting.join`; who has a camera sends, who has none watches. `height` is for that."""
        del height
        number = next(self._numbers)
        person = Person(name, number, self, self.clients, has_camera=has_camera, camera=camera)
        home, address = self.server, ADDRESS
        if down is not None or up is not None:
            home, person.link, address = self.home(number, down, up)
        self.people.append(person)
        self._guests.append((person, home, address, estimates))
        return person

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Cast]:
        async with contextlib.AsyncExitStack() as closing:
            with entered(self.server):
                server = await closing.enter_async_context(janus.running(event_loops=2))
                session = await closing.enter_async_context(janus.Session.open(server.url))
            await self._fill(session)
            yield await closing.enter_async_context(super().running())

    async def _fill(self, session: janus.Session) -> None:
        owner = await session.attach()
        room = {"request": "create", "room": ROOM, "publishers": 10, "bitrate": 0, "fir_freq": 0}
        codecs = {"audiocodec": "opus", "videocodec": "vp8", "transport_wide_cc_ext": True}
        await session.request(owner, room | codecs)
        feeds = [
            (await self._publish(session, *guest), guest[0])
            for guest in self._guests
            if guest[0].has_camera
        ]
        for guest in self._guests:
            if not guest[0].has_camera:
                await self._subscribe(session, *guest[:3], feeds)

    async def _publish(
        self, session: janus.Session, person: Person, home: Namespace, address: str, estimate: bool
    ) -> int:
        here = self._here(person, home, address, estimate=estimate)
        (video, rtx), *upper = person.streams
        streams = janus_sdp.Streams(person.audio_ssrc, video, rtx, tuple(upper))
        handle = await session.attach()
        answer = await session.request(
            handle,
            {"request": "joinandconfigure", "ptype": "publisher", "room": ROOM},
            {"type": "offer", "sdp": janus_sdp.offer(here, streams)},
        )
        self._meet(person, Description.parse(answer["jsep"]["sdp"]))
        self.publish(person)
        await session.until_up(handle)
        return int(answer["plugindata"]["data"]["id"])

    async def _subscribe(
        self,
        session: janus.Session,
        person: Person,
        home: Namespace,
        address: str,
        feeds: list[tuple[int, Person]],
    ) -> None:
        handle = await session.attach()
        wanted = [{"feed": feed} for feed, _ in feeds]
        body = {"request": "join", "ptype": "subscriber", "room": ROOM, "streams": wanted}
        answer = await session.request(handle, body)
        offered = Description.parse(answer["jsep"]["sdp"])
        formats = [
            _engine.PayloadType(number, codec, rate, channels=channels, rtx=rtx)
            for number, codec, rate, channels, rtx in offered.formats()
        ]
        here = self._here(
            person, home, address, payload_types=formats, extensions=offered.extensions()
        )
        self._meet(person, offered)
        expected = []
        senders = {"audio": iter(feeds), "video": iter(feeds)}
        for ssrc, repair, is_video in offered.streams():
            kind: Any = "video" if is_video else "audio"
            _, sender = next(senders[kind])
            person.known_as[ssrc] = sender.video_ssrc(0) if is_video else sender.audio_ssrc
            expected.append(_engine.Stream(kind, ssrc, repair))
        self.clients.subscribe(person.number, expected)
        await session.request(
            handle,
            {"request": "start", "room": ROOM},
            {"type": "answer", "sdp": janus_sdp.answer(here, offered)},
        )
        await session.until_up(handle)
        mids = [section.values("mid")[0] for section in offered.media if section.kind == "video"]
        streams = [{"mid": mid, "substream": self._substream} for mid in mids]
        await session.request(handle, {"request": "configure", "streams": streams})

    def _here(self, person: Person, home: Namespace, address: str, **options: Any) -> _Here:
        ufrag, pwd, addresses = self.add_peer(person, home, address, controlling=True, **options)
        return _Here(person.number, ufrag, pwd, self.clients.fingerprint[1], *addresses[0])

    def _meet(self, person: Person, description: Description) -> None:
        kind, _, digest = description.first("fingerprint").partition(" ")
        self.clients.set_remote(
            person.number,
            ufrag=description.first("ice-ufrag"),
            pwd=description.first("ice-pwd"),
            fingerprints=[(kind.lower(), digest.strip())],
            setup="passive",
        )
        for priority, each in enumerate(description.candidates(), 1):
            address, _, port = each.rpartition(":")
            self.clients.add_remote_candidate(
                person.number,
                address,
                int(port),
                protocol="udp",
                kind="host",
                priority=priority,
            )
