"""What a bridge publishes of itself (reference bridge 4.1 and 6.2); only what it truly knows.

Values keep their types: consumers of `/colibri/stats` decode whole numbers as integers.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tertulia.bridge.endpoint import Endpoint
from tertulia.bridge.load import Load, LoadMeter
from tertulia.bridge.videobridge import Videobridge
from tertulia.xmpp import ns as NS
from tertulia.xmpp.xml import Element

Value = int | float | bool | str
Values = dict[str, Value]

_LOSS_IS_HIGH = 0.1
_USUAL_PARTICIPANT_STRESS = 0.01
_ENOUGH_TO_MEASURE = 10  # endpoints, before a share of the stress says anything about one more
# There are no relays and no data channels here; dashboards that ask for these get the truth.
_NONE_HERE = (
    "octo_conferences",
    "octo_endpoints",
    "octo_receive_bitrate",
    "octo_receive_packet_rate",
    "octo_send_bitrate",
    "octo_send_packet_rate",
    "total_bytes_received_octo",
    "total_bytes_sent_octo",
    "total_packets_received_octo",
    "total_packets_sent_octo",
    "relays_ice_failed",
    "total_data_channel_messages_received",
    "total_data_channel_messages_sent",
    "endpoints_with_spurious_remb",
)


class EndpointCounters(Protocol):
    """The part of `_engine.EndpointStats` that is read here."""

    @property
    def endpoint(self) -> int: ...
    @property
    def rtt_ms(self) -> float: ...
    @property
    def loss_in(self) -> float: ...
    @property
    def loss_out(self) -> float: ...
    @property
    def idle_ms(self) -> int: ...
    @property
    def packets_received(self) -> int: ...


class EngineCounters(Protocol):
    """The part of `_engine.EngineStats` that is read here."""

    @property
    def endpoints(self) -> Sequence[EndpointCounters]: ...
    @property
    def packets_received(self) -> int: ...
    @property
    def bytes_received(self) -> int: ...
    @property
    def packets_sent(self) -> int: ...
    @property
    def bytes_sent(self) -> int: ...
    @property
    def keyframes_received(self) -> int: ...
    @property
    def unmatched_feedback(self) -> int: ...
    @property
    def cpu_us(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Identity:
    name: str
    version: str
    region: str = ""
    channel_url: str = ""
    instance: str = ""  # of this process: a bridge that returns with it has kept its conferences


class Statistics:
    """Turns counters into the published values, rates over the time between two calls."""

    def __init__(self, identity: Identity, meter: LoadMeter | None = None) -> None:
        self._identity = identity
        self._meter = meter or LoadMeter()
        self._then: tuple[float, EngineCounters] | None = None
        self._rates = dict.fromkeys(
            (
                "bit_rate_download",
                "bit_rate_upload",
                "packet_rate_download",
                "packet_rate_upload",
            ),
            0,
        )
        self.load = Load()

    def collect(self, bridge: Videobridge, counters: EngineCounters, *, now: float) -> Values:
        """The values by their names of the reference, state of health and shutdown left out."""
        conferences = bridge.conferences
        sizes = [len(conference.endpoints) for conference in conferences]
        everyone = [e for conference in conferences for e in conference.endpoints.values()]
        inactive = [c for c in conferences if not any(e.is_active for e in c.endpoints.values())]
        silent = {each.endpoint for each in counters.endpoints if not each.packets_received}
        self._measure(counters, now)
        rtts = [each.rtt_ms for each in counters.endpoints if each.rtt_ms > 0]
        loss_in = _mean([each.loss_in for each in counters.endpoints])
        loss_out = _mean([each.loss_out for each in counters.endpoints])
        totals, counts = bridge.totals, bridge.counts
        voices = frozenset[int]().union(*(c.voices.active for c in conferences))
        values: Values = {
            "version": self._identity.version,
            "release": self._identity.version,
            "relay_id": self._identity.name,
            "stress_level": self.load.stress,
            "average_participant_stress": _each(self.load.stress, len(everyone)),
            "current_timestamp": time.strftime("%Y-%m-%d %H:%M:%S.000", time.gmtime()),
            "threads": _threads(),
            "conferences": len(conferences),
            "participants": len(everyone),
            "endpoints": len(everyone),
            "local_endpoints": len(everyone),
            "local_active_endpoints": sum(endpoint.is_active for endpoint in everyone),
            "inactive_endpoints": sum(not endpoint.is_active for endpoint in everyone),
            "visitors": sum(endpoint.is_visitor for endpoint in everyone),
            "largest_conference": max(sizes, default=0),
            "inactive_conferences": len(inactive),
            "p2p_conferences": sum(
                len(c.endpoints) == 2 and all(e.handle in silent for e in c.endpoints.values())
                for c in conferences
            ),
            "receive_only_endpoints": sum(not e.audio and not e.video for e in everyone),
            "endpoints_sending_audio": sum(sends_audio(e, voices) for e in everyone),
            "endpoints_sending_video": sum(map(sends_video, everyone)),
            "num_eps_oversending": sum(e.allocation.is_oversending for e in everyone),
            "endpoints_with_suspended_sources": sum(bool(e.allocation.suspended) for e in everyone),
            "endpoints_with_high_outgoing_loss": sum(
                each.loss_out > _LOSS_IS_HIGH for each in counters.endpoints
            ),
            "num_eps_no_msg_transport_after_delay": sum(
                e.is_connected and e.channel is None and now - e.created_at > 30.0 for e in everyone
            ),
            "rtt_aggregate": round(sum(rtts) / len(rtts), 1) if rtts else 0.0,
            "incoming_loss": loss_in,
            "outgoing_loss": loss_out,
            "overall_loss": round((loss_in + loss_out) / 2, 4),
            "total_conferences_created": totals.conferences_created,
            "total_conferences_completed": totals.conferences_completed,
            "total_conference_seconds": int(totals.conference_seconds),
            "total_participants": totals.endpoints,
            "total_visitors": totals.visitors,
            "total_ice_succeeded": totals.connected,
            "total_ice_failed": totals.ice_failed,
            "endpoints_ice_failed": totals.ice_failed,
            "dtls_failed_endpoints": totals.dtls_failed,
            "total_ice_succeeded_relayed": counts.connected_relayed,
            "endpoints_disconnected": counts.disconnected,
            "endpoints_reconnected": counts.reconnected,
            "total_dominant_speaker_changes": totals.dominant_speaker_changes
            + sum(conference.dominant_changes for conference in conferences),
            "total_keyframes_received": counters.keyframes_received,
            "total_layering_changes_received": counts.layering_changes,
            "total_video_stream_milliseconds_received": int(counts.video_s * 1000),
            "preemptive_kfr_sent": counts.keyframes_ahead,
            "preemptive_kfr_suppressed": counts.keyframes_ahead_spared,
            "tcc_unmatched_feedback": counters.unmatched_feedback,
            "total_colibri_web_socket_messages_received": counts.messages_received,
            "total_colibri_web_socket_messages_sent": totals.channel_messages_sent,
            "total_packets_received": counters.packets_received,
            "total_packets_sent": counters.packets_sent,
            "total_bytes_received": counters.bytes_received,
            "total_bytes_sent": counters.bytes_sent,
            **self._rates,
            **dict.fromkeys(_NONE_HERE, 0),
        }
        for name in ("region", "channel_url", "instance"):
            if text := getattr(self._identity, name):
                values[name] = text
        return values

    def _measure(self, counters: EngineCounters, now: float) -> None:
        self.load = self._meter.look(
            engine_us=counters.cpu_us,
            packets=counters.packets_received + counters.packets_sent,
            now=now,
        )
        if self._then is not None and now > self._then[0]:
            elapsed_s, old = now - self._then[0], self._then[1]
            kbit = 8 / 1000 / elapsed_s  # these two are in kbit/s, by convention
            self._rates = {
                "bit_rate_download": int((counters.bytes_received - old.bytes_received) * kbit),
                "bit_rate_upload": int((counters.bytes_sent - old.bytes_sent) * kbit),
                "packet_rate_download": int(
                    (counters.packets_received - old.packets_received) / elapsed_s
                ),
                "packet_rate_upload": int((counters.packets_sent - old.packets_sent) / elapsed_s),
            }
        self._then = (now, counters)


def element(values: Mapping[str, Value]) -> Element:
    """The `<stats/>` of the brewery presence."""
    stats = Element("stats", ns=NS.COLIBRI)
    for name, value in values.items():
        stats.append(Element("stat", {"name": name, "value": _text(value)}))
    return stats


def sends_audio(endpoint: Endpoint, voices: Collection[int]) -> bool:
    """Whether one of its sources is among `voices`, the handles of what sends sound now."""
    return any(order.handle in voices for order in endpoint.audio.values())


def sends_video(endpoint: Endpoint) -> bool:
    return any(track.layers for track in endpoint.video.values())


def _each(stress: float, endpoints: int) -> float:
    """What one more participant will add, by what those here cost."""
    if endpoints < _ENOUGH_TO_MEASURE:
        return _USUAL_PARTICIPANT_STRESS
    return round(max(stress / endpoints, 0.0005), 4)


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


def _threads() -> int:
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:  # no Linux
        return 0


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
