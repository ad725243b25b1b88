"""Counts the Python objects of a running server's processes; `bench/inside` is the other end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.driven import CaseFailed

_INSIDE = Path(__file__).parent / "inside"
_WITHIN_S = 60.0


class Objects:
    """Asks processes that were started with `environment`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def environment(self) -> dict[str, str]:
        paths = [str(_INSIDE), *os.environ.get("PYTHONPATH", "").split(":")]
        return {
            "BENCH_OBJECTS": str(self._folder),
            "PYTHONPATH": ":".join(path for path in paths if path),
        }

    async def count(self, pid: int) -> dict[str, int]:
        """By type name; `blocks` counts everything. Raises: CaseFailed."""
        answer = self._folder / f"{pid}.json"
        answer.unlink(missing_ok=True)
        await asyncio.to_thread((self._folder / f"{pid}.pipe").write_bytes, b"\n")
        deadline = time.monotonic() + _WITHIN_S
        while not answer.exists():
            if time.monotonic() > deadline:
                raise CaseFailed(f"process {pid} does not count its objects")
            await asyncio.sleep(0.02)
        found: dict[str, int] = json.loads(answer.read_text())
        return found


@contextlib.contextmanager
def countable() -> Iterator[Objects]:
    with tempfile.TemporaryDirectory(prefix="tertulia-objects-") as folder:
        yield Objects(Path(folder))


def more(before: dict[str, int], after: dict[str, int], *, least: int) -> dict[str, int]:
    """The types with at least so many objects more than before, most first."""
    grown = {name: count - before.get(name, 0) for name, count in after.items()}
    return {
        name: count
        for name, count in sorted(grown.items(), key=lambda item: -item[1])
        if count >= least
    }
