"""Who is still there: asked by one timer, given up when silent, forgiven what we were late."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.router import Router
from tertulia.xmpp.sessions import Sessions
from tertulia.xmpp.transports.connection import Connection
from tertulia.xmpp.transports.pulse import Pulse

LIMITS = XmppLimits(quiet_ping_s=2.0, silence_s=10.0)


@dataclass(eq=False)
class Client:
    """Connection and socket in one; times are those of `Pulse.check`."""

    heard: float = 0.0
    pings: int = 0
    is_given_up: bool = False
    counts: int = 0
    unread: list[int] = field(default_factory=list)

    def ping(self) -> None:
        self.pings += 1

    def unread_bytes(self) -> int:
        return self.unread.pop(0) if self.unread else 0

    def silent(self) -> None:
        self.is_given_up = True

    def request_count(self) -> None:
        self.counts += 1


def watched(pulse: Pulse, *clients: Client) -> None:
    for each in clients:
        pulse.start = lambda: None  # type: ignore[method-assign]  # the test beats
        pulse.watch(cast(Connection, each), each)


def beat(pulse: Pulse, until: float) -> None:
    for half in range(1, int(until * 2) + 1):
        pulse.check(half / 2)


def new_pulse() -> Pulse:
    return Pulse(Sessions(Router(), LIMITS), LIMITS)


def test_a_silent_client_is_asked_every_two_seconds_and_given_up_after_ten() -> None:
    pulse, client = new_pulse(), Client()
    watched(pulse, client)

    beat(pulse, 9.5)
    assert (client.pings, client.is_given_up) == (4, False)
    pulse.check(10.0)

    assert client.is_given_up


def test_a_client_that_answers_stays() -> None:
    pulse, client = new_pulse(), Client()
    watched(pulse, client)
    for half in range(1, 100):
        pulse.check(half / 2)
        if client.pings:
            client.heard = half / 2
            client.pings = 0

    assert not client.is_given_up


def test_a_client_that_talks_is_not_asked() -> None:
    pulse, client = new_pulse(), Client()
    watched(pulse, client)
    for second in range(60):
        client.heard = second
        pulse.check(second + 1.0)

    assert client.pings == 0
    assert client.counts == 6


def test_reading_what_we_sent_is_a_sign_of_life() -> None:
    pulse = new_pulse()
    slow = Client(unread=list(range(100_000, 0, -10_000)))
    stuck = Client(unread=[100_000] * 20)
    watched(pulse, slow, stuck)

    beat(pulse, 16.0)

    assert (slow.is_given_up, stuck.is_given_up) == (False, True)
