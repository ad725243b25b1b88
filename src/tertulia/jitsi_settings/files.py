"""Which files of a Jitsi installation hold settings, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tertulia.errors import ConfigError
from tertulia.jitsi_settings import hocon, lines
from tertulia.jitsi_settings.entry import Entry

_MOST_BYTES = 1024 * 1024
# Below /etc/jitsi, ~/.jitsi-meet-cfg or a clone of docker-jitsi-meet.
_KNOWN = (
    ".env",
    "config",
    "sip-communicator.properties",
    "*jvb.conf",
    "*jicofo.conf",
    "videobridge/config",
    "videobridge/sip-communicator.properties",
    "*/*jvb.conf",
    "jicofo/config",
    "jicofo/sip-communicator.properties",
    "*/*jicofo.conf",
    "meet/*-config.js",
    "web/config.js",
)


def read(paths: list[Path]) -> list[Entry]:
    """All settings, in the order of the files. Raises: ConfigError."""
    return [entry for path in paths for file in _files(path) for entry in parse(_text(file), file)]


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    found = [each for name in _KNOWN for each in sorted(path.glob(name)) if each.is_file()]
    if not found:
        raise ConfigError(f"{path}: holds no settings of Jitsi; name the files themselves")
    yield from dict.fromkeys(found)


def _text(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from None
    if len(raw) > _MOST_BYTES:
        raise ConfigError(f"{file}: is larger than settings ever are")
    return raw.decode("utf-8", "replace").replace("\r\n", "\n")


def parse(text: str, file: Path) -> list[Entry]:
    """The settings of one text. Raises: ConfigError naming file and line."""
    parser: Callable[[str, str], list[Entry]]
    match file.suffix:
        case ".properties":
            parser = lines.properties
        case ".conf":
            parser = hocon.entries
        case ".js":
            parser = lines.javascript
        case _:
            parser = lines.shell
    return [replace(each, value=_whole(each.value)) for each in parser(text, str(file))]


def _whole(text: str) -> str:
    """Without halves of characters, which escapes can write."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
