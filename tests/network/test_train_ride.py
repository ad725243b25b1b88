"""The bad train ride: the network goes away for a while, and the seat in the meeting is kept.

Three people, one of them on the train with a phone: its network is cut for some seconds, then it
gets another address. Afterwards the traveller is who it was: nickname, moderator, muted, in the
same room; the others never see two of it. Here the cut is short; `make faults` makes the longer
ones, after which the others have seen the traveller go, with all three in a breakout room.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, ViewportSize, async_playwright
from tests.browser.people import Person, person
from tests.faults.conftest import within
from tests.heavy import ALL
from tests.network.namespaces import Namespace, connect
from tests.network.people import PORT, browsing, serving, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")

GONE_WITHIN_S = 14.0  # 10 s after the last sign of life, and what the machine takes
BACK_WITHIN_S = 15.0
PHONE: ViewportSize = {"width": 390, "height": 844}
CUTS_S = (3.0, 10.0, 40.0) if ALL else (3.0,)
SEEN_FROM_S = 10.0  # on cuts of this length are seen by the others

_SELF = """() => {
  const state = window.tertulia.state();
  return {
    id: state.ownId, isModerator: state.isModerator, phase: state.phase,
    room: state.breakouts.here,
    others: state.participants.map(each => each.id).sort(), muted: state.local.microphone !== 'on',
  };
}"""
_OTHERS = "ids => String(window.tertulia.state().participants.map(p => p.id).sort()) === ids"
_MUTED = """id => window.tertulia.state().participants.some(
  p => p.id === id && Object.entries(p.sources).some(([n, s]) => n.includes('-a0') && s.muted))"""


@dataclass
class Ride:
    train: Namespace
    end: str  # of its cable
    ana: Person  # on the train, with a phone
    bea: Person
    cai: Person

    def cut(self) -> None:
        """Every packet is lost, and nobody is told."""
        self.train.call("nft", "add table inet tunnel")
        for hook in ("input", "output"):
            chain = f"{{ type filter hook {hook} priority 0; policy drop; }}"
            self.train.call("nft", f"add chain inet tunnel {hook} {chain}")
            self.train.call("nft", f"add rule inet tunnel {hook} meta oifname lo accept")
            self.train.call("nft", f"add rule inet tunnel {hook} meta iifname lo accept")

    def mend(self) -> None:
        self.train.call("nft", "delete table inet tunnel")

    def move(self) -> None:
        """Another address; what belonged to the former one is gone without a word."""
        self.train.call("ip", "address", "del", "10.9.2.2/24", "dev", self.end)
        self.train.call("ip", "address", "add", "10.9.2.77/24", "dev", self.end)

    async def sees(self, who: Person, *others: str) -> None:
        await who.until(_OTHERS, ",".join(sorted(others)))


@asynccontextmanager
async def riding(tmp_path: Path) -> AsyncIterator[Ride]:
    with Namespace() as there, Namespace() as office, Namespace() as train:
        connect(there, office, "10.9.1")
        _, end = connect(there, train, "10.9.2")
        for each in ("office", "train"):
            (tmp_path / each).mkdir()
        async with (
            serving(there, tmp_path, ["10.9.1.1", "10.9.2.1"]),
            async_playwright() as playwright,
            browsing(train, playwright, tmp_path / "train") as moving,
            browsing(office, playwright, tmp_path / "office") as still,
        ):
            ana = await person(moving, "Ana")
            bea = await person(still, "Bea")
            cai = await person(still, "Cai")
            await ana.open_directly(f"https://10.9.2.1:{PORT}/", "plaza")
            for each in (bea, cai):
                await each.open_directly(f"https://10.9.1.1:{PORT}/", "plaza")
            if ALL:
                await into_a_group(ana, bea, cai)
            await ana.page.set_viewport_size(PHONE)
            for each in (ana, bea, cai):
                await each.until_seeing_and_hearing(2)
            yield Ride(train, end, ana, bea, cai)


async def into_a_group(leading: Person, *others: Person) -> None:
    """Open one breakout room; everybody goes there."""

    def at(test_id: str) -> Locator:
        return leading.page.get_by_test_id(test_id)

    await at("people").click()
    await at("tab-control").click()
    await at("group-count").fill("1")
    await at("group-make").click()
    await at("groups-open").wait_for()
    for each in others:
        row = leading.page.locator(f'[data-testid="group-person"][data-name="{each.name}"]')
        await row.get_by_test_id("group-assign").select_option(index=1)
    await at("groups-open").click()
    await at("group-visit").click()
    for each in (leading, *others):
        await each.until("() => window.tertulia.state().breakouts.here !== ''")
        await each.until_joined()
        await each.until_people(3)


async def test_whoever_was_cut_off_is_who_it_was(tmp_path: Path) -> None:
    async with riding(tmp_path) as ride:
        ana, bea, cai = ride.ana, ride.bea, ride.cai
        await ana.page.keyboard.press("m")
        await ana.until("() => window.tertulia.state().local.microphone !== 'on'")
        before = await ana.page.evaluate(_SELF)
        assert before["isModerator"]
        assert before["muted"]
        for each in (bea, cai):
            await each.until(_MUTED, before["id"])
        seated = {
            name: (await who.page.evaluate(_SELF)) for name, who in {"b": bea, "c": cai}.items()
        }

        for seconds in CUTS_S:
            began = time.monotonic()
            ride.cut()
            if seconds > SEEN_FROM_S:
                for each, other in ((bea, cai), (cai, bea)):
                    await ride.sees(each, (await other.page.evaluate(_SELF))["id"])
                gone_s = time.monotonic() - began
                within(gone_s, GONE_WITHIN_S, f"cut of {seconds:g} s, gone for the others")
            await ana.page.wait_for_timeout(max(0.0, seconds - (time.monotonic() - began)) * 1000)
            if seconds < SEEN_FROM_S:
                for each in (bea, cai):
                    assert before["id"] in (await each.page.evaluate(_SELF))["others"]
            ride.mend()
            print(f"cut of {seconds:g} s:", end=" ")
            await self_is_back(ride, before, seated)

        ride.move()
        print("another address:", end=" ")
        await self_is_back(ride, before, seated)


async def self_is_back(ride: Ride, before: dict[str, Any], seated: dict[str, Any]) -> None:
    """Wait until the traveller hears and sees again, and everything is as it was."""
    began = time.monotonic()
    ana, bea, cai = ride.ana, ride.bea, ride.cai
    await ana.until("() => window.tertulia.state().phase === 'joined'")
    for name, who in {"b": bea, "c": cai}.items():
        now = await who.page.evaluate(_SELF)
        assert now["id"] == seated[name]["id"]
    ids = {who.name: (await who.page.evaluate(_SELF))["id"] for who in (bea, cai)}
    await ride.sees(ana, *ids.values())
    await ride.sees(bea, str(before["id"]), ids["Cai"])
    await ride.sees(cai, str(before["id"]), ids["Bea"])
    seats_s = time.monotonic() - began
    await ana.until_seeing(2)
    for each in (bea, cai):
        await each.until_seeing(2)
        await each.until(_MUTED, before["id"])
    after = await ana.page.evaluate(_SELF)
    print(f"pictures {time.monotonic() - began:.1f} s after it;", end=" ")
    assert after == before
    within(seats_s, BACK_WITHIN_S, "everybody seated")
