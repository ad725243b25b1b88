"""What the doctor says, and with which exit status."""

import json

import pytest

from tertulia.doctor.report import Finding, Report, broken, good, skipped, warning

GOOD, SKIPPED = good("page", "answers"), skipped("mail", "not configured")
WARNING = warning("disk", "0.5 GiB free", "make room")
BROKEN = broken("call by UDP", "UDP port 10000 blocked between here and 192.0.2.1", "let it pass")


@pytest.mark.parametrize(
    ("findings", "state", "status"),
    [
        ([GOOD, SKIPPED], "good", 0),
        ([GOOD, WARNING], "warning", 1),
        ([WARNING, BROKEN, GOOD], "broken", 2),
    ],
)
def test_the_worst_finding_decides(findings: list[Finding], state: str, status: int) -> None:
    report = Report("https://meet.example.org", findings)

    assert (report.state, report.exit_status) == (state, status)


def test_the_table_has_a_row_for_each_finding_and_the_fix_below() -> None:
    lines = Report("https://meet.example.org", [GOOD, BROKEN]).table().splitlines()

    assert lines[0] == "https://meet.example.org: broken"
    assert lines[2].split() == ["good", "page", "answers"]
    assert lines[-1].split(maxsplit=1) == ["->", "let it pass"]


def test_json_says_the_same() -> None:
    read = json.loads(Report("https://meet.example.org", [GOOD, BROKEN]).json())

    assert read["state"] == "broken"
    assert read["checks"][1] == {
        "check": "call by UDP",
        "state": "broken",
        "text": BROKEN.text,
        "fix": "let it pass",
    }
