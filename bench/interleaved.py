"""One case on several systems turn by turn, and what the rounds together say.

This machine drifts by a fifth within an hour, so figures are compared only within a round: all
systems stand ready with everybody connected, and each gets a window in turn.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import asdict, dataclass, field
from typing import Any

from bench import bound, janus, ours
from bench.driven import FAILURES, CaseFailed, Driven, Window
from bench.figures import median
from bench.process import Machine
from bench.traffic import Case

TERTULIA, BOUND, BOUND_GSO, JANUS, JANUS_LOOPS = (
    "Tertulia",
    "bound",
    "bound, GSO",
    "Janus",
    "Janus, 2 loops",
)
PEERS = (JANUS, JANUS_LOOPS)
Preparation = Callable[[Case], AbstractAsyncContextManager[Driven]]
SYSTEMS: Mapping[str, Preparation] = {
    BOUND: bound.prepared,
    JANUS: janus.prepared,
    JANUS_LOOPS: lambda case: janus.prepared(case, event_loops=2),
    TERTULIA: ours.prepared,
    BOUND_GSO: lambda case: bound.prepared(case, gso=True),
}
IDLE_S = 3.0


@dataclass(slots=True)
class Rounds:
    """One system's windows; None where a window failed or is void."""

    windows: list[Window | None] = field(default_factory=list)
    idle_ns_per_s: float = 0.0
    reasons: list[str] = field(default_factory=list)

    @property
    def valid(self) -> list[Window]:
        return [each for each in self.windows if each is not None]

    def middle(self, value: Callable[[Window], float]) -> float:
        return median([value(each) for each in self.valid])


@dataclass(slots=True)
class CaseResult:
    """What one case showed; `systems` holds only those with a valid window."""

    case: Case
    systems: dict[str, Rounds]
    reasons: list[str]  # why something is missing
    busy: float  # share of the machine, mean over the windows

    def better_peer(self) -> str | None:
        """Janus in the mode that costs less here."""
        found = [name for name in PEERS if name in self.systems]
        return min(found, key=lambda name: self.systems[name].middle(_cpu_us), default=None)

    def ratio(self, name: str, other: str | None) -> float | None:
        """CPU per packet of one system over another's: the median over rounds with both."""
        if other is None or name not in self.systems or other not in self.systems:
            return None
        pairs = zip(self.systems[name].windows, self.systems[other].windows, strict=True)
        found = [a.cpu_us / b.cpu_us for a, b in pairs if a is not None and b is not None]
        return median(found) if found else None

    def document(self) -> dict[str, Any]:
        """The case for the results file."""
        peer = self.better_peer()
        return {
            "name": self.case.name,
            "meaning": self.case.meaning,
            "counts": self.case.counts,
            "receiving flows": self.case.flows,
            "machine busy": round(self.busy, 3),
            "missing": self.reasons,
            "better mode of Janus": peer,
            "ratio_vs_janus": _rounded(self.ratio(TERTULIA, peer)),
            "ratio_vs_bound": _rounded(self.ratio(TERTULIA, BOUND)),
            "ratio_vs_bound_gso": _rounded(self.ratio(TERTULIA, BOUND_GSO)),
            "systems": {name: _system(rounds) for name, rounds in self.systems.items()},
        }


def _cpu_us(window: Window) -> float:
    return window.cpu_us


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _system(rounds: Rounds) -> dict[str, Any]:
    idle = rounds.idle_ns_per_s
    costs = [each.cpu_us for each in rounds.valid]
    return {
        "cpu_us": round(median(costs), 2),
        "cpu_us_least": round(min(costs), 2),
        "cpu_us_most": round(max(costs), 2),
        "cpu_us_net_of_idle": round(rounds.middle(lambda w: w.net_cpu_us(idle)), 2),
        "idle_ms_per_s": round(idle / 1e6, 3),
        "packets_per_s": round(rounds.middle(lambda w: w.packets_per_s)),
        "delivered": round(min(each.delivered for each in rounds.valid), 5),
        "misnumbered": sum(each.misnumbered for each in rounds.valid),
        "delay_p50_ms": round(rounds.middle(lambda w: w.delay_p50_ms), 3),
        "delay_p99_ms": round(rounds.middle(lambda w: w.delay_p99_ms), 3),
        "delay_max_ms": round(max(each.delay_max_ms for each in rounds.valid), 3),
        "generator_us": round(rounds.middle(lambda w: w.own_cpu_ns / 1e3 / w.received), 2),
        "windows": [None if each is None else asdict(each) for each in rounds.windows],
        "void": rounds.reasons,
    }


async def measure(
    case: Case, names: tuple[str, ...], *, rounds: int, seconds: float, say: Callable[[str], None]
) -> CaseResult:
    """Run one case. Raises: CaseFailed when nothing of it could be measured."""
    found = {name: Rounds() for name in names}
    reasons: list[str] = []
    shares: list[float] = []
    async with AsyncExitStack() as stack:
        standing: dict[str, Driven] = {}
        async for name, driven in _all_prepared(case, names, stack, reasons):
            standing[name] = driven
        idle = await asyncio.gather(*(each.idle_ns_per_s(IDLE_S) for each in standing.values()))
        for name, rate in zip(standing, idle, strict=True):
            found[name].idle_ns_per_s = rate
        for number in range(rounds):
            for name, driven in standing.items():
                machine = Machine.now()
                try:
                    window = await driven.window(case, seconds)
                except FAILURES as error:
                    _void(found[name], f"round {number + 1}: {error or 'a deadline passed'}", say)
                    continue
                shares.append(Machine.now().busy_share_since(machine))
                if window.is_void:
                    why = (
                        f"round {number + 1}: {window.delivered:.2%} delivered,"
                        f" {window.received} of {window.offered}"
                    )
                    _void(found[name], why, say)
                else:
                    found[name].windows.append(window)
            line = ", ".join(f"{n} {_last(found[n])}" for n in standing)
            say(f"{case.name}, round {number + 1}: {line}")
    for name in names:
        if not found[name].valid:
            reasons += [f"{name}: {each}" for each in found[name].reasons]
            del found[name]
    if not found:
        raise CaseFailed("; ".join(reasons))
    return CaseResult(case, found, reasons, sum(shares) / max(1, len(shares)))


def _void(rounds: Rounds, why: str, say: Callable[[str], None]) -> None:
    rounds.windows.append(None)
    rounds.reasons.append(why)
    say(why)


def _last(rounds: Rounds) -> str:
    last = rounds.windows[-1]
    return "void" if last is None else f"{last.cpu_us:.1f} us"


async def _all_prepared(
    case: Case, names: tuple[str, ...], stack: AsyncExitStack, reasons: list[str]
) -> AsyncIterator[tuple[str, Driven]]:
    for name in names:
        try:
            yield name, await stack.enter_async_context(SYSTEMS[name](case))
        except FAILURES as error:
            reasons.append(f"{name}: {error or 'a deadline passed'}")
            print(f"{case.name}: {reasons[-1]}", file=sys.stderr, flush=True)
