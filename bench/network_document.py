"""The kept figures of `networks` as the tables and pictures of docs/networks.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from bench.document import taken
from bench.network_cases import COURSE, JANUS, JANUS_LOW, OURS, WEAK_BPS, WIDE_BPS
from bench.plot import bars
from bench.plot_lines import Line, Panel, courses
from bench.report import RESULTS, ROOT
from bench.screened import CHROMIUM

DOCUMENT = ROOT / "docs" / "networks.md"
IMAGES = ROOT / "docs" / "images"
_MARKED = re.compile(
    r"(<!-- figures: networks-(?P<part>[a-z]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL
)


def update() -> bool:
    """Rewrite tables and pictures from bench/results; False when nothing is kept there."""
    path = RESULTS / "networks.json"
    if not path.exists():
        return False
    result = json.loads(path.read_text())
    cases = [case for case in result["cases"] if "system" in case]
    rooms = [case for case in result["cases"] if "way" in case]
    carriers = [case for case in result["cases"] if "carrier" in case]
    tables = {
        "carriers": lambda: _carriers(carriers),
        "headless": lambda: _beside([c for c in cases if c["system"] != CHROMIUM]),
        "chromium": lambda: _chromium([c for c in cases if c["system"] == CHROMIUM]),
        "rooms": lambda: _rooms(rooms),
        "taken": lambda: taken(result),
    }
    DOCUMENT.write_text(
        _MARKED.sub(
            lambda found: f"{found[1]}\n{tables[found['part']]()}\n\n{found[3]}",
            DOCUMENT.read_text(),
        )
    )
    _pictures(cases)
    return True


def _pictures(cases: Sequence[dict[str, Any]]) -> None:
    (IMAGES / "networks-freezes.svg").write_text(_freezes(cases))
    narrowing = [case for case in cases if case["case"] == COURSE]
    for name, systems in (("networks-course", (OURS, JANUS)), ("networks-chromium", (CHROMIUM,))):
        found = [case for case in narrowing if case["system"] in systems]
        if found:
            (IMAGES / f"{name}.svg").write_text(_course(found))


def _freezes(cases: Iterable[dict[str, Any]]) -> str:
    groups: dict[str, dict[str, float]] = {}
    for case in cases:
        if case["system"] in (OURS, JANUS, CHROMIUM):
            groups.setdefault(case["case"], {})[case["system"]] = case["frozen_s"]
    worth = {name: group for name, group in groups.items() if max(group.values()) > 0.3}
    return bars("Frozen pictures, by network", "seconds frozen during the case", worth)


def _course(found: Sequence[dict[str, Any]]) -> str:
    turns = found[0]["turns_s"]
    seconds = max(at for case in found for at, *_ in case["course"])
    link = list(zip(turns, (WIDE_BPS / 1000, WEAK_BPS / 1000, WIDE_BPS / 1000), strict=True))
    arrived = [
        Line(case["system"], [(at, kbps) for at, kbps, _ in case["course"]]) for case in found
    ]
    heights = [
        Line(case["system"], [(at, height) for at, _, height in case["course"]]) for case in found
    ]
    panels = [Panel("pictures that arrive, kbit/s (dotted: the link)", arrived, link, 3000)]
    estimates = [Line(case["system"], case["estimates"]) for case in found if case.get("estimates")]
    if estimates:
        panels.append(Panel("estimate, kbit/s (dotted: the link)", estimates, link, 5000))
    panels.append(Panel("lines of the picture shown; 0: none", heights, (), 800))
    return courses("A link of 2.5 Mbit/s falls to 500 kbit/s and returns", panels, seconds)


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _beside(cases: Sequence[dict[str, Any]]) -> str:
    """Systems next to each other, cases in rows."""
    by_name: dict[str, dict[str, dict[str, Any]]] = {}
    for case in cases:
        by_name.setdefault(case["case"], {})[case["system"]] = case
    heads = [
        "link",
        "frozen, s",
        "frames/s",
        "lines",
        "kbit/s",
        "sound concealed, %",
        "with RED, %",
    ]
    lines = [_row([*heads, "back to 720 lines, s"]), "| --- |" + " ---: |" * 7]
    for name, systems in by_name.items():
        columns = []
        for key in ("frozen_s", "fps", "height", "kbps"):
            columns.append(_each(systems, key))
        columns += [
            _each(systems, "concealed_percent"),
            _each(systems, "concealed_with_red_percent"),
        ]
        columns.append(_each(systems, "720p_after_s"))
        lines.append(_row([name, *columns]))
    return "\n".join(lines)


def _each(systems: dict[str, dict[str, Any]], key: str) -> str:
    if all(key not in case for case in systems.values()):
        return ""
    found = []
    for name in (OURS, JANUS, JANUS_LOW):
        if name in systems:
            value = systems[name].get(key)
            found.append("never" if value is None else f"{value:g}")
    return " / ".join(found)


def _chromium(cases: Sequence[dict[str, Any]]) -> str:
    heads = ["link", "frozen, s", "frames/s", "lines", "kbit/s", "sound concealed, %"]
    heads += ["smooth after, s", "back to 720 lines, s", "the other viewer: frozen, s", "lines"]
    lines = [_row([*heads, "load"]), "| --- |" + " ---: |" * 10]
    for case in cases:
        other = case.get("the other", {})
        cells = [case["case"]]
        cells += [case[key] for key in ("frozen_s", "fps", "height", "kbps", "concealed_percent")]
        for key in ("smooth_after_s", "720p_after_s"):
            cells.append("never" if case.get(key) is None else case[key])
        cells += [other.get("frozen_s", ""), other.get("height", ""), case["load"]]
        lines.append(_row(cells))
    return "\n".join(lines)


def _rooms(cases: Sequence[dict[str, Any]]) -> str:
    lines = [_row(["people", "how", "in, Mbit/s", "out, Mbit/s", "out saved"])]
    lines.append("| ---: | --- | ---: | ---: | ---: |")
    whole: dict[int, float] = {}
    for case in cases:
        all_of_it = whole.setdefault(case["people"], case["out_mbps"])
        saved = 1 - case["out_mbps"] / all_of_it
        cells = [case["people"], case["way"], case["in_mbps"], case["out_mbps"], f"{saved:.0%}"]
        lines.append(_row(cells))
    return "\n".join(lines)


def _carriers(cases: Sequence[dict[str, Any]]) -> str:
    lines = [_row(["by", "viewers", "packets/s out", "us of the engine per packet", "range"])]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for case in cases:
        cells = [case["carrier"], case["viewers"], case["packets_per_s"]]
        cells += [case["cpu_us_per_packet"], f"{case['least']} - {case['most']}"]
        lines.append(_row(cells))
    return "\n".join(lines)
