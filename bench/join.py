"""P11: how long a join takes in Chromium, by P2P and through the bridge, beside its floor."""

from __future__ import annotations

from playwright.async_api import Browser

from bench.browser import browsers, clocked, first_frame, leave, loopback
from bench.figures import median, percentile
from bench.plot import distribution
from bench.process import Machine
from bench.report import ROOT, Report
from bench.server import Server, running

RUNS = 20
WARM_UPS = 1
PICTURE = ROOT / "docs" / "images" / "join-time.svg"
# In the order of a join; each is the time since the navigation began.
STEPS = (
    "socket-asked",
    "socket-open",
    "conference-asked",
    "in-room",
    "offer-received",
    "remote-description",
    "accept-sent",
    "ice-connected",
    "dtls-connected",
    "first-packet",
    "first-frame",
)
Stamps = dict[str, float]


async def run() -> Report:
    report = Report("join", conditions={"runs of each": RUNS, "warm-up runs": WARM_UPS})
    machine = Machine.now()
    series: dict[str, list[Stamps]] = {}
    floors: list[Stamps] = []
    for name, measure, p2p in (
        ("second person, P2P", _second_by_p2p, True),
        ("third person, all on the bridge", _third_on_bridge, False),
        ("third person, two were on P2P", _third_ends_p2p, True),
    ):
        settings = {"TERTULIA_P2P_ENABLED": str(p2p).lower()}
        async with running(settings) as server, browsers() as browser:
            series[name] = await measure(browser, server, floors)
    report.conditions["machine busy"] = round(Machine.now().busy_share_since(machine), 2)
    for name, runs in series.items():
        _add(report, name, runs)
    for part in ("connected", "packet", "frame"):
        samples = [floor[part] for floor in floors]
        report.add_samples(f"floor, two connections in one page: {part}", samples, "ms")
    frames = {name: [run["first-frame"] for run in runs] for name, runs in series.items()}
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(
        distribution("From page open to the first remote frame", "ms", frames), encoding="utf-8"
    )
    report.notes.append(
        "the floor runs from setRemoteDescription(offer) on, without page load and signalling"
    )
    return report


def _add(report: Report, name: str, runs: list[Stamps]) -> None:
    opened = [run["first-frame"] for run in runs]
    media = [run["first-packet"] - run["socket-open"] for run in runs]
    report.add_samples(f"{name}: page open -> first remote frame", opened, "ms")
    report.add_samples(
        f"{name}: socket open -> first remote packet (P11)", media, "ms", "<= 300, <= 150"
    )
    handshakes = [gap for run in runs if (gap := _handshake(run)) is not None]
    if handshakes:
        report.add(
            f"{name}: ICE connected -> DTLS done, p95 (P12)",
            percentile(handshakes, 0.95),
            "ms",
            "<= 60, <= 30",
        )
    for step in STEPS:
        reached = [run[step] for run in runs if step in run]
        report.samples[f"{name}: {step}"] = [round(each, 2) for each in reached]
        if reached:
            report.add(f"{name}: at {step}, p50", median(reached), "ms")


def _handshake(run: Stamps) -> float | None:
    """The longest of this page's connections, from ICE to DTLS."""
    gaps = [
        run[key.replace("ice", "dtls")] - at
        for key, at in run.items()
        if key.startswith("ice-connected-") and key.replace("ice", "dtls") in run
    ]
    return max(gaps, default=None)


async def _second_by_p2p(browser: Browser, server: Server, floors: list[Stamps]) -> list[Stamps]:
    """Each run in a room of its own: one waits, the other comes."""
    runs = []
    for number in range(WARM_UPS + RUNS):
        floor = await loopback(browser, server.url)
        waiting = await clocked(browser, "waiting")
        await waiting.open_directly(server.url, f"pair-{number}-quietly")
        coming = await clocked(browser, "coming")
        await coming.open_directly(server.url, f"pair-{number}-quietly")
        stamps = await first_frame(coming)
        await leave([coming, waiting])
        if number >= WARM_UPS:
            runs.append(stamps)
            floors.append(floor)
    return runs


async def _third_on_bridge(browser: Browser, server: Server, floors: list[Stamps]) -> list[Stamps]:
    return await _third(browser, server, floors, before="bridge")


async def _third_ends_p2p(browser: Browser, server: Server, floors: list[Stamps]) -> list[Stamps]:
    return await _third(browser, server, floors, before="p2p")


async def _third(
    browser: Browser, server: Server, floors: list[Stamps], *, before: str
) -> list[Stamps]:
    """Two stay in the room; a third comes, is measured, and leaves again."""
    seated = [await clocked(browser, name) for name in ("one", "two")]
    for one in seated:
        await one.open_directly(server.url, "trio-of-the-bench")
    runs = []
    for number in range(WARM_UPS + RUNS):
        for one in seated:
            await one.until_people(2)
            await one.until_transport(before)
        floor = await loopback(browser, server.url)
        coming = await clocked(browser, "coming")
        await coming.open_directly(server.url, "trio-of-the-bench")
        stamps = await first_frame(coming)
        await leave([coming])
        if number >= WARM_UPS:
            runs.append(stamps)
            floors.append(floor)
    await leave(seated)
    return runs
