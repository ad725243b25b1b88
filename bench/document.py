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
STATE = ": nobody there: "  # in names: part, this, what is counted, ", ", when
_KINDS = ("p50", "p95", "least", "most")


def update() -> list[str]:
    """Rewrite the tables whose results are there; return the names of those left as they were."""
    missing: list[str] = []

    def table(found: re.Match[str]) -> str:
        path = RESULTS / f"{found['name']}.json"
        if not path.exists():
            missing.append(found["name"])
            return found[0]
        result = json.loads(path.read_text())
        shape = _side_by_side if result.get("cases") else _table
        if any(STATE in figure["name"] for figure in result["figures"]):
            shape = _states
        return f"{found[1]}\n{shape(result)}\n{found[3]}"

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
    return "\n".join([*lines, "", taken(result)])


def _states(result: dict[str, Any]) -> str:
    """Figures, and then what there is with nobody there: things in rows, moments in columns."""
    figures = [each for each in result["figures"] if STATE not in each["name"]]
    parts: dict[str, dict[str, dict[str, str]]] = {}
    for figure in result["figures"]:
        part, mark, rest = figure["name"].partition(STATE)
        if mark:
            name, _, moment = rest.rpartition(", ")
            parts.setdefault(part, {}).setdefault(name, {})[moment] = shown(figure["value"])
    found = [_table({**result, "figures": figures})]
    for part, rows in parts.items():
        moments = list(next(iter(rows.values())))
        found += ["", f"| {part}: with nobody there | {' | '.join(moments)} |"]
        found.append(f"| --- |{' ---: |' * len(moments)}")
        for name, row in rows.items():
            found.append(f"| {name} | {' | '.join(row.get(m, '') for m in moments)} |")
    return "\n".join(found)


def taken(result: dict[str, Any]) -> str:
    """When and where figures were taken, with what has to be known of that."""
    conditions = ", ".join(f"{key}: {value}" for key, value in result["conditions"].items())
    taken = f"{result['date'][:10]}, revision {result['versions']['revision']}"
    machine = result["machine"]
    where = f"{machine['processors']} x {machine['cpu']}, {machine['memory']}, {machine['kernel']}"
    return "\n".join([f"Taken {taken}, on {where}; {conditions}.", *_notes(result)])


def _notes(result: dict[str, Any]) -> list[str]:
    return [f"Note: {note}." for note in result.get("notes", [])]


def _side_by_side(result: dict[str, Any]) -> str:
    """Systems in columns, cases in rows; then the figures that are no case."""
    names = list(dict.fromkeys(name for case in result["cases"] for name in case["systems"]))
    heads = ["case", "packets/s", *(f"{name}, us" for name in names)]
    heads += ["/ Janus", "/ bound", "added delay p50 / p99 / max, ms", "Janus's added delay, ms"]
    lines = [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
    for case in result["cases"]:
        ours = case["systems"].get("Tertulia")
        peer = case["systems"].get(case["better mode of Janus"])
        cells = [case["name"], shown(ours["packets_per_s"]) if ours else ""]
        cells += [_cost(case["systems"].get(name)) for name in names]
        cells += [_ratio(case[key]) for key in ("ratio_vs_janus", "ratio_vs_bound")]
        cells += [_delays(ours), _delays(peer)]
        lines.append(f"| {' | '.join(cells)} |")
    summary = result["summary"]
    lines += [
        "",
        "Geometric means over the cases, CPU per packet of Tertulia over that of"
        f" Janus in its better mode: **{_ratio(summary.get('ratio_vs_janus'))}**;"
        f" of the bound: **{_ratio(summary.get('ratio_vs_bound'))}**;"
        f" of the bound with GSO: {_ratio(summary.get('ratio_vs_bound_gso'))}.",
    ]
    return "\n".join([*lines, "", taken(result)])


def _cost(system: dict[str, Any] | None) -> str:
    if system is None:
        return ""
    spread = f"{shown(system['cpu_us_least'])} - {shown(system['cpu_us_most'])}"
    return f"{shown(system['cpu_us'])} [{spread}]"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _delays(system: dict[str, Any] | None) -> str:
    if system is None:
        return ""
    return " / ".join(shown(system[f"delay_{kind}_ms"]) for kind in ("p50", "p99", "max"))
