"""Meetings over bad links: adaptation, outage, rebinding, small MTU (faults F8 to F10)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from tests.network.link import Path
from tests.network.meeting import Meeting, Person
from tests.network.namespaces import are_possible

pytestmark = pytest.mark.skipif(not are_possible(), reason="needs root and /dev/net/tun")

GOOD = Path(delay_ms=20)
WITHIN_S = 45.0


@pytest.fixture
async def meeting() -> AsyncIterator[Meeting]:
    one = Meeting()
    try:
        yield one
    finally:
        one.close()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - what is waited for are packets, not one event
            await asyncio.sleep(0.05)


def shown(viewer: Person, sender: Person, since: float, height: int = 0) -> float | None:
    view = viewer.views.get(sender.video_ssrc(0))
    return view.first_shown(since, height) if view is not None else None


async def test_one_weak_link_costs_its_owner_quality_and_the_others_nothing(
    meeting: Meeting,
) -> None:
    sender = meeting.join("sender", height=0)
    weak = meeting.join("weak", down=Path(delay_ms=20, rate_bps=500_000), up=GOOD, has_camera=False)
    good = meeting.join("good", down=GOOD, up=GOOD, has_camera=False)
    async with meeting.running():
        await until(lambda: shown(good, sender, meeting.began, 720) is not None)
        await until(lambda: (meeting.estimates.get("weak") or [(0, 9e9)])[-1][1] < 625_000)
        adapted = meeting.now() + 1
        await until(lambda: meeting.now() > adapted + 4)

        ssrc = sender.video_ssrc(0)
        assert good.views[ssrc].height(adapted, adapted + 4) == 720
        assert 0 < weak.views[ssrc].height(adapted, adapted + 4) <= 360
        assert all(bps >= 2_000_000 for _, bps in meeting.estimates["good"])


async def test_pictures_and_sound_return_after_an_outage_and_a_rebinding(meeting: Meeting) -> None:
    sender = meeting.join("sender", height=180)
    viewer = meeting.join("viewer", down=GOOD, up=GOOD)
    assert viewer.link is not None
    viewer.link.set(ports=1000)
    async with meeting.running():
        await until(lambda: shown(viewer, sender, meeting.began) is not None)

        for change in ({"ports": 2000}, {"down": Path(cut=True), "up": Path(cut=True)}):
            viewer.link.set(**change)
            cut = meeting.now()
            await until(lambda cut=cut: meeting.now() > cut + 3)
            viewer.link.set(down=GOOD, up=GOOD)
            since = meeting.now()
            await until(lambda since=since: shown(viewer, sender, since) is not None)
            await until(lambda since=since: viewer.sounds[sender.audio_ssrc].last_arrived > since)


async def test_a_small_mtu_carries_the_handshake_and_sound(meeting: Meeting) -> None:
    sender = meeting.join("sender", height=0)
    small = meeting.join("small", down=GOOD, up=GOOD, has_camera=False, mtu=1280)
    async with meeting.running():
        await until(lambda: shown(small, sender, meeting.began, 720) is not None)
