"""What a forwarded packet costs: our bridge, Janus and the bound, same packets, interleaved."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench import janus
from bench.driven import FAILURES, machine_address
from bench.interleaved import (
    BOUND,
    JANUS_LOOPS,
    SYSTEMS,
    TERTULIA,
    measure,
)
from bench.plot import bars
from bench.report import RESULTS, ROOT, Report, versions
from bench.traffic import CASES, P1

ROUNDS = 5
WINDOW_S = 2.0
CASE_WITHIN_S = 200.0  # a case that takes longer is skipped, so that the whole ends in time
QUICK_ROUNDS = 3
QUICK_WINDOW_S = 2.0
QUICK_CASES = (P1, next(case for case in CASES if case.name == "room of 10"))
PARTIAL = RESULTS / "forwarding.partial.json"
PICTURE = ROOT / "docs" / "images" / "forwarding-cpu.svg"
RESUME_WITHIN_S = 3600.0


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


async def run() -> Report:
    """All cases; what an interrupted run of this revision measured within the hour is kept."""
    report = _report("forwarding", ROUNDS, WINDOW_S)
    done = _resumed()
    for case in CASES:
        if case.name in done:
            _say(f"{case.name}: taken from the interrupted run")
            continue
        try:
            async with asyncio.timeout(CASE_WITHIN_S):
                result = await measure(
                    case, tuple(SYSTEMS), rounds=ROUNDS, seconds=WINDOW_S, say=_say
                )
        except FAILURES as error:
            why = str(error) or f"not done within {CASE_WITHIN_S:.0f} s"
            _say(f"{case.name}: skipped: {why}")
            report.notes.append(f"{case.name} is missing: {why}")
            continue
        done[case.name] = result.document()
        _keep(done)
    _fill(report, [done[case.name] for case in CASES if case.name in done])
    PARTIAL.unlink(missing_ok=True)
    _draw(report.cases)
    return report


def _draw(cases: list[dict[str, Any]]) -> None:
    groups = {
        case["name"]: {name: system["cpu_us"] for name, system in case["systems"].items()}
        for case in cases
    }
    if groups:
        PICTURE.write_text(bars("CPU time per forwarded packet", "microseconds", groups))


async def quick() -> Report:
    """Two cases on three systems, for developers: under 90 s, kept nowhere."""
    report = _report("forwarding", QUICK_ROUNDS, QUICK_WINDOW_S)
    found = []
    for case in QUICK_CASES:
        try:
            result = await measure(
                case,
                (BOUND, JANUS_LOOPS, TERTULIA),
                rounds=QUICK_ROUNDS,
                seconds=QUICK_WINDOW_S,
                say=_say,
            )
        except FAILURES as error:
            report.notes.append(f"{case.name} is missing: {error or 'a deadline passed'}")
            continue
        found.append(result.document())
    _fill(report, found)
    return report


def _report(name: str, rounds: int, window_s: float) -> Report:
    return Report(
        name,
        conditions={
            "rounds": rounds,
            "window s": window_s,
            "janus": janus.version(),
            "address": machine_address(),
        },
    )


def geometric_mean(values: Sequence[float]) -> float | None:
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def _fill(report: Report, cases: list[dict[str, Any]]) -> None:
    """Turn measured cases into figures and the summary."""
    report.cases = cases
    counted = [case for case in cases if case["counts"]]
    for key in ("ratio_vs_janus", "ratio_vs_bound", "ratio_vs_bound_gso"):
        mean = geometric_mean([case[key] for case in counted if case[key] is not None])
        report.summary[key] = None if mean is None else round(mean, 3)
    report.summary["cases"] = len(counted)
    goals = {"ratio_vs_janus": "<= 0.5, <= 0.33", "ratio_vs_bound": "<= 2.0, <= 1.4"}
    for key, meaning in (
        ("ratio_vs_janus", "CPU per packet, Tertulia / Janus in its better mode, geometric mean"),
        ("ratio_vs_bound", "CPU per packet, Tertulia / bound, geometric mean"),
        ("ratio_vs_bound_gso", "CPU per packet, Tertulia / bound with GSO, geometric mean"),
    ):
        mean = report.summary[key]
        if mean is not None:
            report.add(meaning, mean, "", goals.get(key, ""))
    for case in cases:
        for name, system in case["systems"].items():
            report.add(f"{case['name']}: {name}", system["cpu_us"], "us")
        for key, what in (("delay_p99_ms", "added delay p99"), ("generator_us", "generator")):
            unit = "us" if key == "generator_us" else "ms"
            if TERTULIA in case["systems"]:
                value = case["systems"][TERTULIA][key]
                report.add(f"{case['name']}: {TERTULIA}, {what}", value, unit)


def _resumed() -> dict[str, dict[str, Any]]:
    """Cases of an interrupted run of the same revision."""
    try:
        kept = json.loads(PARTIAL.read_text())
    except (OSError, ValueError):
        return {}
    fresh = time.time() - kept["at"] < RESUME_WITHIN_S
    same = kept["revision"] == versions()["revision"]
    found: dict[str, dict[str, Any]] = kept["cases"] if fresh and same else {}
    return found


def _keep(done: dict[str, dict[str, Any]]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    kept = {"at": time.time(), "revision": versions()["revision"], "cases": done}
    PARTIAL.write_text(json.dumps(kept))
