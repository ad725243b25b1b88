"""A number for each session in memory that outlives the process: how many stanzas it has sent us.

It changes with every stanza, which would be too much for the state file. A number is written after
what it counts, and before its client is told of it (XEP-0198 §4): the next process says neither
more than it has nor less than this one said.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import struct
from pathlib import Path

logger = logging.getLogger("tertulia.survival")

SLOTS = 65_536  # sessions; those beyond cannot be resumed after a restart
_NUMBER = struct.Struct("<I")


class Counts:
    """Numbers below 2**32 by slot."""

    def __init__(self) -> None:
        self._memory: mmap.mmap | None = None
        self._free = list(range(SLOTS - 1, -1, -1))

    @classmethod
    def open(cls, path: Path) -> Counts:
        """Begin anew at `path`. Never raises: without a disk there are no slots."""
        counts = cls()
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # Real blocks: writing to a hole on a full disk would end the process.
                os.posix_fallocate(descriptor, 0, SLOTS * _NUMBER.size)
                counts._memory = mmap.mmap(descriptor, SLOTS * _NUMBER.size)
            finally:
                os.close(descriptor)
        except OSError as error:
            logger.error("Sessions would not survive a restart now: %s", error)
            counts._free = []
        return counts

    def take(self) -> int | None:
        """A slot, if there is one left."""
        return self._free.pop() if self._free else None

    def give_back(self, slot: int) -> None:
        self._free.append(slot)

    def write(self, slot: int, number: int) -> None:
        if self._memory is not None:
            _NUMBER.pack_into(self._memory, slot * _NUMBER.size, number)

    def close(self) -> None:
        if self._memory is not None:
            self._memory.close()
            self._memory = None


def read(path: Path) -> bytes:
    """The file of a former process, for `number`; nothing when there is none."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def number(file: bytes, slot: int) -> int | None:
    """What was written in a slot; None when the file has none such."""
    if not 0 <= slot < len(file) // _NUMBER.size:
        return None
    found: int = _NUMBER.unpack_from(file, slot * _NUMBER.size)[0]
    return found
