"""The data folder of one server: made, claimed for this process alone, and what it remembers.

Two processes on one folder would both lead the same meetings. The claim is a lock of the system
(flock(2)), which ends with the process however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tertulia.errors import ConfigError

_LOCK = "serve.lock"
_XMPP_PORT = "xmpp.port"


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Make the folder if need be, and hold it for this process alone. Raises: ConfigError."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be made ({error.strerror}); name a folder you can write with --data"
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"{folder}: another tertulia serve works with it; stop that one, "
                "or name another folder with --data"
            ) from None
        yield
    finally:
        os.close(descriptor)


def known_xmpp_port(folder: Path) -> int:
    """The port at which bridges found the last process; 0 if there was none."""
    try:
        text = (folder / _XMPP_PORT).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return 0
    return int(text) if text.isdecimal() and int(text) < 65536 else 0


def remember_xmpp_port(folder: Path, port: int) -> None:
    """Note the port for the next process. A bridge that lives on looks for us there."""
    if known_xmpp_port(folder) != port:
        with contextlib.suppress(OSError):  # a full disk: then a bridge has to be started anew
            (folder / _XMPP_PORT).write_text(f"{port}\n", encoding="ascii")
