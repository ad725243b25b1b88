"""One setting as it stands in a file of a Jitsi installation."""

from __future__ import annotations

from dataclasses import dataclass

from tertulia.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Entry:
    """`key` in the spelling of its file; a list is told with commas between its parts."""

    file: str
    line: int
    key: str
    value: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def unreadable(file: str, line: int, what: str) -> ConfigError:
    """For text that cannot be followed any further."""
    return ConfigError(f"{file}:{line}: {what}")
