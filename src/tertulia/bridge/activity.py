"""Who of one conference is heard of, and what the others are told of it (reference bridge 2.11)."""

from __future__ import annotations

from collections.abc import Mapping

from tertulia.bridge import channel as C
from tertulia.bridge.conference_limits import ConferenceLimits
from tertulia.bridge.counts import Counts
from tertulia.bridge.endpoint import Endpoint
from tertulia.bridge.silences import Silences


class Activity:
    def __init__(
        self, endpoints: Mapping[str, Endpoint], counts: Counts, limits: ConferenceLimits
    ) -> None:
        self._endpoints = endpoints
        self._counts = counts
        self._limits = limits
        self._silences = Silences()
        self._unreachable: set[str] = set()  # ids that ended while the others held them inactive

    def came(self, endpoint: Endpoint) -> None:
        """An endpoint is here, perhaps again."""
        if endpoint.id in self._unreachable:  # invited again
            self._unreachable.remove(endpoint.id)
            self._tell(endpoint)

    def left(self, endpoint: Endpoint) -> None:
        if not endpoint.is_active and len(self._unreachable) < self._limits.unreachable:
            self._unreachable.add(endpoint.id)

    def failed(self, endpoint: Endpoint) -> None:
        """The engine gave it up."""
        if endpoint.is_active:
            endpoint.is_active = False
            self._tell(endpoint)

    def check(self, idle_s: Mapping[int, float | None], now: float) -> list[Endpoint]:
        """Tell all who fell silent or came back.

        Args:
            idle_s: by endpoint handle, how long nothing arrived; None when nothing ever did.
        Returns: those whose path the focus should try to renew.
        """
        connected = [each for each in self._endpoints.values() if each.is_connected]
        silence = [(each.handle, idle_s.get(each.handle) or 0.0) for each in connected]
        due = self._silences.due(silence, now)
        for endpoint in self._endpoints.values():
            idle = idle_s.get(endpoint.handle)
            if idle is None:
                is_active = now - endpoint.created_at < self._limits.first_packet_s
            else:
                is_active = idle < self._limits.inactive_s
            if is_active != endpoint.is_active:
                endpoint.is_active = is_active
                self._counts.disconnected += not is_active
                self._counts.reconnected += is_active
                self._tell(endpoint)
        return [each for each in connected if each.handle in due]

    def _tell(self, endpoint: Endpoint) -> None:
        if endpoint.is_visitor:
            return
        for each in self._endpoints.values():
            each.tell(C.connectivity(endpoint.id, is_active=endpoint.is_active))
