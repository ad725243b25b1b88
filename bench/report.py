"""What a benchmark hands over: figures with their units and goals, conditions, raw samples."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.figures import median, percentile, shown

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
_PACKAGES = ("tertulia", "aiohttp", "uvloop", "msgspec", "playwright")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. `goal` is what docs/performance.md promises, as text; empty without one."""

    name: str
    value: float
    unit: str
    goal: str = ""


@dataclass(slots=True)
class Report:
    """The outcome of one benchmark."""

    name: str
    conditions: dict[str, str | int | float] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    samples: dict[str, list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    summary: dict[str, float | None] = field(default_factory=dict)  # what programs look for first
    cases: list[dict[str, Any]] = field(default_factory=list)  # side by side figures, by case

    def add(self, name: str, value: float, unit: str, goal: str = "") -> None:
        self.figures.append(Figure(name, round(value, 4), unit, goal))

    def add_samples(
        self, name: str, samples: Sequence[float], unit: str, goal: str = "", *, tail: bool = True
    ) -> None:
        """Keep the samples and report their median and, with `tail`, p95; otherwise the range."""
        self.samples[name] = [round(each, 4) for each in samples]
        self.add(f"{name}, p50", median(samples), unit, goal)
        if tail:
            self.add(f"{name}, p95", percentile(samples, 0.95), unit)
        else:
            self.add(f"{name}, least", min(samples), unit)
            self.add(f"{name}, most", max(samples), unit)

    def save(self, command: str) -> Path:
        """Write the result for later comparison; git keeps the older ones."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        document = {
            "benchmark": self.name,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
            "machine": machine(),
            "versions": versions(),
            **{key: value for key, value in asdict(self).items() if key != "name" and value},
        }
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        return path

    @staticmethod
    def revision() -> str:
        """The commit that is measured."""
        return _revision()

    def table(self) -> str:
        """The figures as aligned text."""
        rows = [(f.name, shown(f.value), f.unit, f.goal) for f in self.figures]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"  {name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}"
            + (f"  (goal: {goal})" if goal else "")
            for name, value, unit, goal in rows
        ]
        return "\n".join([self.name, *lines, *(f"  note: {note}" for note in self.notes)])


def machine() -> dict[str, str | int]:
    """What the figures were taken on; figures of different machines are not comparable."""
    cpu = memory = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal"):
            memory = f"{int(line.split()[1]) / 1024 / 1024:.1f} GiB"
    release = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    return {
        "cpu": cpu,
        "processors": os.cpu_count() or 0,
        "memory": memory,
        "kernel": platform.release(),
        "system": release,
    }


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "revision": _revision()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _revision() -> str:
    """The commit measured, marked when files of the program differ from it.

    What ran is what Python imports; a copy elsewhere says nothing of its commit.
    """
    found = find_spec("tertulia")
    if found is None or found.origin is None or not Path(found.origin).is_relative_to(ROOT):
        return "unknown, not of this checkout"

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "src", "engine", "webclient")
    return git("rev-parse", "--short", "HEAD") + ("+changes" if changed else "")


def command() -> str:
    return " ".join(["python -m bench", *sys.argv[1:]])
