"""What a bridge publishes of itself (reference bridge 4.1 and 6.2); only what it truly knows."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tertulia.bridge.videobridge import Videobridge
from tertulia.xmpp import ns as NS
from tertulia.xmpp.xml import Element

_BUSY_CPU = 0.9  # of all processors: this much is a stress of 1
_LOSS_IS_HIGH = 0.1


class EndpointCounters(Protocol):
    """The part of `_engine.EndpointStats` that is read here."""

    @property
    def rtt_ms(self) -> float: ...
    @property
    def loss_in(self) -> float: ...
    @property
    def loss_out(self) -> float: ...
    @property
    def idle_ms(self) -> int: ...


class EngineCounters(Protocol):
    """The part of `_engine.EngineStats` that is read here."""

    @property
    def packets_received(self) -> int: ...
    @property
    def bytes_received(self) -> int: ...
    @property
    def packets_sent(self) -> int: ...
    @property
    def bytes_sent(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Identity:
    name: str
    version: str
    region: str = ""
    channel_url: str = ""


class CpuMeter:
    """How busy this machine's processors were since the last look, 0 to 1."""

    def __init__(self) -> None:
        self._then = _cpu_times()

    def busy(self) -> float:
        idle_then, total_then = self._then
        self._then = idle, total = _cpu_times()
        if total <= total_then:
            return min(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
        return max(0.0, min(1.0, 1.0 - (idle - idle_then) / (total - total_then)))


def _cpu_times() -> tuple[int, int]:
    """(idle, total) in ticks since boot; zeros where the kernel does not tell."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return 0, 0
    ticks = [int(part) for part in line.split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


class Statistics:
    """Turns counters into the published values, rates over the time between two calls."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._cpu = CpuMeter()
        self._then: tuple[float, EngineCounters] | None = None

    def collect(
        self,
        bridge: Videobridge,
        counters: EngineCounters,
        endpoints: list[EndpointCounters],
        *,
        now: float,
        is_shutting_down: bool,
    ) -> dict[str, str]:
        """The values by their names of the reference."""
        conferences = bridge.conferences
        sizes = [len(conference.endpoints) for conference in conferences]
        everyone = [e for conference in conferences for e in conference.endpoints.values()]
        stress = self._cpu.busy() / _BUSY_CPU
        rtts = [each.rtt_ms for each in endpoints if each.rtt_ms > 0]
        values: dict[str, object] = {
            "version": self._identity.version,
            "relay_id": self._identity.name,
            "stress_level": round(stress, 3),
            "average_participant_stress": 0.01,
            "healthy": True,
            "drain": False,
            "graceful_shutdown": bridge.in_graceful_shutdown,
            "shutting_down": is_shutting_down,
            "current_timestamp": time.strftime("%Y-%m-%d %H:%M:%S.000", time.gmtime()),
            "conferences": len(conferences),
            "participants": len(everyone),
            "endpoints": len(everyone),
            "local_endpoints": len(everyone),
            "local_active_endpoints": sum(endpoint.is_active for endpoint in everyone),
            "inactive_endpoints": sum(not endpoint.is_active for endpoint in everyone),
            "visitors": sum(endpoint.is_visitor for endpoint in everyone),
            "largest_conference": max(sizes, default=0),
            "receive_only_endpoints": sum(not e.audio and not e.video for e in everyone),
            "num_eps_oversending": sum(e.allocation.is_oversending for e in everyone),
            "endpoints_with_suspended_sources": sum(bool(e.allocation.suspended) for e in everyone),
            "endpoints_with_high_outgoing_loss": sum(
                each.loss_out > _LOSS_IS_HIGH for each in endpoints
            ),
            "rtt_aggregate": round(sum(rtts) / len(rtts), 1) if rtts else 0,
            "incoming_loss": _mean([each.loss_in for each in endpoints]),
            "outgoing_loss": _mean([each.loss_out for each in endpoints]),
            "total_conferences_created": bridge.totals.conferences_created,
            "total_conferences_completed": bridge.totals.conferences_completed,
            "total_conference_seconds": int(bridge.totals.conference_seconds),
            "total_participants": bridge.totals.endpoints,
            "total_ice_succeeded": bridge.totals.connected,
            "total_ice_failed": bridge.totals.ice_failed,
            "dtls_failed_endpoints": bridge.totals.dtls_failed,
            "total_dominant_speaker_changes": bridge.totals.dominant_speaker_changes
            + sum(conference.dominant_changes for conference in conferences),
            "total_colibri_web_socket_messages_received": bridge.totals.channel_messages
            + sum(conference.messages_received for conference in conferences),
            "total_packets_received": counters.packets_received,
            "total_packets_sent": counters.packets_sent,
            "total_bytes_received": counters.bytes_received,
            "total_bytes_sent": counters.bytes_sent,
            **self._rates(counters, now),
        }
        if self._identity.region:
            values["region"] = self._identity.region
        if self._identity.channel_url:
            values["channel_url"] = self._identity.channel_url
        return {name: _text(value) for name, value in values.items()}

    def _rates(self, counters: EngineCounters, now: float) -> dict[str, int]:
        then, self._then = self._then, (now, counters)
        if then is None or now <= then[0]:
            return {}
        elapsed_s, old = now - then[0], then[1]
        kbit = 8 / 1000 / elapsed_s  # these two are in kbit/s, by convention
        return {
            "bit_rate_download": int((counters.bytes_received - old.bytes_received) * kbit),
            "bit_rate_upload": int((counters.bytes_sent - old.bytes_sent) * kbit),
            "packet_rate_download": int(
                (counters.packets_received - old.packets_received) / elapsed_s
            ),
            "packet_rate_upload": int((counters.packets_sent - old.packets_sent) / elapsed_s),
        }


def element(values: Mapping[str, str]) -> Element:
    """The `<stats/>` of the brewery presence."""
    stats = Element("stats", ns=NS.COLIBRI)
    for name, value in values.items():
        stats.append(Element("stat", {"name": name, "value": value}))
    return stats


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
