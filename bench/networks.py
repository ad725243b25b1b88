"""Meetings over emulated links: what a viewer sees and hears, case by case.

One sender with a simulcast camera of 720p, one viewer behind the link of the case; what arrives is
judged as a browser would (tests/network/viewing.py). The bridge is the real one, mind and engine;
signalling is left out. All of it shares this machine with the emulator.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.network.link import Path
from tests.network.meeting import Meeting, Person

from bench.report import Report

SETTLE_S = 4.0
GOOD = Path(delay_ms=20)
WEAK_BPS = 500_000


@dataclass(frozen=True, slots=True)
class Case:
    """What is done to the viewer's link, after everything has settled on a good one."""

    name: str
    down: Path
    lasts_s: float
    after_s: float = 0.0  # on the good link again
    up: Path = GOOD


CASES = (
    Case("good link", GOOD, 10),
    Case("1 % loss", Path(delay_ms=20, loss=0.01), 12),
    Case("5 % loss", Path(delay_ms=20, loss=0.05), 12),
    Case("10 % loss", Path(delay_ms=20, loss=0.10), 12),
    Case("15 % loss", Path(delay_ms=20, loss=0.15), 16),
    Case(
        "bursts of 8 packets, 4 % lost", Path(delay_ms=20, burst_enter=0.005, burst_leave=0.12), 12
    ),
    Case("30 ms jitter", Path(delay_ms=20, jitter_ms=30), 12),
    Case("5 % reordered by 20 ms", Path(delay_ms=20, reorder=0.05), 12),
    Case("2 % doubled", Path(delay_ms=20, duplicate=0.02), 8),
    Case("2.5 Mbit/s", Path(delay_ms=20, rate_bps=2_500_000), 12),
    Case("500 kbit/s, then free", Path(delay_ms=20, rate_bps=WEAK_BPS), 20, 15),
    Case("300 kbit/s, then free", Path(delay_ms=20, rate_bps=300_000), 20, 15),
    Case("outage of 5 s", Path(cut=True), 5, 8, up=Path(cut=True)),
)


def seen(viewer: Person, sender: Person, since: float, until: float) -> dict[str, float]:
    """What a viewer saw and heard of a sender."""
    view = viewer.views[sender.video_ssrc(0)]
    sound = viewer.sounds[sender.audio_ssrc]
    return {
        "frozen_s": round(view.frozen_s(since, until), 2),
        "fps": round(view.fps(since, until), 1),
        "height": round(view.height(since, until)),
        "kbps": round(view.bps(since, until) / 1000),
        "concealed_percent": round(100 * sound.concealed(since, until), 2),
        "concealed_with_red_percent": round(100 * sound.concealed(since, until, redundancy=1), 2),
    }


async def judge(case: Case) -> dict[str, Any]:
    """Run one case."""
    meeting = Meeting()
    try:
        sender = meeting.join("sender", height=180)
        viewer = meeting.join("viewer", down=GOOD, up=GOOD, has_camera=False)
        assert viewer.link is not None
        async with meeting.running():
            await asyncio.sleep(SETTLE_S)
            viewer.link.set(down=case.down, up=case.up)
            start = meeting.now()
            await asyncio.sleep(case.lasts_s)
            end = meeting.now()
            found: dict[str, Any] = {"case": case.name, **seen(viewer, sender, start, end)}
            since = start - meeting.began
            history = [(at - since, bps) for at, bps in meeting.estimates["viewer"] if at >= since]
            _rate(found, case, history)
            if case.after_s:
                viewer.link.set(down=GOOD, up=GOOD)
                await asyncio.sleep(case.after_s)
                view = viewer.views[sender.video_ssrc(0)]
                found["first_picture_after_s"] = view.first_shown(end)
                found["720p_after_s"] = view.first_shown(end, least_height=720)
        found["estimates"] = [
            (round(at, 2), bps // 1000) for at, bps in meeting.estimates.get("viewer", [])
        ]
        return found
    finally:
        meeting.close()


def _rate(found: dict[str, Any], case: Case, history: list[tuple[float, int]]) -> None:
    """For a narrow link: how soon the estimate was within a quarter of it, and how it held.

    Args:
        history: seconds since the link became narrow, bits per second.
    """
    cap = case.down.rate_bps
    if not cap:
        return
    within = [at for at, bps in history if abs(bps - cap) <= cap / 4]
    found["adapted_s"] = round(within[0], 2) if within else None
    held = [bps for at, bps in history if within and at >= within[0] + 5]
    found["estimate_kbps"] = [min(held) // 1000, max(held) // 1000] if held else []


async def crowd() -> dict[str, Any]:
    """Ten viewers of one sender, one of them weak: the others lose nothing."""
    meeting = Meeting()
    try:
        sender = meeting.join("sender", height=0)
        weak = meeting.join(
            "weak", down=Path(delay_ms=20, rate_bps=WEAK_BPS), up=GOOD, has_camera=False
        )
        strong = [meeting.join(f"good{n}", has_camera=False) for n in range(9)]
        async with meeting.running():
            await asyncio.sleep(SETTLE_S)
            start = meeting.now()
            await asyncio.sleep(12)
            others = [seen(each, sender, start, meeting.now()) for each in strong]
            return {
                "case": "one of ten viewers at 500 kbit/s",
                **seen(weak, sender, start, meeting.now()),
                "others": {
                    "height, least": min(each["height"] for each in others),
                    "fps, least": min(each["fps"] for each in others),
                    "frozen_s, most": max(each["frozen_s"] for each in others),
                },
            }
    finally:
        meeting.close()


async def weak_sender() -> dict[str, Any]:
    """A sender whose uplink becomes weak."""
    meeting = Meeting()
    try:
        sender = meeting.join("sender", down=GOOD, up=GOOD, height=0, estimates=True)
        viewer = meeting.join("viewer", has_camera=False)
        meeting.clients.desire(sender.number, 4_000_000)
        assert sender.link is not None
        async with meeting.running():
            await asyncio.sleep(8)
            sender.link.set(up=Path(delay_ms=20, rate_bps=WEAK_BPS))
            start = meeting.now()
            await asyncio.sleep(15)
            found = seen(viewer, sender, start, meeting.now())
            last = seen(viewer, sender, meeting.now() - 5, meeting.now())
            sender.link.set(up=GOOD)
            end = meeting.now()
            await asyncio.sleep(12)
            after = viewer.views[sender.video_ssrc(0)].first_shown(end, least_height=720)
            return {
                "case": "sender's uplink at 500 kbit/s, then free",
                **found,
                "last 5 s": last,
                "720p_after_s": after,
            }
    finally:
        meeting.close()


async def rebinding() -> dict[str, Any]:
    """The viewer's NAT gives it another port (fault F10)."""
    meeting = Meeting()
    try:
        sender = meeting.join("sender", height=180)
        viewer = meeting.join("viewer", down=GOOD, up=GOOD)
        assert viewer.link is not None
        viewer.link.set(ports=1000)
        async with meeting.running():
            await asyncio.sleep(SETTLE_S)
            viewer.link.set(ports=2000)
            start = meeting.now()
            await asyncio.sleep(8)
            found = seen(viewer, sender, start, meeting.now())
            return {"case": "NAT rebinding", **found}
    finally:
        meeting.close()


# (people, bits per second each sends, what each receives): requirement A1.19.
ROOMS = ((5, ((360, 500_000),), 5), (10, ((720, 3_000_000),), 10))
LADDERS = {
    5: ((180, 100_000), (360, 400_000)),
    10: ((180, 200_000), (360, 700_000), (720, 2_100_000)),
}


async def arithmetic(people: int, camera: tuple[tuple[int, int], ...], how: str) -> dict[str, Any]:
    """Everybody to everybody: what goes into the bridge and what comes out of it."""
    meeting = Meeting()
    try:
        everyone = [meeting.join(f"p{n}", camera=camera) for n in range(people)]
        for person in everyone:
            if "stage" in how:
                stage = everyone[1 if person is everyone[0] else 0]
                person.says(
                    "ReceiverVideoConstraints",
                    lastN=4 if "lastN" in how else -1,
                    onStageSources=[f"{stage.name}-v0"],
                    defaultConstraints={"maxHeight": 180},
                    constraints={f"{stage.name}-v0": {"maxHeight": 720}},
                )
        async with meeting.running():
            await asyncio.sleep(5)
            before = meeting.engine.stats()
            start = meeting.now()
            await asyncio.sleep(6)
            after, took = meeting.engine.stats(), meeting.now() - start
            return {
                "case": f"{people} people, {how}",
                "in_mbps": round((after.bytes_received - before.bytes_received) * 8e-6 / took, 2),
                "out_mbps": round((after.bytes_sent - before.bytes_sent) * 8e-6 / took, 2),
            }
    finally:
        meeting.close()


def _all() -> list[Callable[[], Any]]:
    cases: list[Callable[[], Any]] = [lambda case=case: judge(case) for case in CASES]
    cases += [crowd, weak_sender, rebinding]
    for people, camera, _ in ROOMS:
        ladder = LADDERS[people]
        cases += [
            lambda p=people, c=camera: arithmetic(p, c, "one encoding, all of it to all"),
            lambda p=people, c=ladder: arithmetic(p, c, "simulcast, one on stage"),
            lambda p=people, c=ladder: arithmetic(p, c, "simulcast, one on stage, lastN 4"),
        ]
    return cases


async def run() -> Report:
    report = Report("networks")
    loads = []
    for case in _all():
        found = await case()
        loads.append(os.getloadavg()[0])
        found["load"] = round(loads[-1], 1)
        print({key: value for key, value in found.items() if key != "estimates"}, flush=True)
        report.cases.append(found)
        if "fps" in found:
            report.add(f"{found['case']}: frames", found["fps"], "per second")
            report.add(f"{found['case']}: frozen", found["frozen_s"], "s")
        else:
            report.add(f"{found['case']}: in", found["in_mbps"], "Mbit/s")
            report.add(f"{found['case']}: out", found["out_mbps"], "Mbit/s")
    report.conditions["load of the machine, least to most"] = (
        f"{min(loads):.1f} to {max(loads):.1f}"
    )
    return report
