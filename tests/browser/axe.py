"""One page under the eyes of axe-core; what it finds serious is kept by the place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Page

_AXE = Path(__file__).parents[2] / "webclient" / "node_modules" / "axe-core" / "axe.min.js"
# WCAG 2.2 AA, and what the makers of axe hold to be good practice.
_FINDINGS = """
async within => {
  const {violations, passes} = await axe.run(within);
  return {
    passed: passes.length,
    findings: violations
      .filter(({impact}) => impact === 'serious' || impact === 'critical')
      .map(({id, nodes}) => [id, nodes.slice(0, 3).map(({html, any}) =>
        [html.slice(0, 160), any[0]?.message ?? ''])]),
  };
}
"""
# What is still fading in has not its colours yet.
_SETTLED = """
() => Promise.allSettled(document.getAnimations()
  .filter(each => each.effect.getComputedTiming().endTime !== Infinity)
  .map(each => each.finished))
"""
# Told from outside, a page may learn of its colours in the middle of an examination.
_IN_ITS_COLOURS = """
async scheme => {
  const query = matchMedia(`(prefers-color-scheme: ${scheme})`);
  if (!query.matches) await new Promise(done => query.addEventListener('change', done));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}
"""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WHOLE = "html"


class Examined:
    """Findings of one page; empty when there is nothing serious."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.findings: dict[str, Any] = {}
        self.places: list[str] = []

    async def look_in_both_schemes(self, place: str, within: str = WHOLE) -> None:
        """Examine it in light and in dark colours."""
        for scheme in SCHEMES:
            await self.wear(scheme)
            await self.look(f"{place}, {scheme}", within)

    async def wear(self, scheme: Literal["light", "dark"]) -> None:
        """Have it light or dark, without motion, and wait until it is."""
        await self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await self.page.evaluate(_IN_ITS_COLOURS, scheme)

    async def look(self, place: str, within: str = WHOLE) -> None:
        """Examine what `within` (a selector) holds; a part costs less time than the whole page."""
        if not await self.page.evaluate("'axe' in window"):
            # By the debugger, because the page's policy lets no other script in.
            await self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        await self.page.locator(within).first.wait_for()
        await self.page.evaluate(_SETTLED)
        found = await self.page.evaluate(_FINDINGS, within)
        assert found["passed"] > (10 if within == WHOLE else 3), f"{place}: hardly looked"
        self.places.append(place)
        if found["findings"]:
            self.findings[place] = found["findings"]
