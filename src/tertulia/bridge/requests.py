"""IQs that a bridge answers: COLIBRI2 and health checks for the focus, the usual for anybody."""

from __future__ import annotations

import logging
from collections.abc import Callable

from tertulia.bridge.shards import Shard
from tertulia.bridge.videobridge import Videobridge
from tertulia.errors import MalformedInput, PeerError
from tertulia.monitoring import Health, Status
from tertulia.xmpp import colibri2
from tertulia.xmpp import ns as NS
from tertulia.xmpp.disco import DiscoInfo, Identity
from tertulia.xmpp.errors import Forbidden, InternalServerError, ServiceUnavailable
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import address, payload_of, refusal
from tertulia.xmpp.xml import Element, iq_result

log = logging.getLogger("tertulia.bridge")

_DISCO = DiscoInfo(
    identities=(Identity(category="conference", type="videobridge", name="tertulia"),),
    features=(NS.DISCO_INFO, NS.PING, NS.VERSION, NS.HEALTHCHECK, NS.COLIBRI2, NS.BRIDGE),
)


class Requests:
    """Answers for one bridge; only `focus` may command it."""

    def __init__(
        self,
        bridge: Videobridge,
        focus: Jid,
        version: str,
        clock: Callable[[], float],
        health: Callable[[], Health] = lambda: Health(Status.HEALTHY),
        *,
        shard: Shard | None = None,
        report: Callable[[str], Element] | None = None,
        drain: Callable[[bool], None] | None = None,
    ) -> None:
        """
        Args:
            report: how the people of a meeting are connected (`bridge.report`).
            drain: takes no new conferences from now on, or takes them again.
        """
        self._bridge = bridge
        self._shard = shard
        self._report = report
        self._drain = drain
        self._health = health
        self._focus = focus
        self._version = version
        self._clock = clock

    def answer(self, request: Element) -> Element | None:
        """The answer to an IQ get or set; never raises."""
        payload = payload_of(request)
        try:
            if payload is None:
                raise colibri2.BadRequest("one payload was expected")
            return iq_result(request, *self._obey(request, payload))
        except PeerError as error:
            return refusal(request, error)

    def _obey(self, request: Element, payload: Element) -> tuple[Element, ...]:
        match payload.name, payload.ns:
            case ("conference-modify", NS.COLIBRI2):
                self._require_focus(request)
                return (self._modify(payload),)
            case ("healthcheck", NS.HEALTHCHECK):
                self._require_focus(request)
                if not self._health().is_up:
                    raise InternalServerError(self._health().reason)
                return ()
            case ("report", NS.BRIDGE) if self._report is not None:
                self._require_focus(request)
                return (self._report(payload.get("meeting-id")),)
            case ("drain", NS.BRIDGE) if self._drain is not None:
                self._require_focus(request)
                self._drain(payload.get("on") == "true")
                return ()
            case ("query", NS.VERSION):
                name = Element("name", {}, "tertulia")
                version = Element("version", {}, self._version)
                return (Element("query", {}, name, version, ns=NS.VERSION),)
            case ("query", NS.DISCO_INFO):
                return (_DISCO.build(payload.get("node")),)
        raise ServiceUnavailable("a bridge does not offer that")

    def _require_focus(self, request: Element) -> None:
        if address(request.get("from")) != self._focus:
            log.warning("Command refused: from=%s allowed=%s", request.get("from"), self._focus)
            raise Forbidden(f"only {self._focus} commands this bridge")

    def _modify(self, payload: Element) -> Element:
        try:
            order = colibri2.ConferenceModify.parse(payload)
        except MalformedInput as error:
            raise colibri2.BadRequest(str(error)) from None
        return self._bridge.modify(order, self._clock(), self._shard).element()
