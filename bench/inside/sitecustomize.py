"""Runs inside the processes of a measured server (by PYTHONPATH): counts its Python objects.

Asked through a pipe (`bench/objects.py`), answered with a file; costs a sleeping thread.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import threading
from collections import Counter
from pathlib import Path


class _MallInfo(ctypes.Structure):
    """`struct mallinfo2` (mallinfo2(3), glibc 2.33), in bytes over all arenas."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _malloc() -> dict[str, int]:
    """What the C library has given out, and what was given back and is kept for later."""
    mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo2 is None:
        return {}
    mallinfo2.restype = _MallInfo
    found = mallinfo2()
    return {"malloc used": found.uordblks + found.hblkhd, "malloc kept": found.fordblks}


def _counted() -> dict[str, int]:
    """What the garbage collector knows, by type, and all memory blocks that Python has given out.

    Blocks count strings and numbers too, which the collector does not know.
    """
    gc.collect()
    blocks = sys.getallocatedblocks()
    malloc = _malloc()
    kinds = Counter(type(each) for each in gc.get_objects())
    found = {f"{kind.__module__}.{kind.__qualname__}": count for kind, count in kinds.items()}
    return {**found, "blocks": blocks, **malloc}


def _answer(pipe: Path) -> None:
    while True:
        pipe.read_bytes()  # returns when somebody has asked
        part = pipe.with_suffix(".part")
        part.write_text(json.dumps(_counted()))
        part.rename(pipe.with_suffix(".json"))


def _listen(folder: Path) -> None:
    pipe = folder / f"{os.getpid()}.pipe"
    os.mkfifo(pipe)
    threading.Thread(target=_answer, args=(pipe,), daemon=True).start()


if "BENCH_OBJECTS" in os.environ:
    _listen(Path(os.environ["BENCH_OBJECTS"]))
