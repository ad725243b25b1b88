"""One bridge as its operator and its server see it: figures, health, and the way to its end.

Its life (reference bridge 4.1): running; draining, which is reversible and only asks for new
conferences to go elsewhere; graceful, without new conferences until the last one has ended;
closing, when conferences are moved away and the process ends.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from tertulia import _engine
from tertulia.bridge import figures
from tertulia.bridge.health import HealthLimits, HealthMonitor
from tertulia.bridge.load import LoadLimits, LoadMeter, resident_mib
from tertulia.bridge.report import report
from tertulia.bridge.stats import Identity, Statistics, Values
from tertulia.bridge.videobridge import Videobridge
from tertulia.metrics import Family
from tertulia.monitoring import Health, Status
from tertulia.xmpp.refusals import refusals
from tertulia.xmpp.xml import Element

log = logging.getLogger("tertulia.bridge")

_PROBE = b"is anybody there?"  # no protocol begins like this: the engine wakes, counts, drops


class Watch:
    """Refreshed at each interval; in between it tells what was found last."""

    def __init__(
        self,
        bridge: Videobridge,
        engine: _engine.Engine,
        identity: Identity,
        *,
        load_limits: LoadLimits | None = None,
        health_limits: HealthLimits | None = None,
    ) -> None:
        self.bridge = bridge
        self.seats: dict[str, str] = {}  # why it is not in a brewery; "" when it is
        self.disconnects = 0  # times a place in a brewery was lost
        self.graceful_asked = asyncio.Event()
        self.closing_asked = asyncio.Event()
        self.is_closing = False
        self.changed: Callable[[], None] = lambda: None  # called when the server should hear of it
        self._engine = engine
        self._statistics = Statistics(
            replace(identity, instance=secrets.token_hex(8)), LoadMeter(load_limits)
        )
        self._monitor = HealthMonitor(health_limits)
        self._health = Health(Status.DEGRADED, (self.not_seated,))
        self._started_s = time.time()
        self._values: Values = {}
        self._counters = engine.stats()

    @property
    def not_seated(self) -> str:
        """Why it is not in all of its breweries; "" when it is."""
        if len(self.seats) < 2:
            return next(iter(self.seats.values()), "still starting")
        return "; ".join(f"{name}: {why}" for name, why in self.seats.items() if why)

    # -- looking

    def refresh(self, now: float) -> None:
        """Take new figures and judge anew."""
        self._counters = self._engine.stats()
        self.bridge.memory_mib = resident_mib()
        self._values = self._statistics.collect(self.bridge, self._counters, now=now)
        self._monitor.seen(self._counters.wakeups, now)
        before = self._health
        stress = self._statistics.load.stress
        self._health = self._monitor.judge(
            now, not_seated=self.not_seated, stress=stress, short_of=self._short_of()
        )
        self.bridge.stress = stress
        if self._health.status is not before.status:
            known = log.info if self._health.status is Status.HEALTHY else log.warning
            known("Health: status=%s reason=%r", self._health.status.value, self._health.reason)
        self._monitor.probed(self._counters.wakeups, now, self._probe())

    def _short_of(self) -> str:
        bridge = self.bridge
        if not bridge.is_short_of_memory:
            return ""
        return f"memory: {bridge.memory_mib} of {bridge.limits.max_memory_mib} MiB"

    def _probe(self) -> str:
        """Wake the engine by its first socket. Returns: why that could not be done, or ""."""
        host, port = self._engine.addresses[0]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.setblocking(False)
                probe.sendto(_PROBE, (host, port))
        except BlockingIOError:
            return ""  # its buffer is full; the next probe tells more
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def lagged(self, seconds: float) -> None:
        self._monitor.lagged(seconds)

    # -- telling

    @property
    def health(self) -> Health:
        return replace(self._health, is_stopping=self.is_closing)

    @property
    def is_draining(self) -> bool:
        return self.bridge.is_draining

    def values(self) -> Values:
        """The statistics last taken, with the state as it is now."""
        seated = sum(not why for why in self.seats.values())
        return self._values | {
            "healthy": self._health.is_up,
            "drain": self.bridge.is_draining,
            "graceful_shutdown": self.bridge.in_graceful_shutdown,
            "shutting_down": self.is_closing,
            # A connection for each brewery: what exporters sum up over bridges.
            "muc_clients_configured": len(self.seats),
            "muc_clients_connected": seated,
            "mucs_configured": len(self.seats),
            "mucs_joined": seated,
        }

    def document(self) -> dict[str, object]:
        """The same for `/colibri/stats`, with what no presence can hold."""
        return {**self.values(), "conference_sizes": self._sizes()}

    def _sizes(self) -> list[int]:
        return [len(conference.endpoints) for conference in self.bridge.conferences]

    def families(self) -> list[Family]:
        return figures.families(
            self.values(),
            self.bridge,
            self._counters,
            self._statistics.load,
            is_up=self._health.is_up,
            started_s=self._started_s,
            refusals=refusals(),
            sizes=self._sizes(),
            disconnects=self.disconnects,
        )

    def report(self, meeting_id: str) -> Element:
        """How the people of a meeting are connected now. Raises: ConferenceNotFound."""
        now = asyncio.get_running_loop().time()
        return report(self.bridge, self._engine.stats, meeting_id, now)

    # -- changing

    def drain(self, is_draining: bool) -> None:
        if is_draining != self.bridge.is_draining:
            self.bridge.is_draining = is_draining
            state = "on" if is_draining else "off"
            log.info("Drain: %s endpoints=%d", state, self.bridge.endpoints)
            self.changed()

    def shut_down(self, *, graceful: bool) -> None:
        """Begin to end; `graceful` waits until the conferences here have ended by themselves."""
        (self.graceful_asked if graceful else self.closing_asked).set()
