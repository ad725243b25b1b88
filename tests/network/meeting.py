"""A meeting over emulated links, in one process: the bridge's mind and engine on one side,
participants of the Python client's engine on the other, each behind a link of its own.

Signalling is left out, for it is not what is tested: orders reach the bridge as COLIBRI2 objects,
and bridge-channel messages are handed over as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.network.cast import (
    CAMERA,
    EXTENSIONS,
    OPUS,
    RTX,
    VP8,
    Cast,
    Person,
    every,
)
from tests.network.link import Path
from tests.network.namespaces import entered

from tertulia import _engine
from tertulia.bridge.addresses import Addresses
from tertulia.bridge.conference import Conference
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

SERVER = "10.77.0.1"


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
class Guest(Person):
    """One participant; also its end of the bridge channel."""

    cast: Meeting
    told: list[dict[str, object]] = field(default_factory=list)
    by_tcp: bool = False
    obeys: bool = True  # sends no more than the bridge says anybody wants

    def sources(self) -> tuple[MediaSource, ...]:
        audio = (Source(ssrc=self.audio_ssrc),)
        sources = [MediaSource(id=f"{self.name}-a0", type=Media.AUDIO, sources=audio)]
        if self.has_camera:
            groups = [SsrcGroup(Semantics.FID, pair) for pair in self.streams]
            firsts, repairs = zip(*self.streams, strict=True)
            if len(firsts) > 1:
                groups.insert(0, SsrcGroup(Semantics.SIM, firsts))
            all_ssrcs = (*firsts, *repairs)
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

    @property
    def waiting_bytes(self) -> int:
        return 0

    def send(self, text: str) -> None:
        message = json.loads(text)
        self.told.append(message)
        if message["colibriClass"] == "SenderSourceConstraints" and self.obeys:
            height = message["maxHeight"]
            self.wanted_height = 720 if height < 0 else height

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"the bridge closed the channel: {code} {reason}")

    def says(self, colibri_class: str, **fields: object) -> None:
        text = json.dumps({"colibriClass": colibri_class, **fields})
        conference = self.cast.conference
        endpoint = conference.endpoints[self.name]
        conference.received(endpoint, text, self.cast.now())
        conference.settle(self.cast.now())


class Meeting(Cast):
    """One conference on a bridge in a namespace of its own."""

    people: list[Guest]

    def __init__(self, address: str = SERVER) -> None:
        """`address`: of the bridge, IPv4 or IPv6; links are of its kind."""
        super().__init__()
        self.address = address
        self.is_v6 = ":" in address
        whole = (f"{address}/128", "nodad") if self.is_v6 else (f"{address}/32",)
        self.server.call("ip", "address", "add", *whole, "dev", "lo")
        with entered(self.server):
            self.engine = _engine.Engine([(address, 0)], tcp=[(address, 0)])
        self.closing.callback(self.engine.close)
        media = EngineMedia(
            self.engine,
            Addresses(udp=tuple(self.engine.addresses), tcp=tuple(self.engine.tcp_addresses)),
        )
        self.bridge = Videobridge(media, server_id="b", public_netloc="b.example")

    @property
    def conference(self) -> Conference:
        return next(iter(self.bridge.conferences))

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
        by_tcp: bool = False,
    ) -> Guest:
        """Let somebody in; behind a link of its own if `down` or `up` says how that is.

        Args:
            height: of the pictures it wants of everybody; 0 for none.
            estimates: whether it keeps to an estimate of its uplink.
            by_tcp: its media goes over TCP, and only so.
        """
        number = next(self._numbers)
        person = Guest(
            name, number, self, self.clients, has_camera=has_camera, camera=camera, by_tcp=by_tcp
        )
        home, address = self.server, self.address
        if down is not None or up is not None:
            home, person.link, address = self.home(number, down, up, mtu, is_v6=self.is_v6)
        ufrag, pwd, _ = self.add_peer(person, home, address, estimate=estimates, by_tcp=by_tcp)
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

    def _meet(self, person: Guest, transport: IceUdpTransport) -> None:
        clients, number = person.clients, person.number
        protocol: Literal["udp", "tcp"] = "tcp" if person.by_tcp else "udp"
        fingerprints = [(each.hash, each.value) for each in transport.fingerprints]
        clients.set_remote(
            number,
            ufrag=transport.ufrag,
            pwd=transport.pwd,
            fingerprints=fingerprints,
            setup="actpass",
        )
        for each in transport.candidates:
            if each.protocol != protocol:
                continue
            clients.add_remote_candidate(
                number,
                each.ip,
                each.port,
                protocol=protocol,
                kind=each.type,
                priority=each.priority,
            )
        self.publish(person)
        for viewer in (*self.people, person):
            expected = []
            for other in (*self.people, person):
                if other is viewer:
                    continue
                expected.append(_engine.Stream("audio", other.audio_ssrc))
                if other.has_camera:
                    first = other.video_ssrc(0)
                    expected.append(_engine.Stream("video", first, first + 50))
            viewer.clients.subscribe(viewer.number, expected)

    # -- running

    def readers(self) -> Mapping[int, Callable[[], None]]:
        return {self.engine.fileno(): self._take_engine_events}

    def works(self) -> Sequence[Coroutine[Any, Any, None]]:
        return every(0.1, lambda: self.bridge.tick(self.now())), every(0.5, self._look)

    def _take_engine_events(self) -> None:
        events = self.engine.take_events()
        handles = {e.handle: name for name, e in self.conference.endpoints.items()}
        for event in events:
            if isinstance(event, _engine.BandwidthEstimate) and event.endpoint in handles:
                history = self.estimates.setdefault(handles[event.endpoint], [])
                history.append((self.now() - self.began, event.bps))
        dispatch_all(self.bridge, events, self.now())

    def _look(self) -> None:
        stats = self.engine.stats()
        reports = {e.endpoint: PathReport(e.rtt_ms, e.loss_out) for e in stats.endpoints}
        self.bridge.observe_paths(reports, self.now())
