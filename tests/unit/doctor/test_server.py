"""What the doctor reads in a certificate."""

import pytest
from tests.unit.doctor.certificates import NOW, made

from tertulia.doctor.server import about


@pytest.mark.parametrize(
    ("since", "until", "host", "states"),
    [
        (-10, 300, "meet.example.org", ["good"]),
        (-10, 5, "meet.example.org", ["warning"]),
        (-10, -1, "meet.example.org", ["broken"]),
        (1, 300, "meet.example.org", ["broken"]),
        (-10, 300, "other.example.org", ["good", "broken"]),
        (-10, 300, "192.0.2.7", ["good", "broken"]),
        (-10, 300, "MEET.example.org.", ["good"]),
    ],
)
def test_age_and_name_are_judged(since: int, until: int, host: str, states: list[str]) -> None:
    certificate, _ = made("meet.example.org", since_days=since, until_days=until)

    findings = about(certificate, host, NOW)

    assert [finding.state for finding in findings] == states
    assert all(finding.fix for finding in findings if finding.state != "good")


def test_a_wildcard_covers_one_label() -> None:
    certificate, _ = made("*.example.org")

    assert [each.state for each in about(certificate, "meet.example.org", NOW)] == ["good"]
    assert about(certificate, "a.meet.example.org", NOW)[1].state == "broken"
