"""People behind emulated links, without the server they meet on: what they send and what they see.

Media takes the whole way: ICE, DTLS, SRTP over the sockets of network namespaces. Pictures are made
up (bytes behind a VP8 header), in three encodings as browsers send them; what a viewer would see is
computed from the frames that arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.network.link import Link, Path
from tests.network.namespaces import Namespace, entered
from tests.network.viewing import Sound, View

from tertulia import _engine

OPUS, VP8, RTX = 111, 100, 96
PAYLOAD_TYPES = (
    _engine.PayloadType(OPUS, "opus", 48_000, channels=2),
    _engine.PayloadType(VP8, "vp8", 90_000, rtx=RTX),
)
EXTENSIONS = (
    (1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
    (5, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"),
)
FPS = 25
# Height and bits per second of the encodings, as browsers choose them for 720p.
CAMERA = ((180, 150_000), (360, 500_000), (720, 1_500_000))
KEY_FACTOR = 4  # how much larger a key frame is
CONNECT_WITHIN_S = 30.0


@dataclass(eq=False)
class Person:
    """One participant."""

    name: str
    number: int
    cast: Cast
    clients: _engine.ClientEngine  # that carries this one's connection
    link: Link | None = None
    has_camera: bool = True
    has_voice: bool = True
    camera: tuple[tuple[int, int], ...] = CAMERA
    is_connected: bool = False
    wanted_height: int = 720  # what anybody wants of our camera
    uplink_bps: int | None = None  # what may be sent, when that is estimated
    views: dict[int, View] = field(default_factory=dict)  # by SSRC of the first encoding
    sounds: dict[int, Sound] = field(default_factory=dict)
    # Where a server has numbers of its own: what comes as this SSRC is the stream with that one.
    known_as: dict[int, int] = field(default_factory=dict)
    _keys_wanted: set[int] = field(default_factory=set)

    @property
    def audio_ssrc(self) -> int:
        return self.number * 100 + 1

    def video_ssrc(self, encoding: int) -> int:
        return self.number * 100 + 10 + encoding

    @property
    def streams(self) -> list[tuple[int, int]]:
        """SSRC and that of retransmissions of each encoding of the camera, lowest first."""
        encodings = range(len(self.camera)) if self.has_camera else ()
        return [(self.video_ssrc(n), self.video_ssrc(n) + 50) for n in encodings]

    # -- media

    def film(self, frame: int) -> None:
        """Send one frame of every encoding that is wanted and fits the uplink."""
        left = self.uplink_bps
        for encoding, (height, bps) in enumerate(self.camera):
            ssrc = self.video_ssrc(encoding)
            # The lowest encoding is sent whatever the uplink is; browsers do the same.
            fits = left is None or bps <= left or encoding == 0
            if not fits or (height > self.wanted_height and encoding > 0) or not self.wanted_height:
                self._keys_wanted.add(ssrc)  # it begins anew with a key frame
                continue
            left = None if left is None else left - bps
            size = bps // 8 // FPS
            is_key = frame == 0 or ssrc in self._keys_wanted
            self._keys_wanted.discard(ssrc)
            data = picture(encoding, height, size * KEY_FACTOR if is_key else size, is_key=is_key)
            self.clients.send_frame(self.number, ssrc, VP8, frame * 90_000 // FPS, data)

    def speak(self, packet: int) -> None:
        self.clients.send_frame(
            self.number, self.audio_ssrc, OPUS, packet * 960, bytes(80), level=30
        )

    def took(self, event: _engine.ClientEvent) -> None:
        if isinstance(event, _engine.FrameReceived):
            ssrc = self.known_as.get(event.ssrc, event.ssrc)
            if event.payload_type == OPUS:
                self.sounds.setdefault(ssrc, Sound()).add(event.timestamp, event.arrived)
            elif self.views.setdefault(ssrc, View()).add(event):
                self.clients.request_keyframe(self.number, event.ssrc)
        elif isinstance(event, _engine.PeerConnected):
            self.is_connected = True
        elif isinstance(event, _engine.KeyframeRequested):
            # Browsers begin all encodings anew, whichever was asked for.
            self._keys_wanted.update(self.video_ssrc(n) for n in range(len(self.camera)))
        elif isinstance(event, _engine.SendEstimate):
            self.uplink_bps = event.bps
        elif isinstance(event, _engine.PeerFailed):
            raise AssertionError(f"{self.name} lost its connection: {event.reason}")


def picture(encoding: int, height: int, size: int, *, is_key: bool) -> bytes:
    """A VP8 frame (RFC 6386 §9.1) as far as forwarding looks, and which encoding it is of."""
    width = height * 16 // 9
    if is_key:
        size_of_picture = width.to_bytes(2, "little") + height.to_bytes(2, "little")
        head = b"\x10\x02\x00\x9d\x01\x2a" + size_of_picture
    else:
        head = b"\x31\x02\x00" + bytes(7)
    return head + bytes([encoding]) + bytes(max(0, size - 11))


class Cast:
    """Everybody, in one process; a meeting says where they meet."""

    def __init__(self) -> None:
        self.closing = contextlib.ExitStack()
        self.server = self.closing.enter_context(Namespace())
        self.engines: list[_engine.ClientEngine] = []
        self.clients = self._new_engine()
        self.people: list[Any] = []
        self.estimates: dict[str, list[tuple[float, int]]] = {}  # towards whom: (s, bits per s)
        self.began = self.now()
        self._numbers = itertools.count(1)
        self._all_connected = asyncio.Event()

    @staticmethod
    def now() -> float:
        return time.monotonic()

    def _new_engine(self) -> _engine.ClientEngine:
        engine = _engine.ClientEngine()
        self.closing.callback(engine.close)
        self.engines.append(engine)
        return engine

    def home(
        self,
        number: int,
        down: Path | None,
        up: Path | None,
        mtu: int = 1500,
        *,
        is_v6: bool = False,
    ) -> tuple[Namespace, Link, str]:
        """A namespace behind a link of its own; with the address it has there."""
        home = self.closing.enter_context(Namespace())
        net = f"fd77:{number}::" if is_v6 else f"10.77.{number}."
        near, address = f"{net}1", f"{net}2"
        link = Link(self.server, home, near_address=near, far_address=address, mtu=mtu)
        self.closing.enter_context(link)
        link.set(down=down, up=up)
        return home, link, address

    def add_peer(
        self,
        person: Person,
        home: Namespace,
        address: str,
        *,
        controlling: bool = False,
        estimate: bool = False,
        by_tcp: bool = False,
        payload_types: Sequence[_engine.PayloadType] = PAYLOAD_TYPES,
        extensions: Sequence[tuple[int, str]] = EXTENSIONS,
    ) -> tuple[str, str, list[tuple[str, int]]]:
        """Begin with a person's connection; its ICE credentials and addresses."""
        ufrag, pwd = f"client{person.number:04}", "p" * 24
        with entered(home):
            if by_tcp:  # connections are made where the engine's thread is
                person.clients = self._new_engine()
            addresses = person.clients.add_peer(
                person.number,
                ufrag=ufrag,
                pwd=pwd,
                controlling=controlling,
                payload_types=payload_types,
                extensions=extensions,
                bind=[] if by_tcp else [address],
                estimate=estimate,
            )
        return ufrag, pwd, addresses

    def publish(self, person: Person) -> None:
        own = [_engine.Stream("audio", person.audio_ssrc)]
        own += [_engine.Stream("video", ssrc, rtx) for ssrc, rtx in person.streams]
        person.clients.publish(person.number, own)

    def close(self) -> None:
        self.closing.close()

    # -- running

    def readers(self) -> Mapping[int, Callable[[], None]]:
        """What has to be read besides the clients' events, by descriptor."""
        return {}

    def works(self) -> Sequence[Coroutine[Any, Any, None]]:
        """What has to be done all the time."""
        return ()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Cast]:
        """Everything works while the block runs; it begins when all are connected."""
        loop = asyncio.get_running_loop()
        readers = dict(self.readers())
        for engine in self.engines:
            readers[engine.fileno()] = partial(self._take_client_events, engine)
        for descriptor, read in readers.items():
            loop.add_reader(descriptor, read)
        work = [loop.create_task(each) for each in self.works()]
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await self._all_connected.wait()
            work.append(loop.create_task(self._send()))
            self.began = self.now()
            yield self
            for each in work:
                if each.done():
                    each.result()
        finally:
            for each in work:
                each.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            for descriptor in readers:
                loop.remove_reader(descriptor)

    def _take_client_events(self, engine: _engine.ClientEngine) -> None:
        by_number = {person.number: person for person in self.people}
        for event in engine.take_events():
            person = by_number.get(event.peer)
            if person is not None:
                person.took(event)
        if all(person.is_connected for person in self.people):
            self._all_connected.set()

    async def _send(self) -> None:
        """Fifty sound packets and twenty-five frames a second of everybody, not all at once."""
        start = self.now()
        for packet in itertools.count():
            await asyncio.sleep(start + packet * 0.02 - self.now())
            for person in self.people:
                if person.has_voice:
                    person.speak(packet)
                if person.has_camera and (packet + person.number) % 2 == 0:
                    person.film(packet // 2)


async def every(seconds: float, work: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        work()
