"""Real Chromiums over an emulated link: what they show of a film of 720 lines, case by case.

One sends, one watches behind the link, one watches on a good line: what the second suffers must not
reach the third. All of them, encoder and decoders, share this machine with bridge and emulator.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

from tests.network.link import Path
from tests.network.screening import GOOD, Screening, screening, stage

FPS = 15
CHROMIUM = "Tertulia, Chromium"
FREE_WITHIN_S = 25.0
WEAK_BPS = 500_000
COURSE = "2.5 Mbit/s, 500 kbit/s, 2.5 Mbit/s"
_WIDE, _NARROW = (Path(delay_ms=20, rate_bps=bps) for bps in (2_500_000, WEAK_BPS))
_COURSE = ((_WIDE, 12.0), (_NARROW, 20.0), (_WIDE, 20.0))


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    down: Path
    lasts_s: float


CASES = (
    Case("good link", GOOD, 10),
    Case("5 % loss", Path(delay_ms=20, loss=0.05), 15),
    Case("15 % loss", Path(delay_ms=20, loss=0.15), 15),
    Case("bursts of 8, 4 % lost", Path(delay_ms=20, burst_enter=0.005, burst_leave=0.12), 15),
    Case("30 ms jitter", Path(delay_ms=20, jitter_ms=30), 12),
    Case("5 % reordered by 20 ms", Path(delay_ms=20, reorder=0.05), 12),
)


async def run() -> AsyncIterator[dict[str, Any]]:
    """All cases, one after the other, in one meeting."""
    with tempfile.TemporaryDirectory(prefix="tertulia-bench-") as folder:
        async with screening(File(folder), fps=FPS) as scene:
            for case in CASES:
                yield await _judge(scene, case)
            yield await _course(scene)
            yield await _weak_sender(scene)


async def _judge(scene: Screening, case: Case) -> dict[str, Any]:
    scene.link.set(down=case.down)
    start = scene.now()
    await asyncio.sleep(case.lasts_s)
    end = scene.now()
    scene.link.set(down=GOOD)
    found = await _seen(scene, case.name, start, end)
    await _until_whole(scene)
    found["720p_after_s"] = (await scene.shown_by(scene.weak)).reached(end, 720)
    return found


async def _until_whole(scene: Screening) -> None:
    """Until the weak one sees 720 lines again, or for as long as we wait for that."""
    until = scene.now() + FREE_WITHIN_S
    await asyncio.sleep(2)
    while scene.now() < until:
        shown = await scene.shown_by(scene.weak)
        if shown.samples[-1]["height"] >= 720:
            return
        await asyncio.sleep(0.5)


async def _seen(scene: Screening, name: str, start: float, end: float) -> dict[str, Any]:
    weak = await scene.shown_by(scene.weak)
    good = await scene.shown_by(scene.others[0])
    return {
        "case": name,
        "system": CHROMIUM,
        **weak.between(start, end),
        "smooth_after_s": weak.smooth_after(start, end),
        "the other": good.between(start, end),
        "load": round(os.getloadavg()[0], 1),
    }


async def _course(scene: Screening) -> dict[str, Any]:
    """The link narrows and widens again."""
    start = scene.now()
    turns = []
    for path, lasts_s in _COURSE:
        scene.link.set(down=path)
        turns.append(scene.now())
        await asyncio.sleep(lasts_s)
    end = scene.now()
    scene.link.set(down=GOOD)
    found = await _seen(scene, COURSE, turns[1], turns[2])
    weak = await scene.shown_by(scene.weak)
    found["720p_after_s"] = weak.reached(turns[2], 720)
    found["turns_s"] = [round(turn - start, 1) for turn in turns]
    found["course"] = weak.course(start, end)
    await _until_whole(scene)
    return found


async def _weak_sender(scene: Screening) -> dict[str, Any]:
    """The one behind the link films, the others watch: its uplink narrows and widens again."""
    await scene.film.page.get_by_test_id("camera").click()
    await scene.weak.page.get_by_test_id("camera").click()
    viewer = scene.others[0]
    await viewer.page.locator('[data-testid="tile"][data-name="Bea"] video').wait_for()
    await stage(viewer, "Bea")
    await viewer.until_smooth(1, fps=FPS / 3, height=720)
    scene.link.set(up=_NARROW)
    start = scene.now()
    await asyncio.sleep(20)
    end = scene.now()
    scene.link.set(up=GOOD)
    await asyncio.sleep(FREE_WITHIN_S)
    shown = await scene.shown_by(viewer)
    return {
        "case": "sender's uplink at 500 kbit/s",
        "system": CHROMIUM,
        **shown.between(start, end),
        "smooth_after_s": shown.smooth_after(start, end),
        "720p_after_s": shown.reached(end, 720),
        "load": round(os.getloadavg()[0], 1),
    }
