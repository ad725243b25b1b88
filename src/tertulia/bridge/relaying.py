"""What endpoints of one conference tell each other through the bridge (reference bridge 1.5)."""

from __future__ import annotations

from collections.abc import Mapping

from tertulia.bridge import channel as C
from tertulia.bridge.conference_limits import ConferenceLimits
from tertulia.bridge.endpoint import Endpoint
from tertulia.bridge.errors import TooMuchRelayed
from tertulia.bridge.speech import Speech
from tertulia.xmpp.pace import TokenBucket


class Relaying:
    def __init__(
        self, endpoints: Mapping[str, Endpoint], speech: Speech, limits: ConferenceLimits
    ) -> None:
        self._endpoints = endpoints
        self._speech = speech
        self._limits = limits

    def pass_on(
        self,
        sender: Endpoint,
        message: C.EndpointMessage | C.EndpointStatistics,
        size: int,
        now: float,
    ) -> None:
        """Give a message of `size` bytes to those it is for. Raises: TooMuchRelayed."""
        self._count(sender, size, now)
        text = C.relayed(message.body, sender.id)
        match message:
            case C.EndpointMessage(to, _):
                self._relay(sender, to, text)
            case C.EndpointStatistics():
                self._relay_statistics(sender, text)

    def _count(self, sender: Endpoint, size: int, now: float) -> None:
        """A channel is soon opened anew: this belongs to the endpoint."""
        if sender.relayed is None:
            rate, burst = self._limits.relayed_bytes_per_s, self._limits.relayed_bytes_burst
            sender.relayed = TokenBucket(rate, burst, now)
        if sender.relayed.spend(now, size):
            raise TooMuchRelayed("too much for others (relayed_bytes_per_s)")

    def _relay(self, sender: Endpoint, to: str, text: str) -> None:
        if sender.is_visitor:
            return
        if not to:
            self._tell_others(sender, text)
        elif to in self._endpoints:
            self._endpoints[to].tell(text)

    def _relay_statistics(self, sender: Endpoint, text: str) -> None:
        """To all in a small conference; in a large one to those who look at or hear the sender."""
        speech = self._speech
        if (
            len(self._endpoints) <= self._limits.stats_to_all_up_to
            or sender.id in speech.recent
            or (speech.loudest is not None and sender.id in speech.loudest)
        ):
            self._tell_others(sender, text)
            return
        for receiver in self._endpoints.values():
            if receiver is not sender and receiver.looks_at(sender.video):
                receiver.tell(text)

    def _tell_others(self, sender: Endpoint, text: str) -> None:
        for endpoint in self._endpoints.values():
            if endpoint is not sender:
                endpoint.tell(text)
