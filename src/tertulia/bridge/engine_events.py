"""What the packet engine reports, brought to the conference it concerns."""

from __future__ import annotations

import logging

from tertulia import _engine
from tertulia.bridge.allocation import Layer
from tertulia.bridge.videobridge import Videobridge

log = logging.getLogger("tertulia.bridge")


def dispatch(bridge: Videobridge, event: _engine.Event, now: float) -> None:
    """Hand one event over; one about what is gone already is dropped."""
    if isinstance(event, (_engine.SourceLevels, _engine.SourceLayers)):
        conference = bridge.home(event.source)
        if conference is None:
            return
        if isinstance(event, _engine.SourceLevels):
            conference.heard(event.source, event.levels, now)
        else:
            conference.layers_changed(event.source, tuple(Layer(*each) for each in event.layers))
        return
    if isinstance(event, _engine.EndpointFailed):
        endpoint_id = bridge.endpoint_failed(event.endpoint, event.reason, now)
        log.warning("Endpoint failed: endpoint=%s reason=%s", endpoint_id, event.reason)
        return
    conference = bridge.home(event.endpoint)
    if conference is None:
        return
    if isinstance(event, _engine.BandwidthEstimate):
        conference.estimated(event.endpoint, event.bps, now)
    elif isinstance(event, _engine.DtlsConnected):
        endpoint = conference.connected(event.endpoint)
        bridge.totals.connected += 1
        if endpoint is not None:
            log.info("Endpoint connected: endpoint=%s srtp=%s", endpoint.id, event.srtp_profile)
    elif isinstance(event, _engine.IceRestartFailed):
        log.warning("ICE restart failed: conference=%s", conference.id)
    else:
        what = "restarted" if isinstance(event, _engine.IceRestarted) else "connected"
        log.info("ICE %s: conference=%s remote=%s", what, conference.id, event.remote)
