"""What a meeting of ten costs the page of one of them: long tasks, memory, decoded pictures.

The nine others are programs that send one recorded picture and voice each, so that the browser
measured is the only one on the machine. Tasks are those of the browser's own tracing; long ones are
above 50 ms.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession
from tests.browser.people import Person, person

from bench.browser import browsers
from bench.driven import CaseFailed
from bench.page_trace import Traced, tracing
from bench.report import Report
from bench.server import ONE_ADDRESS, running
from tertulia.client import Frame, Participant, join
from tertulia.client.ffmpeg import encode_video

OTHERS = 9
WIDTH, HEIGHT, FPS = 320, 180, 25
CLIP_S = 8
BITRATE_BPS = 200_000
STEADY_S = 30.0
AWAY_S = 8.0
SETTLE_S = 6.0
SPEAKER_CHANGES_EVERY_S = 3.0
LOUD, QUIET = 20, 110  # RFC 6464
LONG_TASK_LIMIT_MS = 200
# An Opus packet of 20 ms without any sound.
SILENCE = b"\xf8\xff\xfe"

_DECODED = """
async () => {
  let frames = 0, seconds = 0, bytes = 0, pictures = 0;
  for (const row of (await window.tertulia.peerConnections().bridge.getStats()).values()) {
    if (row.type !== 'inbound-rtp' || row.kind !== 'video') continue;
    frames += row.framesDecoded || 0;
    seconds += row.totalDecodeTime || 0;
    bytes += row.bytesReceived || 0;
    if (row.framesPerSecond) pictures += 1;
  }
  return { frames, seconds, bytes, pictures, at: performance.now() };
}
"""
_LOOK_AWAY = """
hidden => {
  Object.defineProperty(document, 'visibilityState', {
    configurable: true, get: () => hidden ? 'hidden' : 'visible',
  });
  document.dispatchEvent(new Event('visibilitychange'));
}
"""


async def run() -> Report:
    if shutil.which("ffmpeg") is None:
        raise CaseFailed("ffmpeg is not installed")
    report = Report(
        "page",
        conditions={
            "people": f"{OTHERS} programs ({WIDTH} x {HEIGHT}, {FPS} fps, VP8) and one page",
            "window": "1280 x 800",
            "steady for s": STEADY_S,
        },
    )
    clip = await _clip()
    async with (
        running(ONE_ADDRESS) as server,
        browsers() as browser,
        _others(f"{server.url}council", clip),
    ):
        one = await person(browser, "Ana")
        tools = await one.context.new_cdp_session(one.page)
        await tools.send("Performance.enable")
        await _measure(report, one, tools, await browser.new_browser_cdp_session(), server.url)
    report.notes.append(
        "the page is told that it is out of sight as the browser would tell it; a headless window"
        " cannot be minimised"
    )
    return report


async def _measure(
    report: Report, one: Person, tools: CDPSession, tracer: CDPSession, url: str
) -> None:
    async with tracing(tracer, one.page) as entering:
        await one.open_directly(url, "council")
        await one.until_people(OTHERS + 1)
        await one.until_seeing(OTHERS)
    _add_tasks(report, "entering, until nine pictures move", entering)

    await asyncio.sleep(SETTLE_S)
    async with tracing(tracer, one.page) as steady:
        await _steady(report, one, tools)
    _add_tasks(report, "a grid of ten, speakers changing", steady)

    async with tracing(tracer, one.page) as changing:
        for change in (_layouts, _panels):
            await change(one)
    _add_tasks(report, "five layouts, two panels", changing)

    await one.page.evaluate(_LOOK_AWAY, True)
    await asyncio.sleep(SETTLE_S)
    before = await one.page.evaluate(_DECODED)
    await asyncio.sleep(AWAY_S)
    after = await one.page.evaluate(_DECODED)
    report.add("out of sight: pictures decoded", _rate(before, after, "frames"), "1/s", "0")
    report.add("out of sight: video received", _rate(before, after, "bytes") * 8e-3, "kbit/s", "0")
    await one.page.evaluate(_LOOK_AWAY, False)
    await one.until_seeing(OTHERS)


async def _steady(report: Report, one: Person, tools: CDPSession) -> None:
    metrics, decoded = await _metrics(tools), await one.page.evaluate(_DECODED)
    await asyncio.sleep(STEADY_S)
    later, decoded_later = await _metrics(tools), await one.page.evaluate(_DECODED)
    name = "a grid of ten"
    report.add(f"{name}: pictures that move", decoded_later["pictures"], "")
    report.add(f"{name}: pictures decoded", _rate(decoded, decoded_later, "frames"), "1/s")
    report.add(f"{name}: decoding", _rate(decoded, decoded_later, "seconds") * 1000, "ms/s")
    report.add(f"{name}: video received", _rate(decoded, decoded_later, "bytes") * 8e-3, "kbit/s")
    elapsed = later["Timestamp"] - metrics["Timestamp"]
    for key, what in (
        ("TaskDuration", "the page's own thread"),
        ("ScriptDuration", "of it scripts"),
        ("LayoutDuration", "of it layout"),
        ("RecalcStyleDuration", "of it styles"),
    ):
        report.add(f"{name}: {what}", (later[key] - metrics[key]) / elapsed * 1000, "ms/s")
    report.add(f"{name}: JavaScript heap", later["JSHeapUsedSize"] / 2**20, "MiB")
    report.add(f"{name}: DOM nodes", later["Nodes"], "")


async def _layouts(one: Person) -> None:
    for layout in ("speaker", "beside", "grid", "speaker", "auto"):
        await one.page.get_by_test_id("view").click()
        await one.page.get_by_test_id(f"view-{layout}").click()
        await asyncio.sleep(1)


async def _panels(one: Person) -> None:
    for panel in ("chat", "people"):
        await one.page.get_by_test_id(panel).click()
        await asyncio.sleep(1)
    await one.page.get_by_test_id("people").click()
    await asyncio.sleep(1)


def _rate(before: dict[str, float], after: dict[str, float], key: str) -> float:
    return (after[key] - before[key]) / (after["at"] - before["at"]) * 1000


async def _metrics(tools: CDPSession) -> dict[str, float]:
    answer: dict[str, Any] = await tools.send("Performance.getMetrics")
    return {metric["name"]: metric["value"] for metric in answer["metrics"]}


def _add_tasks(report: Report, name: str, traced: Traced) -> None:
    """Both bounds hold on a machine left alone; on a busy one only the second says something."""
    limit = f"<= {LONG_TASK_LIMIT_MS}"
    report.samples[f"long tasks: {name}"] = [round(each, 1) for each in traced.long_ms]
    report.add(f"long tasks: {name}", len(traced.long_ms), "")
    report.add(f"longest: {name}", traced.longest_ms, "ms", limit)
    report.add(f"longest on the processor: {name}", traced.longest_on_processor_ms, "ms", limit)


async def _clip() -> list[Frame]:
    """A moving picture, encoded once; everybody sends the same."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.y4m"
        source = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS}:duration={CLIP_S}"
        command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", source, str(path)]
        await asyncio.to_thread(subprocess.run, command, check=True)
        frames = encode_video(
            str(path),
            codec="vp8",
            width=WIDTH,
            height=HEIGHT,
            fps=FPS,
            bitrate_bps=BITRATE_BPS,
            paced=False,
        )
        return [frame async for frame in frames]


@asynccontextmanager
async def _others(url: str, clip: list[Frame]) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        senders: list[Callable[[], Coroutine[None, None, None]]] = []
        for number in range(OTHERS):
            one = await stack.enter_async_context(
                join(url, name=f"Person {number + 1}", verify=False)
            )
            senders.append(_sending(one, clip, number))
        tasks = [asyncio.create_task(send()) for send in senders]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _sending(
    one: Participant, clip: list[Frame], number: int
) -> Callable[[], Coroutine[None, None, None]]:
    """Picture and voice of one person, who is loud in turn with the others."""
    video, audio = one.publish_video(), one.publish_audio()

    async def picture() -> None:
        step = 90_000 // FPS
        at, shown = number * 977, number * 5
        due = asyncio.get_running_loop().time() + number / OTHERS / FPS
        while True:
            if video.wants_keyframe:
                shown = 0
            frame = clip[shown % len(clip)]
            video.send(frame, timestamp=at)
            at, shown, due = at + step, shown + 1, due + 1 / FPS
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))

    async def voice() -> None:
        loop = asyncio.get_running_loop()
        at, due = 0, loop.time()
        while True:
            turn = int(loop.time() / SPEAKER_CHANGES_EVERY_S) % OTHERS
            level = LOUD if turn == number else QUIET
            audio.send(
                Frame(data=SILENCE, timestamp=at, codec="opus", clock_rate=48_000, level=level)
            )
            at, due = at + 960, due + 0.02
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def both() -> None:
        await one.connected()
        await asyncio.gather(picture(), voice())

    return both
