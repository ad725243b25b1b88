"""What the cores order is carried out here: stanzas, requests and their answers, timers.

Each answer and each timer goes back into its conference, and what that orders is carried out too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from tertulia.errors import MalformedInput, PeerError
from tertulia.focus import inviting
from tertulia.focus.answers import bridge_answered
from tertulia.focus.asking import Asking
from tertulia.focus.conference import Conference
from tertulia.focus.features import FeatureCache
from tertulia.focus.orders import (
    Answer,
    AskBridge,
    AskOccupant,
    Discover,
    LeaveRoom,
    Noted,
    Order,
    Publish,
)
from tertulia.focus.settings import FocusSettings
from tertulia.focus.timers import next_timeout, tick
from tertulia.focus.voice import Voice
from tertulia.xmpp import ns as NS
from tertulia.xmpp.colibri2 import ConferenceModified, Refusal
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import payload_of
from tertulia.xmpp.xml import Element, iq_result

log = logging.getLogger("tertulia.focus")


class Carrier:
    """Carries out the orders of the conferences in `conferences`, and takes out the ended ones."""

    def __init__(
        self,
        conferences: dict[Jid, Conference],
        voice: Voice,
        asking: Asking,
        features: FeatureCache,
        settings: FocusSettings,
    ) -> None:
        self._conferences = conferences
        self._voice = voice
        self._asking = asking
        self._features = features
        self._settings = settings
        self._timers: dict[Jid, asyncio.TimerHandle] = {}
        self.on_touched: Callable[[Conference], None] = lambda conference: None

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()

    def carry_out(self, conference: Conference, orders: list[Order]) -> None:
        for order in orders:
            self._do(conference, order)
        self.arm(conference)
        self.on_touched(conference)

    def arm(self, conference: Conference) -> None:
        """See to it that the conference is called at its next timeout."""
        timer = self._timers.pop(conference.room, None)
        if timer is not None:
            timer.cancel()
        when = next_timeout(conference)
        if when is None or self._conferences.get(conference.room) is not conference:
            return
        loop = asyncio.get_running_loop()
        self._timers[conference.room] = loop.call_at(when, self._tick, conference)

    def _tick(self, conference: Conference) -> None:
        self.carry_out(conference, tick(conference, _now()))

    def _do(self, conference: Conference, order: Order) -> None:
        match order:
            case AskBridge():
                stanza = self._voice.iq("get", order.bridge, order.modify.element())
                then = partial(self._bridge_answered, conference, order)
                self._asking.ask(stanza, order.timeout_s, then)
            case AskOccupant():
                occupant = conference.room.with_resource(order.nick)
                stanza = self._voice.iq("set", occupant, order.payload)
                then = partial(self._occupant_answered, conference, order)
                if order.serial is None:
                    self._voice.send(stanza)
                else:
                    self._asking.ask(stanza, self._settings.offer_timeout_s, then)
            case Answer(request, None):
                self._voice.send(iq_result(request))
            case Answer(request, PeerError() as error):
                log.info("Request refused: room=%s reason=%s", conference.room, error)
                self._voice.refuse(request, error)
            case Discover(nick, _, caps):
                node = {"node": f"{caps.node}#{caps.ver}"} if caps is not None else None
                query = Element("query", node, ns=NS.DISCO_INFO)
                stanza = self._voice.iq("get", conference.room.with_resource(nick), query)
                then = partial(self._discovered, conference, order)
                self._asking.ask(stanza, self._settings.disco_timeout_s, then)
            case Publish(children):
                self._voice.presence(conference.room, "", *children)
            case LeaveRoom(reason):
                self._end(conference, reason)
            case Noted(text, is_warning):
                log.log(logging.WARNING if is_warning else logging.INFO, "%s", text)

    def _end(self, conference: Conference, reason: str) -> None:
        if self._conferences.get(conference.room) is conference:
            del self._conferences[conference.room]
        self._voice.leave(conference.room)
        log.info("Conference ended: room=%s reason=%s", conference.room, reason)

    # -- answers

    def _bridge_answered(
        self, conference: Conference, order: AskBridge, stanza: Element | None
    ) -> None:
        answer: ConferenceModified | Refusal | None = None
        if stanza is not None and stanza.get("type") == "error":
            answer = Refusal.parse(stanza)
        elif stanza is not None:
            modified = payload_of(stanza)
            try:
                answer = (
                    ConferenceModified.parse(modified)
                    if modified is not None
                    else ConferenceModified()
                )
            except MalformedInput as error:
                log.warning("Bridge answers nonsense: bridge=%s reason=%s", order.bridge, error)
        self.carry_out(conference, bridge_answered(conference, order, answer, _now()))

    def _occupant_answered(
        self, conference: Conference, order: AskOccupant, stanza: Element | None
    ) -> None:
        if order.serial is not None and (stanza is None or stanza.get("type") == "error"):
            orders = inviting.offer_failed(conference, order.nick, order.serial, _now())
            self.carry_out(conference, orders)

    def _discovered(self, conference: Conference, order: Discover, stanza: Element | None) -> None:
        payload = payload_of(stanza) if stanza is not None else None
        if payload is None or (payload.name, payload.ns) != ("query", NS.DISCO_INFO):
            log.info("No features: room=%s endpoint=%s", conference.room, order.nick)
            return
        features = self._features.learn(order.caps, payload)
        orders = conference.features_known(order.jid, order.nick, features, _now())
        self.carry_out(conference, orders)


def _now() -> float:
    return asyncio.get_running_loop().time()
