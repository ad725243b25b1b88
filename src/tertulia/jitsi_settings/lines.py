"""Files of one setting per line: shell variables (`.env` too), Java properties, config.js."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tertulia.jitsi_settings.entry import Entry, unreadable

_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_SPACE = " \t\f"
_JAVA = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_JS = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*:\s*(-?\d+|true|false|'[^']*'|\"[^\"]*\")\s*,?\s*$")
_SYSTEM_PROPERTY = re.compile(r"-D([A-Za-z0-9_.-]+)=(\S+)")


def shell(text: str, file: str) -> list[Entry]:
    """Assignments of a file that a shell or Docker reads.

    Nothing is expanded: a value with `$` or a backquote keeps it. Lines that assign nothing say
    nothing about settings. Properties for Java in `JAVA_SYS_PROPS` become entries of their own.
    Raises: ConfigError for a quote without its end.
    """
    found = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        begins, at = at + 1, at + 1
        match = _ASSIGNMENT.fullmatch(lines[begins - 1].strip())
        if match is None:
            continue
        key, rest = match[1], match[2]
        while (value := _unquoted(rest)) is None:
            if at == len(lines):
                raise unreadable(file, begins, f"{key} begins a quote that never ends")
            rest += "\n" + lines[at]
            at += 1
        found.append(Entry(file, begins, key, value))
        if key == "JAVA_SYS_PROPS":
            found += (Entry(file, begins, *each) for each in _SYSTEM_PROPERTY.findall(value))
    return found


def _unquoted(text: str) -> str | None:
    """The first word, without its quotes; None when a quote has no end."""
    value, quote, at = "", "", 0
    while at < len(text):
        char = text[at]
        at += 1
        if quote:
            if char == quote:
                quote = ""
            elif char == "\\" and quote == '"' and text[at : at + 1] in ('"', "\\", "$", "`"):
                value += text[at]
                at += 1
            else:
                value += char
        elif char in "'\"":
            quote = char
        elif char == "\\":
            value += text[at : at + 1]
            at += 1
        elif char.isspace() or char == ";":
            break
        else:
            value += char
    return None if quote else value


def properties(text: str, file: str) -> list[Entry]:
    """Java properties (java.util.Properties.load)."""
    return [
        Entry(file, number, key, value)
        for number, line in _logical(text)
        for key, value in (_property(line),)
    ]


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their continuations, without comments."""
    begun: tuple[int, str] | None = None
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.lstrip(_SPACE)
        if begun is None and (not line or line[0] in "#!"):
            continue
        first, before = begun or (number, "")
        is_continued = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        begun = first, before + (line[:-1] if is_continued else line)
        if not is_continued:
            yield begun
            begun = None
    if begun is not None:
        yield begun


def _property(line: str) -> tuple[str, str]:
    key, at = "", 0
    while at < len(line) and line[at] not in "=:" + _SPACE:
        at += 1 + (line[at] == "\\")
    key, rest = line[:at], line[at:].lstrip(_SPACE)
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(_SPACE)
    return _java(key), _java(rest).rstrip()


def _java(text: str) -> str:
    def meant(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        return _JAVA.get(found[2], found[2])

    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.?))", meant, text)


def javascript(text: str, file: str) -> list[Entry]:
    """The lines `key: value,` of a config.js; what is nested deeper goes by its last name too."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        match = _JS.fullmatch(line)
        if match is not None:
            found.append(Entry(file, number, f"config.js {match[1]}", match[2].strip("'\"")))
    return found
