"""The bridge's metrics for Prometheus: the usual names (reference bridge 6.3), and our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tertulia.bridge.counts import Restart
from tertulia.bridge.load import Load
from tertulia.bridge.stats import Values, sends_audio, sends_video
from tertulia.bridge.videobridge import Videobridge
from tertulia.metrics import Family, counter, counters, gauge, histogram

_SIZES = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200)

# name -> (key of the statistics, meaning)
_GAUGES = {
    "stress": ("stress_level", "Load of the bridge's threads and packets; 1 is all it can do."),
    "drain_mode": ("drain", "1 while new conferences should go elsewhere."),
    "graceful_shutdown": ("graceful_shutdown", "1 while no new conferences are taken."),
    "shutting_down": ("shutting_down", "1 while conferences are being moved away."),
    "conferences": ("conferences", "Conferences now."),
    "conferences_inactive": ("inactive_conferences", "Conferences in which nobody is heard from."),
    "conferences_p2p": ("p2p_conferences", "Conferences of two that send each other directly."),
    "largest_conference": ("largest_conference", "Endpoints of the largest conference."),
    "current_endpoints": ("endpoints", "Endpoints now."),
    "local_endpoints": ("local_endpoints", "Endpoints connected to this bridge itself."),
    "active_endpoints": ("local_active_endpoints", "Endpoints heard from lately."),
    "endpoints_inactive": ("inactive_endpoints", "Endpoints not heard from for some seconds."),
    "endpoints_recvonly": ("receive_only_endpoints", "Endpoints without any source."),
    "endpoints_sending_audio": ("endpoints_sending_audio", "Endpoints whose voice is heard."),
    "endpoints_sending_video": ("endpoints_sending_video", "Endpoints whose video arrives."),
    "endpoints_oversending": ("num_eps_oversending", "Endpoints sent more than estimated."),
    "endpoints_with_suspended_sources": (
        "endpoints_with_suspended_sources",
        "Endpoints that miss a source for lack of bandwidth.",
    ),
    "endpoints_with_high_outgoing_loss": (
        "endpoints_with_high_outgoing_loss",
        "Endpoints that lose over 10 % of what is sent to them.",
    ),
    "visitors": ("visitors", "Visitors now."),
    "incoming_bitrate": ("bit_rate_download", "Received, in kbit/s."),
    "outgoing_bitrate": ("bit_rate_upload", "Sent, in kbit/s."),
    "incoming_packet_rate": ("packet_rate_download", "Received packets per second."),
    "outgoing_packet_rate": ("packet_rate_upload", "Sent packets per second."),
    "incoming_loss_fraction": ("incoming_loss", "Share of packets lost on the way to us."),
    "outgoing_loss_fraction": ("outgoing_loss", "Share of packets lost on the way from us."),
    "loss_fraction": ("overall_loss", "Share of packets lost, both ways."),
    "average_rtt": ("rtt_aggregate", "Mean round trip to endpoints, in ms."),
    "thread_count": ("threads", "Threads of the process."),
}
_COUNTERS = {
    "conferences_created": ("total_conferences_created", "Conferences since the start."),
    "conferences_completed": ("total_conferences_completed", "Conferences that have ended."),
    "conference_seconds": ("total_conference_seconds", "Seconds of ended conferences."),
    "endpoints": ("total_participants", "Endpoints since the start."),
    "ice_succeeded": ("total_ice_succeeded", "Endpoints that connected."),
    "ice_failed": ("total_ice_failed", "Endpoints whose ICE failed."),
    "endpoints_dtls_failed": ("dtls_failed_endpoints", "Endpoints whose DTLS failed."),
    "endpoints_disconnected": ("endpoints_disconnected", "Times an endpoint was heard no more."),
    "endpoints_reconnected": ("endpoints_reconnected", "Times one was heard again."),
    "dominant_speaker_changes": ("total_dominant_speaker_changes", "Changes of who speaks."),
    "colibri_web_socket_messages_received": (
        "total_colibri_web_socket_messages_received",
        "Messages on bridge channels.",
    ),
    "colibri_web_socket_messages_sent": (
        "total_colibri_web_socket_messages_sent",
        "Messages sent on bridge channels.",
    ),
    "ice_succeeded_relayed": (
        "total_ice_succeeded_relayed",
        "Endpoints that connected through a TURN server.",
    ),
    "keyframes_received": ("total_keyframes_received", "Key frames received, of any encoding."),
    "layering_changes_received": (
        "total_layering_changes_received",
        "Times a sender changed what layers it sends.",
    ),
    "video_milliseconds_received": (
        "total_video_stream_milliseconds_received",
        "Milliseconds of video received, of all encodings together.",
    ),
    "preemptive_keyframe_requests_sent": (
        "preemptive_kfr_sent",
        "Key frames asked of a new speaker before anybody's stage shows it.",
    ),
    "preemptive_keyframe_requests_suppressed": (
        "preemptive_kfr_suppressed",
        "Key frames not asked of a new speaker: nobody's stage follows who speaks.",
    ),
    "packets_received": ("total_packets_received", "Packets received."),
    "packets_sent": ("total_packets_sent", "Packets sent."),
    "bytes_received": ("total_bytes_received", "Bytes received, in UDP payload."),
    "bytes_sent": ("total_bytes_sent", "Bytes sent, in UDP payload."),
}


class EngineFigures(Protocol):
    """The part of `_engine.EngineStats` that is read here."""

    @property
    def packets_forwarded(self) -> int: ...
    @property
    def wakeups(self) -> int: ...
    @property
    def cpu_us(self) -> int: ...
    @property
    def dropped(self) -> Mapping[str, int]: ...


def families(
    values: Values,
    bridge: Videobridge,
    engine: EngineFigures,
    load: Load,
    *,
    is_up: bool,
    started_s: float,
    refusals: Mapping[tuple[str, str], int],
    sizes: Sequence[int],
    disconnects: int,
) -> list[Family]:
    """All families of one bridge.

    Args:
        values: the statistics last published.
        started_s: when the process started, in seconds since 1970.
        refusals: (error, condition) -> how often this process refused a stanza with it.
        sizes: of the conferences, in endpoints.
        disconnects: how often a place in a brewery was lost.
    """
    usual = [
        gauge(f"jitsi_jvb_{name}", meaning, float(values[key]))
        for name, (key, meaning) in _GAUGES.items()
    ]
    usual += [
        counter(f"jitsi_jvb_{name}_total", meaning, float(values[key]))
        for name, (key, meaning) in _COUNTERS.items()
    ]
    return [
        gauge("jitsi_jvb_healthy", "0 when no media can flow through this bridge.", is_up),
        gauge(
            "jitsi_jvb_startup_time",
            "When the process started, in ms since 1970.",
            int(started_s * 1000),
        ),
        *usual,
        gauge(
            "process_resident_memory_bytes",
            "Memory of the process that is in RAM.",
            bridge.memory_mib * 1024**2,
        ),
        histogram(
            "jitsi_jvb_conferences_by_size", "Conferences now, by their endpoints.", sizes, _SIZES
        ),
        histogram(
            "jitsi_jvb_conferences_by_audio_sender",
            "Conferences now, by their endpoints whose voice is heard.",
            [
                sum(sends_audio(e, c.voices.active) for e in c.endpoints.values())
                for c in bridge.conferences
            ],
            _SIZES,
        ),
        histogram(
            "jitsi_jvb_conferences_by_video_sender",
            "Conferences now, by their endpoints whose video arrives.",
            [sum(map(sends_video, c.endpoints.values())) for c in bridge.conferences],
            _SIZES,
        ),
        *(
            counter(
                f"jitsi_jvb_ice_restarts_{how}_total",
                f"ICE restarts in place: {how.value.replace('_', ' ')}.",
                bridge.counts.restarts[how],
            )
            for how in Restart
        ),
        *(
            counter(
                f"jitsi_jvb_colibri_web_socket_close_{how}_total",
                f"Bridge channels that ended: {how}.",
                bridge.totals.channels_closed[how],
            )
            for how in ("normal", "abnormal")
        ),
        counter(
            "jitsi_jvb_xmpp_disconnects_total",
            "Times the bridge lost a server whose brewery it was in.",
            disconnects,
        ),
        gauge(
            "tertulia_bridge_engine_busy",
            "Share of a processor the engine's thread took.",
            load.engine,
        ),
        gauge("tertulia_bridge_mind_busy", "Share of a processor everything else took.", load.mind),
        counter(
            "tertulia_bridge_packets_forwarded_total",
            "Packets forwarded, one for each receiver.",
            engine.packets_forwarded,
        ),
        counter("tertulia_bridge_engine_wakeups_total", "Wake-ups of the engine.", engine.wakeups),
        counter(
            "tertulia_bridge_engine_cpu_seconds_total",
            "Processor time of the engine's thread.",
            engine.cpu_us / 1e6,
        ),
        counters(
            "tertulia_bridge_dropped_packets_total",
            "Packets dropped, by reason.",
            {(reason,): count for reason, count in engine.dropped.items()},
            ("reason",),
        ),
        counters(
            "tertulia_bridge_endpoints_lost_total",
            "Endpoints the engine gave up, by reason.",
            {(reason,): count for reason, count in bridge.totals.lost.items()},
            ("reason",),
        ),
        counters(
            "tertulia_refusals_total",
            "Requests refused, by the error that was answered.",
            refusals,
            ("error", "condition"),
        ),
    ]
