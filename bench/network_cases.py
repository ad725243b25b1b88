"""What a viewer sees and hears over an emulated link, case by case, on us and on Janus.

One sender with a simulcast camera of 720p, one viewer behind the link of the case; what arrives is
judged as a browser would (tests/network/viewing.py). Signalling is left out, or is Janus's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.network.cast import Cast, Person
from tests.network.link import Path
from tests.network.meeting import Meeting

from bench.janus_meeting import JanusMeeting

SETTLE_S = 3.0
GOOD = Path(delay_ms=20)
WIDE_BPS, WEAK_BPS = 2_500_000, 500_000
OURS = "Tertulia"
JANUS = "Janus"
JANUS_LOW = "Janus, lowest encoding"
COURSE = "2.5 Mbit/s, 500 kbit/s, 2.5 Mbit/s"


@dataclass(frozen=True, slots=True)
class Case:
    """What is done to the viewer's link, after everything has settled on a good one."""

    name: str
    down: Path
    lasts_s: float
    after_s: float = 0.0  # on the good link again
    up: Path = GOOD


CASES = (
    Case("good link", GOOD, 8),
    Case("1 % loss", Path(delay_ms=20, loss=0.01), 10),
    Case("5 % loss", Path(delay_ms=20, loss=0.05), 10),
    Case("10 % loss", Path(delay_ms=20, loss=0.10), 10),
    Case("15 % loss", Path(delay_ms=20, loss=0.15), 12),
    Case("20 % loss", Path(delay_ms=20, loss=0.20), 12, 4),
    Case("40 % loss", Path(delay_ms=20, loss=0.40), 12, 4),
    Case("bursts of 8, 4 % lost", Path(delay_ms=20, burst_enter=0.005, burst_leave=0.12), 12),
    Case("30 ms jitter", Path(delay_ms=20, jitter_ms=30), 10),
    Case("100 ms jitter", Path(delay_ms=20, jitter_ms=100), 12),
    Case("5 % reordered by 20 ms", Path(delay_ms=20, reorder=0.05), 10),
    Case("2 % doubled", Path(delay_ms=20, duplicate=0.02), 8),
    Case("2.5 Mbit/s", Path(delay_ms=20, rate_bps=WIDE_BPS), 10),
    Case("500 kbit/s", Path(delay_ms=20, rate_bps=WEAK_BPS), 15, 12),
    Case("300 kbit/s", Path(delay_ms=20, rate_bps=300_000), 15, 12),
    Case("outage of 5 s", Path(cut=True), 5, 8, up=Path(cut=True)),
)

# Who plays, and how a meeting there is made. Janus's default is the highest encoding.
SYSTEMS: Mapping[str, Callable[[], Any]] = {
    OURS: Meeting,
    JANUS: JanusMeeting,
    JANUS_LOW: lambda: JanusMeeting(substream=0),
}


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


async def judge(case: Case, system: str) -> dict[str, Any]:
    """Run one case."""
    meeting = SYSTEMS[system]()
    try:
        sender, viewer = _couple(meeting)
        async with meeting.running():
            await asyncio.sleep(SETTLE_S)
            viewer.link.set(down=case.down, up=case.up)
            start = meeting.now()
            await asyncio.sleep(case.lasts_s)
            end = meeting.now()
            found = {"case": case.name, "system": system, **seen(viewer, sender, start, end)}
            since = start - meeting.began
            history = [(at - since, bps) for at, bps in _estimates(meeting) if at >= since]
            if case.down.rate_bps and history:
                found |= _rated(case.down.rate_bps, history)
            if case.after_s:
                viewer.link.set(down=GOOD, up=GOOD)
                await asyncio.sleep(case.after_s)
                found |= _after(viewer, sender, end)
            return found
    finally:
        meeting.close()


def _couple(meeting: Any) -> tuple[Person, Any]:
    sender = meeting.join("sender", height=0)
    viewer = meeting.join("viewer", down=GOOD, up=GOOD, has_camera=False)
    viewer.has_voice = False
    return sender, viewer


def _estimates(meeting: Cast) -> list[tuple[float, int]]:
    return meeting.estimates.get("viewer", [])


def _after(viewer: Person, sender: Person, end: float) -> dict[str, float | None]:
    """How soon the picture was there and whole again."""
    view = viewer.views[sender.video_ssrc(0)]
    waits = {
        "first_picture_after_s": view.first_shown(end),
        "720p_after_s": view.first_shown(end, least_height=720),
    }
    return {name: None if wait is None else round(wait, 2) for name, wait in waits.items()}


def _rated(cap: float, history: list[tuple[float, int]]) -> dict[str, Any]:
    """How soon the estimate was within a quarter of a narrow link, and how it held.

    Args:
        history: seconds since the link became narrow, bits per second.
    """
    within = [at for at, bps in history if abs(bps - cap) <= cap / 4]
    held = [bps for at, bps in history if within and at >= within[0] + 5]
    return {
        "adapted_s": round(within[0], 2) if within else None,
        "estimate_kbps": [min(held) // 1000, max(held) // 1000] if held else [],
    }


async def course(system: str) -> dict[str, Any]:
    """The link narrows and widens again; kept second by second, for the picture."""
    meeting = SYSTEMS[system]()
    try:
        sender, viewer = _couple(meeting)
        async with meeting.running():
            viewer.link.set(down=Path(delay_ms=20, rate_bps=WIDE_BPS))
            turns = []
            for bps, lasts_s in ((WIDE_BPS, 10), (WEAK_BPS, 20), (WIDE_BPS, 20)):
                viewer.link.set(down=Path(delay_ms=20, rate_bps=bps))
                turns.append(meeting.now())
                await asyncio.sleep(lasts_s)
            end = meeting.now()
            view = viewer.views[sender.video_ssrc(0)]
            began = turns[0]
            seconds = [began + at for at in range(int(end - began))]
            return {
                "case": COURSE,
                "system": system,
                **seen(viewer, sender, turns[1], turns[2]),
                **_after(viewer, sender, turns[2]),
                "turns_s": [round(turn - began, 1) for turn in turns],
                "course": [
                    (
                        round(at - began),
                        round(view.bps(at, at + 1) / 1000),
                        round(view.height(at, at + 1)),
                    )
                    for at in seconds
                ],
                "estimates": [
                    (round(at + meeting.began - began, 1), bps // 1000)
                    for at, bps in _estimates(meeting)
                ],
            }
    finally:
        meeting.close()


async def crowd(system: str) -> dict[str, Any]:
    """Ten viewers of one sender, one of them weak: the others lose nothing."""
    meeting = SYSTEMS[system]()
    try:
        sender = meeting.join("sender", height=0)
        narrow = Path(delay_ms=20, rate_bps=WEAK_BPS)
        weak = meeting.join("weak", down=narrow, up=GOOD, has_camera=False)
        strong = [meeting.join(f"good{n}", has_camera=False) for n in range(9)]
        for each in (weak, *strong):
            each.has_voice = False
        async with meeting.running():
            await asyncio.sleep(SETTLE_S)
            start = meeting.now()
            await asyncio.sleep(12)
            end = meeting.now()
            others = [seen(each, sender, start, end) for each in strong]
            return {
                "case": "one of ten viewers at 500 kbit/s",
                "system": system,
                **seen(weak, sender, start, end),
                "the others": {
                    "height": min(each["height"] for each in others),
                    "fps": min(each["fps"] for each in others),
                    "frozen_s": max(each["frozen_s"] for each in others),
                    "concealed_percent": max(each["concealed_percent"] for each in others),
                },
            }
    finally:
        meeting.close()


async def weak_sender(system: str) -> dict[str, Any]:
    """A sender whose uplink becomes weak."""
    meeting = SYSTEMS[system]()
    try:
        sender = meeting.join("sender", down=GOOD, up=GOOD, height=0, estimates=True)
        viewer = meeting.join("viewer", has_camera=False)
        viewer.has_voice = False
        async with meeting.running():
            meeting.clients.desire(sender.number, 4_000_000)
            await asyncio.sleep(8)
            sender.link.set(up=Path(delay_ms=20, rate_bps=WEAK_BPS))
            start = meeting.now()
            await asyncio.sleep(15)
            found = seen(viewer, sender, start, meeting.now())
            last = seen(viewer, sender, meeting.now() - 5, meeting.now())
            sender.link.set(up=GOOD)
            end = meeting.now()
            await asyncio.sleep(12)
            return {
                "case": "sender's uplink at 500 kbit/s",
                "system": system,
                **found,
                "last 5 s": last,
                **_after(viewer, sender, end),
            }
    finally:
        meeting.close()


async def rebinding(system: str) -> dict[str, Any]:
    """The viewer's NAT gives it another port (fault F10)."""
    meeting = SYSTEMS[system]()
    try:
        sender, viewer = _couple(meeting)
        viewer.link.set(ports=1000)
        async with meeting.running():
            await asyncio.sleep(SETTLE_S)
            viewer.link.set(ports=2000)
            start = meeting.now()
            await asyncio.sleep(8)
            found = seen(viewer, sender, start, meeting.now())
            return {"case": "NAT rebinding", "system": system, **found}
    finally:
        meeting.close()
