"""Asking clamd whether a file is harmful (its INSTREAM command, clamd(8)).

A client of our own because it is a dozen lines: length-prefixed chunks, an answer in one line.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from pathlib import Path

from tertulia.errors import TertuliaError

_CHUNK = 256 * 1024
_LONGEST_ANSWER = 4096


class ScannerUnavailable(TertuliaError):
    """clamd does not answer, or not as clamd does: nothing is known of the file."""


@dataclass(frozen=True, slots=True)
class Clamd:
    """`address` is `unix:/path` or `host:port`."""

    address: str
    timeout_s: float = 60.0

    async def finding(self, path: Path) -> str:
        """What clamd found in the file, "" for nothing. Raises: ScannerUnavailable."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return _read(await self._ask(path))
        except (OSError, TimeoutError, ValueError) as error:
            raise ScannerUnavailable(f"clamd at {self.address}: {error}") from None

    async def _ask(self, path: Path) -> str:
        if self.address.startswith("unix:"):
            reader, writer = await asyncio.open_unix_connection(self.address[5:])
        else:
            host, _, port = self.address.rpartition(":")
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        try:
            writer.write(b"zINSTREAM\0")
            with path.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, _CHUNK):
                    writer.write(struct.pack(">I", len(chunk)) + chunk)
                    await writer.drain()
            writer.write(struct.pack(">I", 0))
            await writer.drain()
            answer = await reader.read(_LONGEST_ANSWER)
        finally:
            writer.close()
        return answer.decode(errors="replace").strip("\0\n ")


def _read(answer: str) -> str:
    """Raises: ValueError."""
    verdict = answer.removeprefix("stream: ")
    if verdict == "OK":
        return ""
    if verdict.endswith(" FOUND"):
        return verdict.removesuffix(" FOUND")
    raise ValueError(f"answers {answer[:200]!r}")
