"""One media session of a participant: a peer of the engine, made for one offer of the focus."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from tertulia._engine import (
    CandidateFailed,
    ClientEvent,
    FrameReceived,
    KeyframeRequested,
    PayloadType,
    PeerConnected,
    PeerFailed,
    PeerPath,
    SendEstimate,
    Stream,
)
from tertulia.client.frame import Frame
from tertulia.client.media import MediaHub
from tertulia.client.received import RemoteSource
from tertulia.client.session import Credentials, Offer, OwnSource, literal
from tertulia.xmpp.jingle_ice import Candidate
from tertulia.xmpp.jingle_rtp import Media

log = logging.getLogger("tertulia.client")


class Transport(StrEnum):
    """Which of the bridge's candidates are used."""

    ANY = "any"
    UDP = "udp"
    TCP = "tcp"


class Connection:
    """Answers one offer; ends with `close`.

    Args:
        changed: called with "connected", or with why the connection has failed.
        connect_timeout_s: from here to the end of the DTLS handshake.
    """

    def __init__(
        self,
        hub: MediaHub,
        offer: Offer,
        transport: Transport,
        *,
        connected: Callable[[str, str], None],
        failed: Callable[[str], None],
        keyframe_wanted: Callable[[int], None],
        estimated: Callable[[int], None],
        connect_timeout_s: float,
    ) -> None:
        self.offer = offer
        self.credentials = Credentials.fresh()
        self.path: PeerPath | None = None
        self.is_connected = False
        self.candidate_errors: dict[str, int] = {}  # "address:port" of TCP candidates -> errno
        self._hub = hub
        self._connected = connected
        self._failed = failed
        self._keyframe_wanted = keyframe_wanted
        self._estimated = estimated
        self._by_ssrc: dict[int, RemoteSource] = {}
        self._codecs = {codec.payload.id: codec for codec in offer.codecs}
        usable = [each for each in offer.candidates if literal(each) and _fits(each, transport)]
        self.candidates = tuple(usable)
        self.peer = hub.listen(self._heard)
        hub.engine.add_peer(
            self.peer,
            ufrag=self.credentials.ufrag,
            pwd=self.credentials.pwd,
            controlling=False,  # the bridge controls (reference signalling 5.5)
            payload_types=[_payload_type(offer, number) for number in self._codecs],
            extensions=[(each.id, each.uri) for each in offer.extensions],
            bind=_local_addresses(each for each in usable if each.protocol == "udp"),
            estimate=True,
            connect_timeout_ms=int(connect_timeout_s * 1000),
        )
        first = offer.fingerprints[0]
        hub.engine.set_remote(
            self.peer,
            ufrag=offer.ufrag,
            pwd=offer.pwd,
            fingerprints=[(each.hash, each.value) for each in offer.fingerprints],
            setup=first.setup,
        )
        for each in usable:
            self._hub.engine.add_remote_candidate(
                self.peer,
                each.ip,
                each.port,
                protocol="tcp" if each.protocol == "tcp" else "udp",
                kind=each.type,
                priority=each.priority,
            )

    @property
    def fingerprint(self) -> tuple[str, str]:
        return self._hub.engine.fingerprint

    def close(self) -> None:
        self.is_connected = False
        self._hub.forget(self.peer)

    def publish(self, sources: Sequence[OwnSource]) -> None:
        streams = [_stream(each.media, each.ssrc, each.rtx) for each in sources]
        self._hub.engine.publish(self.peer, streams)

    def subscribe(self, sources: Iterable[RemoteSource]) -> None:
        self._by_ssrc = {each.signalled.ssrc: each for each in sources}
        streams = [
            _stream(each.signalled.media, each.signalled.ssrc, each.signalled.rtx)
            for each in self._by_ssrc.values()
        ]
        self._hub.engine.subscribe(self.peer, streams)

    def request_keyframe(self, ssrc: int) -> None:
        self._hub.engine.request_keyframe(self.peer, ssrc)

    def send(self, ssrc: int, codec: str, timestamp: int, data: bytes, level: int | None) -> bool:
        """Send a frame; False when it was dropped: not connected, or too much is waiting.

        Raises: ValueError when the codec was not offered.
        """
        if not self.is_connected:
            return False
        found = self.offer.codec(codec)
        if found is None:
            raise ValueError(f"the focus offers no {codec}")
        number = found.payload.id
        return self._hub.engine.send_frame(self.peer, ssrc, number, timestamp, data, level=level)

    def desire(self, bps: int) -> None:
        self._hub.engine.desire(self.peer, bps)

    def _heard(self, event: ClientEvent) -> None:
        match event:
            case FrameReceived():
                self._frame(event)
            case PeerPath():
                self.path = event
                log.info("Media goes by %s to %s", event.protocol, event.remote)
                if self.is_connected:
                    self._connected(event.protocol, event.remote)
            case PeerConnected():
                self.is_connected = True
                if self.path is not None:
                    self._connected(self.path.protocol, self.path.remote)
            case PeerFailed():
                self.is_connected = False
                self._failed(event.reason)
            case KeyframeRequested():
                self._keyframe_wanted(event.ssrc)
            case SendEstimate():
                self._estimated(event.bps)
            case CandidateFailed():
                self.candidate_errors[f"{event.address}:{event.port}"] = event.errno

    def _frame(self, event: FrameReceived) -> None:
        source = self._by_ssrc.get(event.ssrc)
        codec = self._codecs.get(event.payload_type)
        if source is None or codec is None:
            return
        source.put(
            Frame(
                data=event.data,
                timestamp=event.timestamp,
                codec=codec.name,
                clock_rate=codec.payload.clockrate,
                keyframe=event.keyframe,
                contiguous=event.contiguous,
                level=event.level,
                arrived=event.arrived,
            )
        )


def _fits(candidate: Candidate, transport: Transport) -> bool:
    if candidate.protocol == "tcp":
        return candidate.tcptype == "passive" and transport is not Transport.UDP
    return candidate.protocol == "udp" and transport is not Transport.TCP


def _local_addresses(candidates: Iterable[Candidate]) -> list[str]:
    """The addresses from which the kernel would send to these candidates."""
    found: dict[str, None] = {}
    for candidate in candidates:
        family = socket.AF_INET6 if ":" in candidate.ip else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((candidate.ip, candidate.port))  # sends nothing
            except OSError:  # no route to it
                continue
            found[probe.getsockname()[0]] = None
    return list(found)


def _payload_type(offer: Offer, number: int) -> PayloadType:
    codec = offer.by_number(number)
    assert codec is not None
    return PayloadType(
        number,
        codec.name,  # type: ignore[arg-type]  # one of `session.CODECS`
        codec.payload.clockrate,
        channels=max(codec.payload.channels, 1),
        rtx=codec.rtx,
        parameters=dict(codec.payload.parameters),
    )


def _stream(media: Media, ssrc: int, rtx: int | None) -> Stream:
    return Stream("video" if media is Media.VIDEO else "audio", ssrc, rtx)
