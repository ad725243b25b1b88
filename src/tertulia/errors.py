"""The root of our exceptions: one short tree that answers "whose mistake is it?".

Each package adds its own leaves beside the code that raises them; nothing here knows them.
"""

from typing import ClassVar


class TertuliaError(Exception):
    """Root of our errors; caught only where a process, a connection or a request begins."""


class ConfigError(TertuliaError):
    """The operator's mistake: the message names the file, the key and a value that would do."""


class PeerError(TertuliaError):
    """The peer's mistake: answered with a stanza error (RFC 6120 §8.3), never with a traceback.

    `str(error)` is the human text sent along; `error_type` and `condition` go on the wire.
    """

    error_type: ClassVar[str] = "modify"
    condition: ClassVar[str] = "bad-request"


class MalformedInput(PeerError):
    """Bytes or elements that do not follow their specification."""
