"""What the doctor found, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    BROKEN = "broken"
    SKIPPED = "skipped"  # not configured, or of no use after something else broke


@dataclass(frozen=True, slots=True)
class Finding:
    """One row: what was looked at, how it is, and what would help."""

    check: str
    state: State
    text: str
    fix: str = ""


def good(check: str, text: str) -> Finding:
    return Finding(check, State.GOOD, text)


def warning(check: str, text: str, fix: str) -> Finding:
    return Finding(check, State.WARNING, text, fix)


def broken(check: str, text: str, fix: str) -> Finding:
    return Finding(check, State.BROKEN, text, fix)


def skipped(check: str, text: str) -> Finding:
    return Finding(check, State.SKIPPED, text)


@dataclass(frozen=True, slots=True)
class Report:
    server: str
    findings: Sequence[Finding]

    @property
    def state(self) -> State:
        """The worst of all."""
        found = {finding.state for finding in self.findings}
        for state in (State.BROKEN, State.WARNING):
            if state in found:
                return state
        return State.GOOD

    @property
    def exit_status(self) -> int:
        """0 good, 1 warnings only, 2 something is broken."""
        return {State.GOOD: 0, State.WARNING: 1}.get(self.state, 2)

    def table(self) -> str:
        """Plain text, one row for each finding, its fix below it."""
        width = max(len(finding.check) for finding in self.findings)
        lines = [f"{self.server}: {self.state}", ""]
        for finding in self.findings:
            lines.append(f"{finding.state:<8} {finding.check:<{width}}  {finding.text}")
            if finding.fix:
                lines.append(f"{'':<8} {'':<{width}}  -> {finding.fix}")
        return "\n".join(lines)

    def json(self) -> str:
        findings = [asdict(finding) for finding in self.findings]
        return json.dumps(
            {"server": self.server, "state": self.state, "checks": findings}, indent=2
        )
