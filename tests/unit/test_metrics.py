"""Figures as Prometheus reads them."""

import pytest

from tertulia.metrics import Family, Sample, counters, gauge, histogram, text


def test_help_type_and_value_stand_in_lines() -> None:
    assert text([gauge("rooms", "Open rooms.", 3), gauge("load", "A share.", 0.25)]) == (
        "# HELP rooms Open rooms.\n# TYPE rooms gauge\nrooms 3\n"
        "# HELP load A share.\n# TYPE load gauge\nload 0.25\n"
    )


def test_labels_are_escaped() -> None:
    family = counters("refused_total", "R.", {('a"b\\c\nd',): 1}, ("why",))

    assert text([family]).splitlines()[-1] == r'refused_total{why="a\"b\\c\nd"} 1'


def test_a_histogram_counts_what_is_at_most_each_bound() -> None:
    lines = text([histogram("size", "S.", [1, 3, 3], [1, 5])]).splitlines()

    assert lines[2:] == [
        'size_bucket{le="1"} 1',
        'size_bucket{le="5"} 3',
        'size_bucket{le="+Inf"} 3',
        "size_sum 7",
        "size_count 3",
    ]


@pytest.mark.parametrize(
    ("name", "kind"), [("joins", "counter"), ("now_total", "gauge"), ("a b", "gauge")]
)
def test_a_name_that_would_mislead_is_refused(name: str, kind: str) -> None:
    with pytest.raises(ValueError):
        Family(name, kind, "M.", (Sample(1, {}),))  # type: ignore[arg-type]
