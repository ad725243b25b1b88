"""People in a meeting, each in a Chromium page of their own with generated camera and microphone.

Everything asserted is what a person would see or hear: frames that are decoded and painted,
audio energy that arrives, words that appear. Waiting is for events with a deadline, never for time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, Playwright
from tests.browser.cable import Cable

CHROMIUM = "/usr/bin/chromium"
DEADLINE_MS = 45_000
# Five software encoders share two cores with the server: a slow camera keeps the test about
# forwarding, not about who gets the processor.
CAMERA_FPS = 10
FLAGS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    f"--use-fake-device-for-media-stream=fps={CAMERA_FPS}",
    "--auto-select-desktop-capture-source=Entire screen",
    "--auto-select-tab-capture-source-by-title=Tertulia",
    "--autoplay-policy=no-user-gesture-required",
    "--ignore-certificate-errors",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]

# Counts what the receiver really got: frames painted per remote tile, and audio energy per
# inbound stream of whichever peer connection carries the media now.
_SURVEY = """
async () => {
  const tiles = {};
  for (const tile of document.querySelectorAll('[data-testid="tile"]')) {
    const video = tile.querySelector('video');
    const quality = video ? video.getVideoPlaybackQuality() : null;
    tiles[tile.dataset.source || tile.dataset.endpoint] = {
      endpoint: tile.dataset.endpoint,
      name: tile.dataset.name,
      local: tile.dataset.local === 'true',
      mutedAudio: tile.dataset.mutedAudio === 'true',
      mutedVideo: tile.dataset.mutedVideo === 'true',
      frames: quality ? quality.totalVideoFrames : 0,
      width: video ? video.videoWidth : 0,
      height: video ? video.videoHeight : 0,
    };
  }
  const audio = {};
  const video = {};
  for (const [kind, pc] of Object.entries(window.tertulia.peerConnections())) {
    if (!pc) continue;
    const report = await pc.getStats();
    for (const row of report.values()) {
      if (row.type !== 'inbound-rtp') continue;
      if (row.kind === 'audio') {
        audio[kind + ':' + row.ssrc] = row.totalAudioEnergy || 0;
      } else {
        video[kind + ':' + row.ssrc] = {
          frames: row.framesDecoded || 0, height: row.frameHeight || 0, lost: row.packetsLost,
          codec: (report.get(row.codecId) || {}).mimeType || '',
        };
      }
    }
  }
  const meeting = document.querySelector('[data-testid="meeting"]');
  return {
    at: performance.now(),
    transport: meeting ? meeting.dataset.transport : 'none',
    participants: meeting ? Number(meeting.dataset.participants) : 0,
    tiles, audio, video,
  };
}
"""


@dataclass
class Person:
    """One participant: a page, a name, and questions about what is on the screen."""

    name: str
    page: Page
    context: BrowserContext
    console: list[str]

    @property
    def endpoint(self) -> Any:
        return self.page.evaluate("window.tertulia.endpointId")

    async def enter(self, url: str, room: str) -> None:
        """From the start page through the device check into the meeting, as people do."""
        await self.page.goto(url)
        await self.page.get_by_test_id("room-name").fill(room)
        await self.page.get_by_test_id("enter").click()
        await self.page.get_by_test_id("display-name").fill(self.name)
        await self.page.get_by_test_id("join").click()
        await self.until_joined()

    async def open_directly(self, url: str, room: str, **options: str) -> None:
        """Straight into the room by its link, without the device check."""
        wishes = "&".join(f"{key}={value}" for key, value in {"skipCheck": "1", **options}.items())
        await self.page.goto(f"{url}{room}#name={self.name}&{wishes}")
        await self.until_joined()

    async def until_joined(self) -> None:
        await self.page.wait_for_selector(
            'body[data-state="joined"]', timeout=DEADLINE_MS, state="attached"
        )

    async def survey(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.page.evaluate(_SURVEY)
        return found

    async def until(self, condition: str, argument: Any = None) -> None:
        """Wait until a JavaScript condition, which may be asynchronous, holds in the page."""
        holds = await self.page.evaluate(
            f"""async argument => {{
              const condition = {condition};
              const deadline = performance.now() + {DEADLINE_MS};
              while (!(await condition(argument))) {{
                if (performance.now() > deadline) return false;
                await new Promise(resolve => setTimeout(resolve, 100));
              }}
              return true;
            }}""",
            argument,
        )
        if not holds:
            seen = await self.survey()
            raise AssertionError(
                f"{self.name}: never true within {DEADLINE_MS} ms: {condition} ({argument!r});"
                f" the page shows {seen}; console: {self.console[-10:]}"
            )

    async def until_people(self, count: int) -> None:
        await self.until(
            "n => Number(document.querySelector('[data-testid=meeting]')?.dataset.participants)"
            " === n",
            count,
        )

    async def until_transport(self, transport: str) -> None:
        await self.until(
            "t => document.querySelector('[data-testid=meeting]')?.dataset.transport === t",
            transport,
        )

    async def until_seeing(self, others: int, *, more_frames: int = 10) -> None:
        """Wait until `others` remote tiles have each painted `more_frames` further frames."""
        await self.until(
            """([others, more]) => {
              const seen = (window.__seen ||= new Map());
              let fresh = 0;
              for (const tile of document.querySelectorAll('[data-testid="tile"]')) {
                if (tile.dataset.local === 'true') continue;
                const video = tile.querySelector('video');
                if (!video || !video.videoWidth) continue;
                const frames = video.getVideoPlaybackQuality().totalVideoFrames;
                const key = tile.dataset.source + ':' + others + ':' + more;
                const first = seen.get(key);
                // A new media element starts counting at zero again.
                if (first === undefined || frames < first) { seen.set(key, frames); continue; }
                if (frames - first >= more) fresh += 1;
              }
              if (fresh >= others) { window.__seen = new Map(); return true; }
              return false;
            }""",
            [others, more_frames],
        )

    async def until_smooth(self, others: int, *, fps: float, height: int) -> None:
        """Wait until `others` remote tiles are painted at `fps` or more, `height` lines or more.

        The rate is counted over windows of two seconds; the floor is far below the camera's rate,
        because encoders and decoders of everybody share the processor with the server.
        """
        await self.until(
            """async ([others, fps, height]) => {
              const pictures = () => [...document.querySelectorAll('[data-testid="tile"]')]
                .filter(tile => tile.dataset.local !== 'true')
                .map(tile => tile.querySelector('video'))
                .filter(video => video && Math.min(video.videoWidth, video.videoHeight) >= height);
              const painted = video => video.getVideoPlaybackQuality().totalVideoFrames;
              const before = new Map(pictures().map(video => [video, painted(video)]));
              const from = performance.now();
              await new Promise(resolve => setTimeout(resolve, 2000));
              const seconds = (performance.now() - from) / 1000;
              const smooth = pictures().filter(
                video => before.has(video) && (painted(video) - before.get(video)) / seconds >= fps
              );
              return smooth.length >= others;
            }""",
            [others, fps, height],
        )

    async def until_hearing(self, others: int) -> None:
        """Wait until `others` inbound audio streams gain energy."""
        await self.until(
            """async others => {
              const before = (window.__heard ||= new Map());
              let growing = 0;
              for (const [kind, pc] of Object.entries(window.tertulia.peerConnections())) {
                if (!pc) continue;
                for (const row of (await pc.getStats()).values()) {
                  if (row.type !== 'inbound-rtp' || row.kind !== 'audio') continue;
                  const key = kind + row.ssrc;
                  const energy = row.totalAudioEnergy || 0;
                  if (!before.has(key)) before.set(key, energy);
                  else if (energy > before.get(key) + 1e-6) growing += 1;
                }
              }
              if (growing >= others) { window.__heard = new Map(); return true; }
              return false;
            }""",
            others,
        )

    async def until_seeing_and_hearing(self, others: int) -> None:
        await self.until_seeing(others)
        await self.until_hearing(others)

    async def open_chat(self) -> None:
        if not await self.page.get_by_test_id("chat-input").is_visible():
            await self.page.get_by_test_id("chat").click()

    async def say(self, text: str) -> None:
        await self.open_chat()
        chat = self.page.get_by_test_id("chat-input")
        await chat.fill(text)
        await chat.press("Enter")

    async def until_unread(self, count: int) -> None:
        """Wait until the closed chat says how many words have not been read."""
        await self.until(
            "n => document.querySelector('[data-testid=\"chat-unread\"]')"
            "?.textContent.includes(String(n))",
            count,
        )

    async def until_read(self, text: str) -> None:
        await self.open_chat()
        await self.until(
            "t => [...document.querySelectorAll('[data-testid=\"chat-message\"]')]"
            ".some(m => m.textContent.includes(t))",
            text,
        )

    async def crash(self) -> None:
        """Kill the process behind the page; it cannot say goodbye."""
        devtools = await self.context.new_cdp_session(self.page)
        async with self.page.expect_event("crash", timeout=DEADLINE_MS):
            # The answer to this never comes: there is nobody left to give it.
            order = asyncio.ensure_future(devtools.send("Page.crash"))
        order.cancel()

    async def picture(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=path)


async def launch(playwright: Playwright) -> Browser:
    return await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@contextlib.asynccontextmanager
async def chromium(playwright: Playwright) -> AsyncIterator[Browser]:
    browser = await launch(playwright)
    try:
        yield browser
    finally:
        await browser.close()


async def person(
    browser: Browser,
    name: str,
    *,
    width: int = 1280,
    height: int = 800,
    locale: str = "en-GB",
    cable: Cable | None = None,
) -> Person:
    """One more person, alone in a browser profile; over a cable that can be cut, if given."""
    context = await browser.new_context(
        ignore_https_errors=True,
        proxy=None if cable is None else {"server": cable.address, "bypass": "<-loopback>"},
        permissions=["camera", "microphone"],
        viewport={"width": width, "height": height},
        locale=locale,
    )
    context.set_default_timeout(DEADLINE_MS)
    page = await context.new_page()
    console: list[str] = []
    page.on("console", lambda message: console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: console.append(f"page error: {error}"))
    return Person(name, page, context, console)
