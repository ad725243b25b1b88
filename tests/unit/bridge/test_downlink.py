"""Sources get what the estimate leaves beside retransmissions."""

from tertulia.bridge.downlink import MOST_REPAIRED, Downlink, PathReport


def test_without_an_estimate_there_is_no_limit() -> None:
    assert Downlink().budget_bps(None, 0.0) is None


def test_on_a_clean_path_the_whole_estimate_may_be_spent() -> None:
    downlink = Downlink()
    for now in range(20):
        downlink.observe(PathReport(rtt_ms=20.0, loss=0.01), float(now))

    assert downlink.budget_bps(300_000, 20.0) == 300_000


def test_what_is_lost_is_sent_again_and_has_to_fit_too() -> None:
    downlink = Downlink()
    for now in range(20):
        downlink.observe(PathReport(rtt_ms=20.0, loss=0.15), float(now))

    assert downlink.budget_bps(1_000_000, 20.0) == 850_000


def test_an_outage_leaves_half() -> None:
    downlink = Downlink()
    for now in range(20):
        downlink.observe(PathReport(rtt_ms=20.0, loss=1.0), float(now))

    assert downlink.budget_bps(1_000_000, 20.0) == 1_000_000 * (1 - MOST_REPAIRED)
