"""What every answer carries, and which Host a request may name.

The page may contact nobody but us: the Content-Security-Policy says so to the browser.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

# Names, IPv4 and bracketed IPv6 addresses, with an optional port (RFC 9110 §7.2). What passes can
# stand in a URL, a header and a script without escaping.
_HOST = re.compile(
    r"([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?"
    r"|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?"
)
MAX_HOST_CHARACTERS = 260


def valid_host(request: web.BaseRequest) -> str:
    """The Host the client used, such as "meet.example:8443". Raises: HTTPBadRequest."""
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or len(hosts[0]) > MAX_HOST_CHARACTERS or not _HOST.fullmatch(hosts[0]):
        raise web.HTTPBadRequest(text="The Host header is missing or malformed.\n")
    return hosts[0]


def security_headers(host: str, embed: Sequence[str] = ()) -> dict[str, str]:
    """Headers of every answer to a request for `host`; `embed`: origins that may frame it."""
    policy = (
        "default-src 'self'",
        # Backgrounds and noise suppression run as WebAssembly; no script may be made from text.
        "script-src 'self' 'wasm-unsafe-eval'",
        # Older browsers do not count wss: to the same host as 'self'.
        f"connect-src 'self' wss://{host}",
        "img-src 'self' data: blob:",
        "media-src 'self' blob: mediastream:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        " ".join(("frame-ancestors", "'self'", *embed)),
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), "
        "fullscreen=(self), screen-wake-lock=(self), geolocation=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def unframed(host: str) -> str:
    """The Content-Security-Policy of a page that nobody may show in a frame, not even we."""
    policy = security_headers(host)["Content-Security-Policy"]
    return policy.replace("frame-ancestors 'self'", "frame-ancestors 'none'")


def check_host_and_secure(embed: Sequence[str] = ()) -> Middleware:
    """Make what refuses a malformed Host and adds the security headers to whatever is answered."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = security_headers(valid_host(request), embed)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(headers)
            raise
        if not response.prepared:
            for name, value in headers.items():
                response.headers.setdefault(name, value)  # a file has a stricter policy
        return response

    return check
