"""The focus' metrics for Prometheus (reference bridge 6.3), and one line for each bridge."""

from __future__ import annotations

from tertulia.focus.service import Focus
from tertulia.metrics import Family, counter, counters, gauge, gauges, histogram

_SIZES = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200)


def families(focus: Focus, now: float) -> list[Family]:
    """All families of one focus; `now` on its clock."""
    totals = focus.totals
    conferences = list(focus.conferences.values())
    bridges = focus.brewery.bridges
    sizes = [len(conference.participants) for conference in conferences]
    sources = [s for c in conferences for s in c.sources.owners().values()]
    return [
        gauge("jitsi_jicofo_healthy", "0 while no conference can be held.", focus.can_meet(now)),
        gauge("jitsi_jicofo_conferences", "Conferences now.", len(conferences)),
        gauge("jitsi_jicofo_participants_current", "Participants now.", sum(sizes)),
        gauge(
            "jitsi_jicofo_largest_conference", "Participants of the largest.", max(sizes, default=0)
        ),
        histogram(
            "tertulia_conferences_by_size", "Conferences now, by participants.", sizes, _SIZES
        ),
        gauges(
            "tertulia_streams",
            "Audio and video streams (SSRCs, retransmissions included) signalled now.",
            {
                ("audio",): sum(len(each.audio) for each in sources),
                ("video",): sum(len(each.video) for each in sources),
            },
            ("media",),
        ),
        counter(
            "jitsi_jicofo_conferences_created_total",
            "Conferences since the start.",
            totals.conferences_created,
        ),
        counter(
            "jitsi_jicofo_conference_requests_total",
            "Requests for a conference.",
            totals.conference_requests,
        ),
        counter(
            "jitsi_jicofo_participants_total", "Participants since the start.", totals.participants
        ),
        counter(
            "jitsi_jicofo_participants_moved_total",
            "Invitations because a bridge went.",
            totals.participants_moved,
        ),
        counter(
            "jitsi_jicofo_participants_ice_failed_total",
            "Clients that reported failed ICE.",
            totals.participants_ice_failed,
        ),
        counter(
            "jitsi_jicofo_participants_restart_requested_total",
            "Clients that asked for a new session.",
            totals.restarts_requested,
        ),
        counter(
            "tertulia_restarts_refused_total",
            "Of these, asked for too often.",
            totals.restarts_refused,
        ),
        counter(
            "jitsi_jicofo_ice_restarts_requested_total",
            "Clients that asked to restart ICE in place.",
            totals.ice_restarts_requested,
        ),
        counter(
            "jitsi_jicofo_ice_restarts_relayed_total",
            "Of these, granted by the bridge.",
            totals.ice_restarts_relayed,
        ),
        counter(
            "tertulia_endpoints_lost_total",
            "Endpoints that their bridge gave up.",
            totals.endpoints_lost,
        ),
        counter(
            "tertulia_invitations_failed_total",
            "Session offers refused or not answered.",
            totals.invitations_failed,
        ),
        gauge("jitsi_jicofo_bridge_selector_bridge_count", "Bridges in the brewery.", len(bridges)),
        gauge(
            "jitsi_jicofo_bridge_selector_bridge_count_operational",
            "Of these, usable.",
            sum(focus.brewery.is_operational(bridge, now) for bridge in bridges),
        ),
        gauge(
            "jitsi_jicofo_bridge_selector_bridge_count_in_shutdown",
            "Of these, shutting down.",
            sum(b.in_graceful_shutdown or b.is_shutting_down for b in bridges),
        ),
        counter(
            "jitsi_jicofo_bridge_selector_lost_bridges_total",
            "Bridges that left without a word.",
            totals.bridges_lost,
        ),
        counter(
            "tertulia_bridge_timeouts_total",
            "Requests that a bridge did not answer.",
            totals.bridge_timeouts,
        ),
        counters(
            "tertulia_bridge_refusals_total",
            "Requests that a bridge refused.",
            totals.bridge_refusals,
            ("condition", "reason"),
        ),
        gauges(
            "tertulia_bridge_stress",
            "Stress each bridge reports.",
            {(b.name,): b.stress for b in bridges},
            ("bridge",),
        ),
        gauges(
            "tertulia_bridge_conferences",
            "Conferences the focus holds on each bridge.",
            {(b.name,): sum(c.bridge is b for c in conferences) for b in bridges},
            ("bridge",),
        ),
    ]
