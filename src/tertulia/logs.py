"""Log lines: one event, one line, on standard error, as logfmt or JSON.

What a line tells may come from strangers (names, rooms, headers), so it is data: quoted, control
characters escaped, never more than one line, tracebacks included.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from types import TracebackType

# Controls, line separators, and the marks that reorder text on a terminal (bidirectional marks).
_UNSAFE = re.compile(
    '[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"\\\\]'
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
MAX_FIELD_CHARACTERS = 8_000


def set_up(level: str, form: str, process: str) -> None:
    """Send everything logged in this process to standard error, marked with `process`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(form, process))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # aiohttp reports each broken request of a stranger; that is the stranger's trouble.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    sys.excepthook = _log_what_ended_us


def _log_what_ended_us(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """A bug that ends the process is one line too."""
    logging.getLogger("tertulia").critical(
        "Ended by an error: %s", kind.__name__, exc_info=(kind, error, trace)
    )


class LineFormatter(logging.Formatter):
    """Formats a record as `time=... level=... process=... logger=... msg="..."`."""

    def __init__(self, form: str, process: str) -> None:
        super().__init__()
        self._form = form
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _rfc3339(record.created),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            fields["traceback"] = self.formatException(record.exc_info)
        fields = {name: _cut(text) for name, text in fields.items()}
        if self._form == "json":
            return json.dumps(fields, ensure_ascii=True)
        quoted = ("msg", "traceback")
        return " ".join(
            f'{name}="{escape(text)}"' if name in quoted else f"{name}={escape(text)}"
            for name, text in fields.items()
        )


def escape(text: str) -> str:
    r"""Write control characters, quotes and backslashes as `\n`, `\"`, `\u001b` and the like."""
    return _UNSAFE.sub(lambda m: _SHORT.get(m[0]) or f"\\u{ord(m[0]):04x}", text)


def _cut(text: str) -> str:
    if len(text) <= MAX_FIELD_CHARACTERS:
        return text
    return f"{text[:MAX_FIELD_CHARACTERS]}... ({len(text)} characters)"


def _rfc3339(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"
