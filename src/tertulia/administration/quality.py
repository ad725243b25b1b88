"""How people are connected, as their bridge says (`bridge.report`), with bit rates.

Bridges count bytes. A rate is what was counted between two reports of the same endpoint, so the
first look at a meeting has none.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from tertulia.focus.service import Focus
from tertulia.xmpp import ns as NS
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import iq
from tertulia.xmpp.xml import Element

_SHORTEST_MS = 500  # between two counts that make a rate
_Count = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityLimits:
    bridge_answers_within_s: float = 3.0
    endpoints_remembered: int = 2_000  # for rates; who was not looked at for longest is forgotten


class Endpoint(msgspec.Struct, kw_only=True):
    """One person's connection as the bridge reports it."""

    state: str
    transport: str = ""
    remote: str = ""
    rtt_ms: float = 0.0
    loss_in: float = 0.0  # of what the person sends
    loss_out: float = 0.0
    received: _Count = 0  # bytes from the person
    sent: _Count = 0
    estimate_bps: _Count | None = None
    reduced: dict[str, _Count] = {}  # reason -> videos that are less than there is


class Report(msgspec.Struct, kw_only=True):
    at_ms: int
    endpoints: dict[str, Endpoint]


@dataclass(slots=True)
class _Seen:
    at_ms: int
    received: int
    sent: int
    up_bps: int | None = None
    down_bps: int | None = None


class Quality:
    """Asks bridges, and remembers what they counted."""

    def __init__(self, focus: Focus, limits: QualityLimits | None = None) -> None:
        self._focus = focus
        self._limits = limits or QualityLimits()
        self._seen: OrderedDict[tuple[str, str], _Seen] = OrderedDict()  # meeting, endpoint

    async def of(self, room: Jid) -> Mapping[str, dict[str, Any]] | None:
        """By the nicknames in a room; None when no bridge of ours tells."""
        conference = self._focus.conferences.get(room)
        bridge = conference.bridge if conference is not None else None
        if conference is None or bridge is None:
            return None
        asked = Element("report", {"meeting-id": conference.meeting_id}, ns=NS.BRIDGE)
        report = read(await self._ask(iq("get", bridge.jid, asked)))
        if report is None:
            return None
        return {
            name: self._told(conference.meeting_id, name, each, report.at_ms)
            for name, each in report.endpoints.items()
        }

    async def drain(self, bridge: Jid, *, is_on: bool) -> bool:
        """Have a bridge take no new conferences, or take them again. Returns: whether it does."""
        order = Element("drain", {"on": "true" if is_on else "false"}, ns=NS.BRIDGE)
        answer = await self._ask(iq("set", bridge, order))
        return answer is not None and answer.get("type") == "result"

    async def _ask(self, request: Element) -> Element | None:
        answered: asyncio.Future[Element | None] = asyncio.get_running_loop().create_future()

        def then(answer: Element | None) -> None:
            if not answered.done():  # else whoever asked has gone
                answered.set_result(answer)

        self._focus.ask_bridge(request, self._limits.bridge_answers_within_s, then)
        return await answered

    def _told(self, meeting_id: str, name: str, each: Endpoint, at_ms: int) -> dict[str, Any]:
        key = meeting_id, name
        before = self._seen.pop(key, None)
        if before is not None and 0 <= at_ms - before.at_ms < _SHORTEST_MS:
            now = before
        else:
            now = _Seen(at_ms, each.received, each.sent)
            if before is not None and at_ms > before.at_ms:
                now.up_bps = _rate(each.received - before.received, at_ms - before.at_ms)
                now.down_bps = _rate(each.sent - before.sent, at_ms - before.at_ms)
        self._seen[key] = now
        while len(self._seen) > self._limits.endpoints_remembered:
            self._seen.popitem(last=False)
        return {
            "state": each.state,
            "transport": each.transport,
            "address": each.remote,
            "rtt_ms": each.rtt_ms or None,
            "loss_up": each.loss_in,
            "loss_down": each.loss_out,
            "up_bps": now.up_bps,
            "down_bps": now.down_bps,
            "estimate_bps": each.estimate_bps,
            "reduced": each.reduced,
        }


def read(answer: Element | None) -> Report | None:
    """The report in an answer; None without one, or when it is of another version."""
    if answer is None or answer.get("type") != "result":
        return None
    report = answer.find("report", NS.BRIDGE)
    text = None if report is None else report.find("json", NS.JSON)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text.text, type=Report)
    except (msgspec.MsgspecError, RecursionError):
        return None


def _rate(octets: int, ms: int) -> int | None:
    """In bits a second; None when the counter began anew."""
    return None if octets < 0 else octets * 8000 // ms
