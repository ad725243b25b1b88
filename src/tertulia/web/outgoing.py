"""What we fetch from servers that the configuration names: little, soon, and from nowhere else.

Redirects are not followed and proxies of the environment are not used, so that nobody but the
operator decides whom we contact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import ClientError, ClientSession, ClientTimeout

from tertulia.errors import TertuliaError


class FetchFailed(TertuliaError):
    """The text says what came instead. `status` is that of an answer, 0 without one."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    within_s: float = 10.0
    answer_bytes: int = 256 * 1024


async def fetched(url: str, limits: FetchLimits, *, form: Mapping[str, str] | None = None) -> bytes:
    """The body of an answer with status 200 to GET, or to POST with a form. Raises: FetchFailed."""
    most = limits.answer_bytes
    method = "GET" if form is None else "POST"
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=limits.within_s)) as http,
            http.request(method, url, data=form, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise FetchFailed(f"{url} answered {response.status}", response.status)
            body = b""
            while len(body) <= most and (more := await response.content.read(most + 1)):
                body += more
            if len(body) > most:
                raise FetchFailed(f"{url} answered over {most} bytes", response.status)
            return body
    except TimeoutError:
        raise FetchFailed(f"{url} did not answer within {limits.within_s:g} s") from None
    except (ClientError, OSError, ValueError) as error:
        raise FetchFailed(f"{url}: {error or type(error).__name__}") from None
