"""What the packet engine reports, brought to the conference it concerns."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from tertulia import _engine
from tertulia.bridge.conference import Conference
from tertulia.bridge.counts import Restart
from tertulia.bridge.video import Layer
from tertulia.bridge.videobridge import Videobridge

log = logging.getLogger("tertulia.bridge")


def dispatch_all(bridge: Videobridge, events: Iterable[_engine.Event], now: float) -> None:
    """Hand over what the engine reports, then let each conference decide once."""
    homes = {dispatch(bridge, event, now) for event in events}
    for conference in homes:
        if conference is not None:
            conference.settle(now)


def dispatch(bridge: Videobridge, event: _engine.Event, now: float) -> Conference | None:
    """Hand one event over; one about what is gone already is dropped.

    Returns: the conference it concerns, unless the event ended that.
    """
    if isinstance(event, (_engine.SourceLevels, _engine.SourceLayers)):
        conference = bridge.home(event.source)
        if conference is None:
            return None
        if isinstance(event, _engine.SourceLevels):
            conference.heard(event.source, event.levels, now)
        else:
            layers = tuple(Layer(*each) for each in event.layers)
            conference.layers_changed(event.source, layers, now)
        return conference
    if isinstance(event, _engine.EndpointFailed):
        lost = bridge.endpoint_failed(event.endpoint, event.reason, now)
        if lost is not None:  # else the focus has let it go before
            log.warning("Endpoint failed: endpoint=%s reason=%s", lost.endpoint, lost.reason)
        return None
    conference = bridge.home(event.endpoint)
    if conference is None:
        return None
    if isinstance(event, _engine.BandwidthEstimate):
        conference.estimated(event.endpoint, event.bps)
    elif isinstance(event, _engine.DtlsConnected):
        endpoint = conference.connected(event.endpoint)
        bridge.totals.connected += 1
        if endpoint is not None:
            log.info("Endpoint connected: endpoint=%s srtp=%s", endpoint.id, event.srtp_profile)
    elif isinstance(event, _engine.IceRestartFailed):
        log.warning("ICE restart failed: conference=%s", conference.id)
        conference.restart_ended(event.endpoint, Restart.FAILED)
    else:
        what = "connected"
        if isinstance(event, _engine.IceRestarted):
            what = "restarted"
            conference.restart_ended(event.endpoint, Restart.SUCCEEDED)
        log.info("ICE %s: conference=%s remote=%s", what, conference.id, event.remote)
        conference.path_found(event.endpoint, event.remote)
    return conference
