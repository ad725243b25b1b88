"""Real Chromiums over an emulated link: quality follows the link, and nobody else pays for it."""

from __future__ import annotations

from pathlib import Path as File

import pytest
from tests.heavy import heavy
from tests.network.link import Path
from tests.network.people import why_not
from tests.network.screening import GOOD, screening

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


@heavy
async def test_a_narrow_and_lossy_link_makes_a_picture_smaller_and_does_not_stop_it(
    tmp_path: File,
) -> None:
    async with screening(tmp_path, fps=8, with_others=False, height=360) as scene:
        scene.link.set(down=Path(delay_ms=20, rate_bps=400_000, loss=0.02))
        narrowed = scene.now()
        await scene.weak.until(
            "since => { const seen = window.__samples.at(-1);"
            " return seen.at > since + 3 && seen.height > 0 && seen.height < 360; }",
            narrowed,
        )
        await scene.weak.until_seeing(1, more_frames=10)
        assert (await scene.weak.survey())["transport"] == "bridge"

        scene.link.set(down=GOOD)
        freed = scene.now()
        await scene.weak.until(
            "since => window.__samples.some(seen => seen.at > since && seen.height >= 360)", freed
        )
