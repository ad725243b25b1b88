"""An estimate counts while the path shows congestion, and for a while after."""

from tertulia.bridge.downlink import BELIEVED_FOR_S, Downlink, PathReport


def test_without_loss_or_queue_the_downlink_is_taken_for_wide_enough() -> None:
    downlink = Downlink()
    for now in range(20):
        downlink.observe(PathReport(rtt_ms=20.0 + now, loss=0.01), float(now))

    assert downlink.budget_bps(300_000, 20.0) is None


def test_loss_makes_the_estimate_count_for_a_while() -> None:
    downlink = Downlink()
    downlink.observe(PathReport(rtt_ms=20.0, loss=0.05), 100.0)

    assert downlink.budget_bps(300_000, 100.0 + BELIEVED_FOR_S - 0.1) == 300_000
    assert downlink.budget_bps(300_000, 100.0 + BELIEVED_FOR_S + 0.1) is None


def test_a_standing_queue_makes_the_estimate_count() -> None:
    downlink = Downlink()
    downlink.observe(PathReport(rtt_ms=30.0, loss=0.0), 0.0)
    downlink.observe(PathReport(rtt_ms=400.0, loss=0.0), 1.0)

    assert downlink.budget_bps(300_000, 2.0) == 300_000


def test_a_long_way_is_no_congestion() -> None:
    downlink = Downlink()
    downlink.observe(PathReport(rtt_ms=400.0, loss=0.0), 0.0)

    assert downlink.budget_bps(300_000, 1.0) is None


def test_an_unknown_round_trip_says_nothing() -> None:
    downlink = Downlink()
    downlink.observe(PathReport(rtt_ms=30.0, loss=0.0), 0.0)
    downlink.observe(PathReport(rtt_ms=0.0, loss=0.0), 1.0)

    assert downlink.budget_bps(300_000, 1.0) is None
