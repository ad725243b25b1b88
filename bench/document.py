"""Copies the kept results into the tables of docs/performance.md, so that the two never differ.

A table stands between `<!-- figures: NAME -->` and `<!-- end of figures -->`; what is outside
these marks is written by people and left alone.
"""

from __future__ import annotations

import json
import re
from typing import Any

from bench.figures import shown
from bench.report import RESULTS, ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
_MARKED = re.compile(
    r"(<!-- figures: (?P<name>[a-z]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL
)
_KINDS = ("p50", "p95", "least", "most")


def update() -> list[str]:
    """Rewrite the tables whose results are there; return the names of those left as they were."""
    missing: list[str] = []

    def table(found: re.Match[str]) -> str:
        path = RESULTS / f"{found['name']}.json"
        if not path.exists():
            missing.append(found["name"])
            return found[0]
        return f"{found[1]}\n{_table(json.loads(path.read_text()))}\n{found[3]}"

    DOCUMENT.write_text(_MARKED.sub(table, DOCUMENT.read_text()))
    return missing


def _table(result: dict[str, Any]) -> str:
    """One result as a Markdown table; the parts of one distribution share a row."""
    rows: dict[str, dict[str, str]] = {}
    for figure in result["figures"]:
        name, comma, kind = figure["name"].rpartition(", ")
        if not comma or kind not in _KINDS:
            name, kind = figure["name"], "p50"
        row = rows.setdefault(name, {"unit": figure["unit"], "goal": figure["goal"]})
        row[kind] = shown(figure["value"])
        row["goal"] = row["goal"] or figure["goal"]
    lines = ["| figure | value or p50 | p95 | range | unit | goal (must, stretch) |"]
    lines.append("| --- | ---: | ---: | ---: | --- | --- |")
    for name, row in rows.items():
        spread = f"{row['least']} - {row['most']}" if "least" in row else ""
        cells = (row.get("p50", ""), row.get("p95", ""), spread, row["unit"], row["goal"])
        lines.append(f"| {name} | {' | '.join(cells)} |")
    conditions = ", ".join(f"{key}: {value}" for key, value in result["conditions"].items())
    taken = f"{result['date'][:10]}, revision {result['versions']['revision']}"
    return "\n".join([*lines, "", f"Taken {taken}; {conditions}."])
