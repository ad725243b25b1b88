"""Rates and places: bursts pass, floods are held, nobody is held for ever."""

from tertulia.xmpp.gate import ConnectionGate
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.pace import StanzaPace, TokenBucket

LIMITS = XmppLimits()


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate_per_s=2, burst=3, now=0)

    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(1) for _ in range(3)] == [True, True, False]


def test_a_join_of_400_stanzas_is_not_slowed_down() -> None:
    pace = StanzaPace(LIMITS, now=0)

    assert pace.count(0, 400) == 0
    assert pace.count(0, 50) == 1.0


def test_later_bursts_are_shorter() -> None:
    pace = StanzaPace(LIMITS, now=0)

    assert pace.count(100, 200) == 0
    assert pace.count(100, 1) > 0


def test_a_flood_that_goes_on_is_overload_and_a_burst_is_not() -> None:
    pace = StanzaPace(LIMITS, now=0)
    pace.count(40, 250)
    assert not pace.is_overloaded(40)

    for second in range(41, 80):
        pace.count(second, 50)
    assert pace.is_overloaded(80)


def test_what_goes_to_everybody_is_slowed_down_by_its_bytes_too() -> None:
    pace = StanzaPace(LIMITS, now=0)
    assert pace.count(40, 1, LIMITS.sent_bytes_burst) == 0

    for second in range(41, 80):
        assert pace.count(second, 1, int(LIMITS.sent_bytes_per_s) * 3 // 2) > 0
    assert pace.is_overloaded(80)


def test_who_calms_down_is_forgiven() -> None:
    pace = StanzaPace(LIMITS, now=0)
    pace.count(40, 250)
    pace.count(60, 1)

    assert not pace.is_overloaded(100)


def test_a_bridge_speaks_for_all_its_conferences_without_being_slowed_down() -> None:
    pace = StanzaPace.of_account(LIMITS, now=0)

    for second in range(60):
        assert pace.count(second, 1_500) == 0
    assert not pace.is_overloaded(60)


def test_places_for_those_not_logged_in_are_few_and_given_back() -> None:
    gate = ConnectionGate(LIMITS)

    assert [gate.admit("192.0.2.1") for _ in range(21)] == [True] * 20 + [False]
    assert gate.admit("192.0.2.2")
    gate.release("192.0.2.1")
    assert gate.admit("192.0.2.1")


def test_a_class_arrives_at_once_and_a_flood_does_not() -> None:
    gate = ConnectionGate(LIMITS)

    assert all(gate.arrive("192.0.2.1", now=0) for _ in range(200))
    assert not gate.arrive("192.0.2.1", now=0)
    assert gate.arrive("192.0.2.2", now=0)
    assert [gate.arrive("192.0.2.1", now=1) for _ in range(6)] == [True] * 5 + [False]


def test_addresses_seen_long_ago_are_forgotten() -> None:
    gate = ConnectionGate(LIMITS)
    for number in range(12_000):
        gate.arrive(f"2001:db8::{number:x}", now=0)

    assert len(gate._rates) == 10_000
