"""A meeting of real Chromiums, one of them behind an emulated link, and what each of them shows.

Ana films, Bea sits behind the link, Gus watches on a good one. Every page samples its own
`getStats` twice a second, so that asking does not disturb it; `Shown` reads the samples.
"""

from __future__ import annotations

import contextlib
import math
import subprocess
import time
import wave
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path as File
from typing import Any

from playwright.async_api import async_playwright
from tests.browser.people import Person, person
from tests.network.link import Link, Path
from tests.network.namespaces import Namespace, connect
from tests.network.people import PORT, browsing, serving

GOOD = Path(delay_ms=20)
SERVER_HOME, SERVER_WEAK, WEAK = "10.9.2.1", "10.9.5.1", "10.9.5.2"

# Cumulative counters of all streams that come from the bridge, and the size of the one that moves.
_SAMPLER = """
() => {
  const samples = (window.__samples = []);
  const last = new Map();
  setInterval(async () => {
    const pc = window.tertulia.peerConnections().bridge;
    if (!pc) return;
    const sum = { frames: 0, frozen: 0, bytes: 0, heard: 0, concealed: 0, lost: 0, height: 0 };
    const report = await pc.getStats();
    sum.at = (performance.timeOrigin + performance.now()) / 1000;
    for (const row of report.values()) {
      if (row.type !== 'inbound-rtp') continue;
      sum.bytes += row.bytesReceived + row.headerBytesReceived;
      sum.lost += Math.max(0, row.packetsLost);
      if (row.kind === 'audio') {
        sum.heard += row.totalSamplesReceived || 0;
        sum.concealed += (row.concealedSamples || 0) - (row.silentConcealedSamples || 0);
      } else {
        const frames = row.framesDecoded || 0;
        sum.frames += frames;
        sum.frozen += row.totalFreezesDuration || 0;
        if (frames > (last.get(row.ssrc) || 0)) sum.height = row.frameHeight || 0;
        last.set(row.ssrc, frames);
      }
    }
    samples.push(sum);
  }, 500);
}
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one page showed and played, by the second; times as of time.time()."""

    samples: Sequence[dict[str, float]]

    def between(self, since: float, until: float) -> dict[str, float]:
        """Freezes in s, frames per second, mean height, kbit/s and concealed sound in percent."""
        window = [each for each in self.samples if since <= each["at"] <= until]
        first, last = window[0], window[-1]
        took = last["at"] - first["at"]
        heights = [each["height"] for each in window if each["height"]]
        heard = last["heard"] - first["heard"]
        return {
            "frozen_s": round(last["frozen"] - first["frozen"], 2),
            "fps": round((last["frames"] - first["frames"]) / took, 1),
            "height": round(sum(heights) / len(heights)) if heights else 0,
            "kbps": round((last["bytes"] - first["bytes"]) * 8e-3 / took),
            "concealed_percent": round(100 * (last["concealed"] - first["concealed"]) / heard, 2)
            if heard
            else 100.0,
        }

    def smooth_after(self, since: float, until: float) -> float | None:
        """Seconds until the last freeze of a stretch of time was over; None if it never was."""
        window = [each for each in self.samples if since <= each["at"] <= until]
        if not window or not window[-1]["height"]:
            return None
        pairs = pairwise(window)
        bad = [b["at"] for a, b in pairs if b["frozen"] > a["frozen"] or not b["height"]]
        return round(bad[-1] - since, 1) if bad else 0.0

    def reached(self, since: float, height: int) -> float | None:
        """Seconds until the picture had that many lines."""
        for each in self.samples:
            if each["at"] >= since and each["height"] >= height:
                return round(each["at"] - since, 1)
        return None

    def course(self, since: float, until: float) -> list[tuple[float, int, int]]:
        """Seconds, kbit/s and height of the picture, sample by sample."""
        window = [each for each in self.samples if since <= each["at"] <= until]
        return [
            (
                round(b["at"] - since, 1),
                round((b["bytes"] - a["bytes"]) * 8e-3 / (b["at"] - a["at"])),
                round(b["height"]),
            )
            for a, b in pairwise(window)
        ]


@dataclass(frozen=True, slots=True)
class Screening:
    """A meeting that runs."""

    film: Person
    weak: Person
    others: tuple[Person, ...]
    link: Link  # of the weak one; "down" is towards it

    @staticmethod
    def now() -> float:
        return time.time()

    @staticmethod
    async def shown_by(one: Person) -> Shown:
        samples: list[dict[str, Any]] = await one.page.evaluate("window.__samples")
        return Shown(samples)


def make_film(folder: File, *, fps: int, seconds: int = 2) -> tuple[File, File]:
    """A camera's picture that takes all the bits a call gives it, and a voice without pauses."""
    picture, voice = folder / "camera.y4m", folder / "voice.wav"
    source = f"testsrc2=size=1280x720:rate={fps}:duration={seconds},noise=alls=10:allf=t"
    command = ["ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i", source]
    subprocess.run([*command, "-pix_fmt", "yuv420p", str(picture)], check=True, timeout=120)
    with wave.open(str(voice), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        # A falling and rising tone of changing loudness: what no noise suppression takes for noise.
        phase, frames = 0.0, bytearray()
        for at in range(48_000 * 4):
            phase += 2 * math.pi * (180 + 90 * math.sin(at / 9_000)) / 48_000
            loud = 9_000 * (0.6 + 0.4 * math.sin(at / 3_500))
            sample = loud * (
                math.sin(phase) + 0.5 * math.sin(2 * phase) + 0.3 * math.sin(5 * phase)
            )
            frames += round(sample / 1.8).to_bytes(2, "little", signed=True)
        file.writeframes(bytes(frames))
    return picture, voice


@contextlib.asynccontextmanager
async def screening(
    folder: File, *, fps: int, with_others: bool = True, height: int = 720
) -> AsyncIterator[Screening]:
    """The meeting, with Ana on the stage of all, as soon as they see her in so many lines."""
    picture, voice = make_film(folder, fps=fps)
    flags = (
        f"--use-file-for-fake-video-capture={picture}",
        f"--use-file-for-fake-audio-capture={voice}",
    )
    async with contextlib.AsyncExitStack() as closing:
        there, home, far = (closing.enter_context(Namespace()) for _ in range(3))
        connect(there, home, SERVER_HOME.rpartition(".")[0])
        link = closing.enter_context(Link(there, far, near_address=SERVER_WEAK, far_address=WEAK))
        link.set(down=GOOD, up=GOOD)
        await closing.enter_async_context(
            serving(there, folder, [SERVER_HOME, SERVER_WEAK], "--set", "p2p.enabled=false")
        )
        playwright = await closing.enter_async_context(async_playwright())
        (folder / "far").mkdir()
        near_one = await closing.enter_async_context(browsing(home, playwright, folder, *flags))
        far_one = await closing.enter_async_context(
            browsing(far, playwright, folder / "far", *flags)
        )
        ana, bea = await person(near_one, "Ana"), await person(far_one, "Bea")
        await ana.open_directly(f"https://{SERVER_HOME}:{PORT}/", "plaza")
        await bea.open_directly(f"https://{SERVER_WEAK}:{PORT}/", "plaza", mic="0", camera="0")
        others = []
        if with_others:
            gus = await person(near_one, "Gus")
            await gus.open_directly(f"https://{SERVER_HOME}:{PORT}/", "plaza", mic="0", camera="0")
            others.append(gus)
        for each in (bea, *others):
            await stage(each, "Ana")
            await each.page.evaluate(_SAMPLER)
        for each in (bea, *others):
            await each.until_smooth(1, fps=fps / 2, height=height)
        yield Screening(ana, bea, tuple(others), link)


async def stage(one: Person, name: str) -> None:
    """Have one person put another on the stage."""
    tile = one.page.locator(f'[data-testid="tile"][data-name="{name}"]')
    await tile.hover()
    await tile.get_by_test_id("tile-menu").click()
    await one.page.get_by_test_id("tile-pin").click()
