"""What an operator looks at when meetings go wrong (reference bridge 6.1, `/debug`).

Conferences, their endpoints, the way to each, what it sends and what it is given, with the reason
for everything that is less than there is. The size is bounded. Ids are those that clients made up
at random; names and addresses of people are left out unless they are asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tertulia import _engine
from tertulia.bridge.conference import Conference
from tertulia.bridge.endpoint import Endpoint
from tertulia.bridge.video import Layer
from tertulia.bridge.videobridge import Videobridge

MOST_ENDPOINTS = 500  # on one page; the larger conferences come first
MOST_STREAMS = 50  # of one endpoint, in each direction, on the page of its conference
MOST_STREAMS_ALONE = 1000  # and on its own page

Page = dict[str, Any]
Handles = Mapping[int, _engine.EndpointStats]


@dataclass(frozen=True, slots=True)
class Detail:
    """What a page tells beside figures."""

    names: bool = False  # of rooms, and the ids for statistics
    addresses: bool = False
    streams: int = 0  # how many of each endpoint; 0: only how many there are


def overview(bridge: Videobridge, engine: _engine.EngineStats, now: float, detail: Detail) -> Page:
    """All conferences with their endpoints, without the single streams."""
    measured = _by_handle(engine)
    conferences: list[Page] = []
    room = MOST_ENDPOINTS
    largest_first = sorted(bridge.conferences, key=lambda each: -len(each.endpoints))
    for conference in largest_first:
        if room <= 0:
            break
        conferences.append(_conference(conference, measured, now, detail, room))
        room -= max(1, len(conference.endpoints))  # an empty one takes its line too
    shown = sum(len(each["endpoints"]) for each in conferences)
    channels = [e.channel for c in bridge.conferences for e in c.endpoints.values() if e.channel]
    return {
        "conferences": conferences,
        "left_out": {
            "conferences": len(largest_first) - len(conferences),
            "endpoints": bridge.endpoints - shown,
        },
        "stress": bridge.stress,
        "memory_mib": bridge.memory_mib,
        "videos_to_anybody_at_most": bridge.last_n,
        "queues": {
            "channels": len(channels),
            "channels_waiting_bytes": sum(each.waiting_bytes for each in channels),
            "tcp_connections": engine.tcp_open,
            "packets_dropped_for_full_queues": engine.dropped.get("send-queue-full", 0),
        },
        "dropped": dict(sorted(engine.dropped.items())),
    }


def one_conference(
    conference: Conference, engine: _engine.EngineStats, now: float, detail: Detail
) -> Page:
    """One conference with the streams of its endpoints."""
    return _conference(conference, _by_handle(engine), now, detail, MOST_ENDPOINTS)


def one_endpoint(
    conference: Conference,
    endpoint: Endpoint,
    engine: _engine.EngineStats,
    now: float,
    detail: Detail,
) -> Page:
    return _endpoint(conference, endpoint, _by_handle(engine), now, detail)


def _by_handle(engine: _engine.EngineStats) -> Handles:
    return {each.endpoint: each for each in engine.endpoints}


def _conference(
    conference: Conference, measured: Handles, now: float, detail: Detail, room: int
) -> Page:
    everyone = list(conference.endpoints.values())
    page: Page = {
        "id": conference.id,
        "meeting_id": conference.meeting_id,
        "age_s": round(now - conference.created_at, 1),
        "dominant_speaker": conference.speech.dominant,
        "endpoints": {
            each.id: _endpoint(conference, each, measured, now, detail) for each in everyone[:room]
        },
    }
    if len(everyone) > room:
        page["endpoints_left_out"] = len(everyone) - room
    if detail.names:
        page["name"] = conference.name
    return page


def _endpoint(
    conference: Conference, endpoint: Endpoint, measured: Handles, now: float, detail: Detail
) -> Page:
    engine = measured.get(endpoint.handle)
    allocation, channel = endpoint.allocation, endpoint.channel
    page: Page = {
        "age_s": round(now - endpoint.created_at, 1),
        "is_visitor": endpoint.is_visitor,
        "transport": _transport(endpoint, engine, detail),
        "channel": {
            "is_open": channel is not None,
            "waiting_bytes": channel.waiting_bytes if channel is not None else 0,
        },
        "downlink": {
            "estimate_bps": endpoint.estimate_bps,
            "budget_bps": endpoint.budget_bps,
            "target_bps": allocation.target_bps,
            "ideal_bps": allocation.ideal_bps,
            "is_oversending": allocation.is_oversending,
        },
        "audio_sources": len(endpoint.audio),
        "video_sources": len(endpoint.video),
        "videos_received": len(allocation.layers),
        "reduced": dict(Counter(each.value for each in allocation.reasons.values())),
    }
    if detail.names:
        page["stats_id"] = endpoint.stats_id
    if detail.streams:
        page["sends"] = _sends(conference, endpoint, detail.streams)
        page["receives"] = _receives(endpoint, detail.streams)
    return page


def _transport(endpoint: Endpoint, engine: _engine.EndpointStats | None, detail: Detail) -> Page:
    if engine is None:
        return {"state": "new"}  # the engine's next snapshot will have it
    page: Page = {"state": state_of(endpoint, engine)}
    if engine.path is not None:
        local, remote, protocol = engine.path
        is_relayed = endpoint.path.leads_through_relay(remote)
        page |= {"protocol": protocol, "is_relayed": is_relayed}
        if detail.addresses:
            page["pair"] = {"local": local, "remote": remote}
    return page | {
        "idle_ms": engine.idle_ms,
        "rtt_ms": round(engine.rtt_ms, 1),
        "loss_in": round(engine.loss_in, 4),
        "loss_out": round(engine.loss_out, 4),
        "ice_generation": endpoint.restart.generation,
        "packets_received": engine.packets_received,
        "packets_sent": engine.packets_sent,
        "bytes_received": engine.bytes_received,
        "bytes_sent": engine.bytes_sent,
        "nacks_received": engine.nacks_received,
        "nacks_sent": engine.nacks_sent,
        "retransmissions_sent": engine.retransmissions_sent,
        "keyframe_requests_received": engine.keyframe_requests_received,
        "keyframe_requests_sent": engine.keyframe_requests_sent,
    }


def state_of(endpoint: Endpoint, engine: _engine.EndpointStats) -> str:
    """How far its connection is, in a word."""
    if endpoint.is_connected:
        return "connected" if endpoint.is_active else "silent"
    if engine.path is not None:
        return "handshake"  # ICE has found a path, DTLS has not ended
    return "checking" if endpoint.has_remote else "awaits-answer"


def _sends(conference: Conference, endpoint: Endpoint, most: int) -> Page:
    voices = conference.voices.active
    audio: Page = {
        name: {"is_heard": order.handle in voices} for name, order in endpoint.audio.items()
    }
    video: Page = {}
    for source in endpoint.video_sources():
        track = endpoint.video[source.name]
        video[source.name] = {
            "type": source.video_type.value,
            "encodings": source.encodings,
            "layers": [_layer(each) for each in source.layers],
            "asked_height": track.told_height,
            "sends_less_than_asked": source.is_limited,
            "muted_by_force": source.is_muted,
        }
    return _cut({"audio": audio, "video": video}, most)


def _receives(endpoint: Endpoint, most: int) -> Page:
    allocation, suspended = endpoint.allocation, set(endpoint.allocation.suspended)
    video: Page = {}
    for name in dict.fromkeys((*allocation.effective_heights, *allocation.reasons)):
        layer, reason = allocation.layers.get(name), allocation.reasons.get(name)
        video[name] = {
            "asked_height": endpoint.constraints.height_of(name),
            "layer": None if layer is None else _layer(layer),
            "reason": None if reason is None else reason.value,
            "is_suspended": name in suspended,
        }
    return _cut({"video": video}, most)


def _cut(streams: dict[str, Page], most: int) -> Page:
    cut: Page = {kind: dict(list(each.items())[:most]) for kind, each in streams.items()}
    left_out = sum(max(0, len(each) - most) for each in streams.values())
    return cut | {"left_out": left_out} if left_out else cut


def _layer(layer: Layer) -> Page:
    return {
        "encoding": layer.encoding,
        "spatial": layer.spatial,
        "temporal": layer.temporal,
        "height": layer.height,
        "fps": round(layer.fps, 1),
        "bps": layer.bps,
    }
