"""Pictures get what the estimate leaves beside retransmissions and voices."""

from hypothesis import given
from hypothesis import strategies as st

from tertulia.bridge.downlink import MOST_REPAIRED, Downlink, PathReport


def test_without_an_estimate_there_is_no_limit() -> None:
    assert Downlink().budget_bps(None) is None


def test_on_a_clean_path_the_whole_estimate_may_be_spent() -> None:
    downlink = Downlink()
    for _ in range(20):
        downlink.observe(PathReport(rtt_ms=20.0, loss=0.01))

    assert downlink.budget_bps(300_000) == 300_000


def test_what_is_lost_is_sent_again_and_has_to_fit_too() -> None:
    downlink = Downlink()
    for _ in range(20):
        downlink.observe(PathReport(rtt_ms=20.0, loss=0.15))

    assert downlink.budget_bps(1_000_000) == 850_000


def test_an_outage_leaves_half() -> None:
    downlink = Downlink()
    for _ in range(20):
        downlink.observe(PathReport(rtt_ms=20.0, loss=1.0))

    assert downlink.budget_bps(1_000_000) == 1_000_000 * (1 - MOST_REPAIRED)


RATES = st.integers(0, 20_000_000)


@given(RATES, RATES, st.integers(0, 5_000_000), st.lists(st.floats(0, 1), max_size=8))
def test_pictures_and_voices_and_repairs_together_fit_the_estimate(
    estimate: int, more: int, voices: int, losses: list[float]
) -> None:
    downlink = Downlink()
    for loss in losses:
        downlink.observe(PathReport(rtt_ms=20.0, loss=loss))

    budget = downlink.budget_bps(estimate, voices)

    assert budget is not None
    alone = downlink.budget_bps(estimate)
    assert alone is not None
    assert budget == max(0, alone - voices)
    assert budget + voices <= max(alone, voices)
    better = downlink.budget_bps(estimate + more, voices)
    assert better is not None
    assert better >= budget
