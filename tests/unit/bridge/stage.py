"""A conference on its own: endpoints with a voice and a camera; what channels say is kept."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.unit.bridge.recorder import Recorder

from tertulia.bridge.conference import Conference
from tertulia.bridge.conference_limits import ConferenceLimits
from tertulia.bridge.downlink import PathReport
from tertulia.bridge.endpoint import Endpoint
from tertulia.bridge.video import Layer
from tertulia.xmpp.colibri2 import EndpointOrder, MediaSource
from tertulia.xmpp.jingle_rtp import Media, Semantics, Source, SsrcGroup

CAMERA_LAYERS = (
    Layer(0, 0, 0, 200_000, 180, 30.0),
    Layer(1, 0, 0, 500_000, 360, 30.0),
    Layer(2, 0, 0, 1_500_000, 720, 30.0),
)


class Wire:
    """A bridge channel whose messages are kept."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None

    @property
    def waiting_bytes(self) -> int:
        return 0

    def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def of(self, colibri_class: str) -> list[dict[str, Any]]:
        return [each for each in self.sent if each["colibriClass"] == colibri_class]


class Stage:
    """A conference of endpoints that each send a voice and a simulcast camera."""

    def __init__(self, *ids: str, limits: ConferenceLimits | None = None) -> None:
        self.media = Recorder()
        self.now = 100.0
        handles = itertools.count(1)
        self.conference = Conference(
            id="c",
            meeting_id="m",
            name="",
            media=self.media,
            new_handle=lambda: next(handles),
            now=self.now,
            limits=limits,
        )
        self.wires: dict[str, Wire] = {}
        for number, endpoint_id in enumerate(ids):
            self.joins(endpoint_id, 100 * (number + 1))

    def joins(self, endpoint_id: str, ssrc: int, role: str = "participant") -> Endpoint:
        order = EndpointOrder(id=endpoint_id, create=True, muc_role=role)
        endpoint = self.conference.add_endpoint(order, self.now, controlling=True)
        self.conference.set_sources(endpoint, sources(endpoint_id, ssrc), self.now)
        self.connects(endpoint_id)
        return endpoint

    def connects(self, endpoint_id: str) -> Wire:
        wire = self.wires[endpoint_id] = Wire()
        self.conference.channel_opened(self.endpoint(endpoint_id), wire, self.now)
        return wire

    def endpoint(self, endpoint_id: str) -> Endpoint:
        return self.conference.endpoints[endpoint_id]

    def says(self, endpoint_id: str, colibri_class: str, **fields: object) -> None:
        text = json.dumps({"colibriClass": colibri_class, **fields})
        self.conference.received(self.endpoint(endpoint_id), text, self.now)

    def handle(self, endpoint_id: str, name: str) -> int:
        endpoint = self.endpoint(endpoint_id)
        if name in endpoint.audio:
            return endpoint.audio[name].handle
        return endpoint.video[name].order.handle

    def received_by(self, endpoint_id: str) -> set[tuple[int, int, int]]:
        return set(self.media.forwarded.get(self.endpoint(endpoint_id).handle, ()))

    def sends(self, endpoint_id: str, layers: tuple[Layer, ...]) -> None:
        handle = self.handle(endpoint_id, f"{endpoint_id}-v0")
        self.conference.layers_changed(handle, layers, self.now)
        self.conference.settle(self.now)

    def estimates(self, endpoint_id: str, bps: int) -> None:
        self.conference.estimated(self.endpoint(endpoint_id).handle, bps)
        self.conference.settle(self.now)

    def loses(self, endpoint_id: str, loss: float) -> None:
        """The engine reports loss towards this endpoint, once."""
        report = PathReport(rtt_ms=30.0, loss=loss)
        handle = self.endpoint(endpoint_id).handle
        self.conference.observe_paths({handle: report}, self.now)

    def reasons_of(self, endpoint_id: str) -> dict[str, str]:
        """What the client of an endpoint knows, from all messages of its channel."""
        known: dict[str, str | None] = {}
        for message in self.wires[endpoint_id].of("SourceReasons"):
            known |= message["sources"]
        return {name: reason for name, reason in known.items() if reason is not None}

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.conference.tick(self.now)


def sources(endpoint_id: str, ssrc: int) -> tuple[MediaSource, ...]:
    video = tuple(Source(ssrc=ssrc + n, name=f"{endpoint_id}-v0") for n in range(1, 7))
    groups = (
        SsrcGroup(Semantics.SIM, (ssrc + 1, ssrc + 2, ssrc + 3)),
        *(SsrcGroup(Semantics.FID, (ssrc + n, ssrc + n + 3)) for n in (1, 2, 3)),
    )
    return (
        MediaSource(id=f"{endpoint_id}-a0", type=Media.AUDIO, sources=(Source(ssrc=ssrc),)),
        MediaSource(id=f"{endpoint_id}-v0", type=Media.VIDEO, sources=video, groups=groups),
    )
