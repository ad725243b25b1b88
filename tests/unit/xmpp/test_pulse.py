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
    sent: int = 0
    is_behind: bool = False

    def ping(self) -> None:
        self.pings += 1

    def unread_bytes(self) -> int:
        return self.unread.pop(0) if self.unread else 0

    def sent_bytes(self) -> int:
        return self.sent

    def behind(self) -> None:
        self.is_behind = True

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


@dataclass(eq=False)
class Reader(Client):
    """Is sent so much a second and reads so much of it; always answers pings."""

    comes_bytes_per_s: int = 0
    reads_bytes_per_s: int = 0
    seconds: float = 0.0

    def sent_bytes(self) -> int:
        return int(self.seconds * self.comes_bytes_per_s)

    def unread_bytes(self) -> int:
        return max(0, int(self.seconds * (self.comes_bytes_per_s - self.reads_bytes_per_s)))


def cut_off_after(*readers: Reader) -> list[float | None]:
    """When each was found to be behind, within ten minutes."""
    pulse = new_pulse()
    found: dict[Reader, float | None] = dict.fromkeys(readers)
    watched(pulse, *readers)
    for half in range(1, 1200):
        for each in readers:
            each.seconds = each.heard = half / 2
        pulse.check(half / 2)
        for each in readers:
            if each.is_behind and found[each] is None:
                found[each] = half / 2
    return [found[each] for each in readers]


def test_who_has_not_read_for_long_what_was_sent_is_cut_off_whatever_it_answers() -> None:
    keeps_up = Reader(comes_bytes_per_s=100_000, reads_bytes_per_s=100_000)
    a_little_late = Reader(comes_bytes_per_s=2_000, reads_bytes_per_s=1_990)
    falls_behind = Reader(comes_bytes_per_s=2_000, reads_bytes_per_s=1_000)
    reads_nothing = Reader(comes_bytes_per_s=10)

    found = cut_off_after(keeps_up, a_little_late, falls_behind, reads_nothing)

    assert found[:2] == [None, None]
    assert found[2] is not None
    assert LIMITS.behind_s <= found[2] <= 3 * LIMITS.behind_s
    assert found[3] is not None
    assert LIMITS.behind_s <= found[3] <= LIMITS.behind_s + 4.0


def test_who_fetches_what_there_is_is_never_behind() -> None:
    pulse, client = new_pulse(), Client(unread=[100_000] * 1000)
    watched(pulse, client)
    for half in range(1, 400):
        client.heard = half / 2
        pulse.check(half / 2)

    assert not client.is_behind
