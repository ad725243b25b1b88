"""A meeting over emulated links, in one process: the bridge's mind and engine on one side,
participants of the Python client's engine on the other, each behind a link of its own.

Signalling is left out, for it is not what is tested: orders reach the bridge as COLIBRI2 objects,
and bridge-channel messages are handed over as they are. Media takes the whole way: ICE, DTLS, SRTP
over the sockets of network namespaces. Pictures are made up (bytes behind a VP8 header), in three
encodings as browsers send them; what a viewer would see is computed from the frames that arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from tests.network.link import Link, Path
from tests.network.namespaces import Namespace, entered
from tests.network.viewing import Sound, View

from tertulia import _engine
from tertulia.bridge.addresses import Addresses
from tertulia.bridge.downlink import PathReport
from tertulia.bridge.engine_events import dispatch_all
from tertulia.bridge.engine_media import EngineMedia
from tertulia.bridge.videobridge import Videobridge
from tertulia.xmpp.colibri2 import (
    SOURCE_NAMES,
    ConferenceModify,
    EndpointOrder,
    MediaOffer,
    MediaSource,
    TransportOrder,
)
from tertulia.xmpp.jingle_ice import Fingerprint, IceUdpTransport
from tertulia.xmpp.jingle_rtp import (
    HeaderExtension,
    Media,
    PayloadType,
    Semantics,
    Source,
    SsrcGroup,
)

OPUS, VP8, RTX = 111, 100, 96
EXTENSIONS = (
    (1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
    (5, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"),
)
FPS = 25
# Height and bits per second of the encodings, as browsers choose them for 720p.
CAMERA = ((180, 150_000), (360, 500_000), (720, 1_500_000))
KEY_FACTOR = 4  # how much larger a key frame is
SERVER = "10.77.0.1"
CONNECT_WITHIN_S = 30.0


def offers() -> tuple[MediaOffer, ...]:
    extensions = tuple(HeaderExtension(id=number, uri=uri) for number, uri in EXTENSIONS)
    opus = PayloadType(id=OPUS, name="opus", clockrate=48_000, channels=2)
    video = (
        PayloadType(id=VP8, name="VP8", clockrate=90_000),
        PayloadType(id=RTX, name="rtx", clockrate=90_000, parameters=(("apt", str(VP8)),)),
    )
    return (
        MediaOffer(type=Media.AUDIO, payload_types=(opus,), header_extensions=extensions),
        MediaOffer(type=Media.VIDEO, payload_types=video, header_extensions=extensions),
    )


@dataclass(eq=False)
class Person:
    """One participant; also its end of the bridge channel."""

    name: str
    number: int
    meeting: Meeting
    link: Link | None = None
    has_camera: bool = True
    camera: tuple[tuple[int, int], ...] = CAMERA
    is_connected: bool = False
    wanted_height: int = 720  # what the bridge says anybody wants of our camera
    uplink_bps: int | None = None  # what may be sent, when that is estimated
    views: dict[int, View] = field(default_factory=dict)  # by SSRC of the first encoding
    sounds: dict[int, Sound] = field(default_factory=dict)
    told: list[dict[str, object]] = field(default_factory=list)
    _keys_wanted: set[int] = field(default_factory=set)

    @property
    def audio_ssrc(self) -> int:
        return self.number * 100 + 1

    def video_ssrc(self, encoding: int) -> int:
        return self.number * 100 + 10 + encoding

    def sources(self) -> tuple[MediaSource, ...]:
        audio = (Source(ssrc=self.audio_ssrc),)
        sources = [MediaSource(id=f"{self.name}-a0", type=Media.AUDIO, sources=audio)]
        if self.has_camera:
            firsts = tuple(self.video_ssrc(n) for n in range(len(self.camera)))
            groups = [SsrcGroup(Semantics.FID, (ssrc, ssrc + 50)) for ssrc in firsts]
            if len(firsts) > 1:
                groups.insert(0, SsrcGroup(Semantics.SIM, firsts))
            all_ssrcs = (*firsts, *(ssrc + 50 for ssrc in firsts))
            sources.append(
                MediaSource(
                    id=f"{self.name}-v0",
                    type=Media.VIDEO,
                    sources=tuple(Source(ssrc=ssrc, name=f"{self.name}-v0") for ssrc in all_ssrcs),
                    groups=tuple(groups),
                )
            )
        return tuple(sources)

    # -- the bridge channel

    def send(self, text: str) -> None:
        message = json.loads(text)
        self.told.append(message)
        if message["colibriClass"] == "SenderSourceConstraints":
            height = message["maxHeight"]
            self.wanted_height = 720 if height < 0 else height

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"the bridge closed the channel: {code} {reason}")

    def says(self, colibri_class: str, **fields: object) -> None:
        text = json.dumps({"colibriClass": colibri_class, **fields})
        conference = self.meeting.conference
        endpoint = conference.endpoints[self.name]
        conference.received(endpoint, text, self.meeting.now())
        conference.settle(self.meeting.now())

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
            self.meeting.clients.send_frame(self.number, ssrc, VP8, frame * 90_000 // FPS, data)

    def speak(self, packet: int) -> None:
        self.meeting.clients.send_frame(
            self.number, self.audio_ssrc, OPUS, packet * 960, bytes(80), level=30
        )

    def took(self, event: _engine.ClientEvent) -> None:
        if isinstance(event, _engine.FrameReceived):
            if event.payload_type == OPUS:
                self.sounds.setdefault(event.ssrc, Sound()).add(event.timestamp, event.arrived)
            elif self.views.setdefault(event.ssrc, View()).add(event):
                self.meeting.clients.request_keyframe(self.number, event.ssrc)
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


class Meeting:
    """One conference on a bridge in a namespace of its own."""

    def __init__(self) -> None:
        self._closing = contextlib.ExitStack()
        self.server = self._closing.enter_context(Namespace())
        self.server.call("ip", "address", "add", f"{SERVER}/32", "dev", "lo")
        with entered(self.server):
            self.engine = _engine.Engine([(SERVER, 0)])
        self._closing.callback(self.engine.close)
        self.clients = _engine.ClientEngine()
        self._closing.callback(self.clients.close)
        media = EngineMedia(self.engine, Addresses(udp=tuple(self.engine.addresses)))
        self.bridge = Videobridge(media, server_id="b", public_netloc="b.example")
        self.people: list[Person] = []
        self.estimates: dict[str, list[tuple[float, int]]] = {}
        self.began = self.now()
        self._numbers = itertools.count(1)
        self._all_connected = asyncio.Event()

    @staticmethod
    def now() -> float:
        return time.monotonic()

    @property
    def conference(self):  # type: ignore[no-untyped-def]
        return self.bridge.conferences[0]

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
        mtu: int = 1500,
    ) -> Person:
        """Let somebody in; behind a link of its own if `down` or `up` says how that is.

        Args:
            height: of the pictures it wants of everybody; 0 for none.
            estimates: whether it keeps to an estimate of its uplink.
        """
        number = next(self._numbers)
        person = Person(name, number, self, has_camera=has_camera, camera=camera)
        home, address = self.server, SERVER
        if down is not None or up is not None:
            home = self._closing.enter_context(Namespace())
            near, address = f"10.77.{number}.1", f"10.77.{number}.2"
            link = Link(self.server, home, near_address=near, far_address=address, mtu=mtu)
            person.link = self._closing.enter_context(link)
            person.link.set(down=down, up=up)
        ufrag, pwd = f"client{number:04}", "p" * 24
        with entered(home):
            self.clients.add_peer(
                number,
                ufrag=ufrag,
                pwd=pwd,
                controlling=False,
                payload_types=[
                    _engine.PayloadType(OPUS, "opus", 48_000, channels=2),
                    _engine.PayloadType(VP8, "vp8", 90_000, rtx=RTX),
                ],
                extensions=EXTENSIONS,
                bind=[address],
                estimate=estimates,
            )
        hash_name, digest = self.clients.fingerprint
        ice = IceUdpTransport(
            ufrag=ufrag,
            pwd=pwd,
            fingerprints=(Fingerprint(hash=hash_name, value=digest, setup="active"),),
        )
        order = EndpointOrder(
            id=name,
            create=True,
            capabilities=frozenset({SOURCE_NAMES}),
            media=offers(),
            transport=TransportOrder(ice_controlling=True, ice=ice),
            sources=person.sources(),
        )
        request = ConferenceModify(
            meeting_id="m", name="m", create=not self.people, endpoints=(order,)
        )
        transport = self.bridge.modify(request, self.now()).endpoints[0].transport
        assert transport is not None
        self._meet(person, transport)
        self.people.append(person)
        endpoint = self.conference.endpoints[name]
        self.conference.channel_opened(endpoint, person, self.now())
        constraints = {"lastN": -1, "defaultConstraints": {"maxHeight": height}}
        person.says("ReceiverVideoConstraints", **constraints)
        return person

    def _meet(self, person: Person, transport: IceUdpTransport) -> None:
        clients, number = self.clients, person.number
        fingerprints = [(each.hash, each.value) for each in transport.fingerprints]
        clients.set_remote(
            number,
            ufrag=transport.ufrag,
            pwd=transport.pwd,
            fingerprints=fingerprints,
            setup="actpass",
        )
        for each in transport.candidates:
            clients.add_remote_candidate(
                number,
                each.ip,
                each.port,
                protocol="udp",
                kind=each.type,
                priority=each.priority,
            )
        own = [_engine.Stream("audio", person.audio_ssrc)]
        if person.has_camera:
            for encoding in range(len(person.camera)):
                ssrc = person.video_ssrc(encoding)
                own.append(_engine.Stream("video", ssrc, ssrc + 50))
        clients.publish(number, own)
        for viewer in (*self.people, person):
            expected = []
            for other in (*self.people, person):
                if other is viewer:
                    continue
                expected.append(_engine.Stream("audio", other.audio_ssrc))
                if other.has_camera:
                    first = other.video_ssrc(0)
                    expected.append(_engine.Stream("video", first, first + 50))
            clients.subscribe(viewer.number, expected)

    def close(self) -> None:
        self._closing.close()

    # -- running

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Meeting]:
        """Everything works while the block runs; it begins when all are connected."""
        loop = asyncio.get_running_loop()
        engine, clients = self.engine, self.clients
        loop.add_reader(engine.fileno(), self._take_engine_events)
        loop.add_reader(clients.fileno(), self._take_client_events)
        work = [
            loop.create_task(_every(0.1, lambda: self.bridge.tick(self.now()))),
            loop.create_task(_every(0.5, self._look)),
        ]
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
            loop.remove_reader(engine.fileno())
            loop.remove_reader(clients.fileno())

    def _take_engine_events(self) -> None:
        events = self.engine.take_events()
        handles = {e.handle: name for name, e in self.conference.endpoints.items()}
        for event in events:
            if isinstance(event, _engine.BandwidthEstimate) and event.endpoint in handles:
                history = self.estimates.setdefault(handles[event.endpoint], [])
                history.append((self.now() - self.began, event.bps))
        dispatch_all(self.bridge, events, self.now())

    def _take_client_events(self) -> None:
        by_number = {person.number: person for person in self.people}
        for event in self.clients.take_events():
            person = by_number.get(event.peer)
            if person is not None:
                person.took(event)
        if all(person.is_connected for person in self.people):
            self._all_connected.set()

    def _look(self) -> None:
        stats = self.engine.stats()
        reports = {e.endpoint: PathReport(e.rtt_ms, e.loss_out) for e in stats.endpoints}
        self.bridge.observe_paths(reports, self.now())

    async def _send(self) -> None:
        """Fifty sound packets and twenty-five frames a second of everybody, not all at once."""
        start = self.now()
        for packet in itertools.count():
            await asyncio.sleep(start + packet * 0.02 - self.now())
            for person in self.people:
                person.speak(packet)
                if person.has_camera and (packet + person.number) % 2 == 0:
                    person.film(packet // 2)


async def _every(seconds: float, work: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        work()
