"""Asking the key server of a web application."""

from __future__ import annotations

from tertulia.web.outgoing import FetchFailed, FetchLimits, fetched

_LIMITS = FetchLimits(within_s=5.0, answer_bytes=64 * 1024)


async def key_at(url: str) -> bytes | None:
    """What is there, None when nothing is. Raises: FetchFailed."""
    try:
        return await fetched(url, _LIMITS)
    except FetchFailed as failure:
        if failure.status in (404, 410):
            return None
        raise
