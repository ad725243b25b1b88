"""What the focus may ask of one conference: how each endpoint is connected, and how well.

Asked with `<report meeting-id='...'/>`, answered with JSON (XEP-0335); for administrators, who see
it by name of the room in the control process. The size is bounded.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from tertulia import _engine
from tertulia.bridge.debug import state_of
from tertulia.bridge.endpoint import Endpoint
from tertulia.bridge.reasons import Reason
from tertulia.bridge.videobridge import Videobridge
from tertulia.xmpp import ns as NS
from tertulia.xmpp.colibri2 import ConferenceNotFound
from tertulia.xmpp.xml import Element

MOST_ENDPOINTS = 500
# What somebody asked for, or switched off, is no fault.
_FAULTS = frozenset({Reason.YOUR_DOWNLINK, Reason.THEIR_UPLINK, Reason.BRIDGE_BUSY})

Stats = Callable[[], _engine.EngineStats]


def report(bridge: Videobridge, stats: Stats, meeting_id: str, now: float) -> Element:
    """The answer. Raises: ConferenceNotFound."""
    found = [each for each in bridge.conferences if each.meeting_id == meeting_id]
    if not meeting_id or not found:
        raise ConferenceNotFound("no such conference")
    measured = {each.endpoint: each for each in stats().endpoints}
    endpoints = list(found[0].endpoints.values())[:MOST_ENDPOINTS]
    told = {
        "at_ms": round(now * 1000),
        "endpoints": {each.id: _endpoint(each, measured.get(each.handle)) for each in endpoints},
    }
    text = json.dumps(told, separators=(",", ":"))
    return Element("report", {}, Element("json", {}, text, ns=NS.JSON), ns=NS.BRIDGE)


def _endpoint(endpoint: Endpoint, engine: _engine.EndpointStats | None) -> dict[str, Any]:
    """Byte counters are from the bridge's side: `received` is what the person sends."""
    if engine is None:
        return {"state": "new"}
    told: dict[str, Any] = {
        "state": state_of(endpoint, engine),
        "rtt_ms": round(engine.rtt_ms, 1),
        "loss_in": round(engine.loss_in, 4),
        "loss_out": round(engine.loss_out, 4),
        "received": engine.bytes_received,
        "sent": engine.bytes_sent,
        "estimate_bps": endpoint.estimate_bps,
        "reduced": dict(
            Counter(each.value for each in endpoint.allocation.reasons.values() if each in _FAULTS)
        ),
    }
    if engine.path is not None:
        _, remote, protocol = engine.path
        is_relayed = endpoint.path.leads_through_relay(remote)
        told |= {"transport": "relay" if is_relayed else protocol, "remote": remote}
    return told
