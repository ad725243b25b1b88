"""What only the server's own machine shows: configuration, folder, disk, ports."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from tertulia import machine
from tertulia.config import Config, Loaded
from tertulia.doctor.report import Finding, broken, good, skipped, warning

LOW_DISK_BYTES = 1024**3
FULL_DISK_BYTES = 100 * 1024**2


def look_at(loaded: Loaded) -> list[Finding]:
    config = loaded.config
    changed = [path for path, origin in loaded.origins.items() if origin != "default"]
    text = f"read; {len(changed)} keys set" if changed else "read; all keys have their defaults"
    return [
        good("configuration", text),
        *_folder(config.data.expanduser()),
        *_media_port(config),
        skipped("mail", "not configured"),
        skipped("directory", "not configured"),
    ]


def _folder(data: Path) -> list[Finding]:
    if not data.is_dir():
        text = f"{data} does not exist yet"
        return [warning("data", text, "start the server once, or correct `data`")]
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        fix = "run as the server's user, or give it the folder (chown)"
        return [broken("data", f"{data} cannot be read and written by this user", fix)]
    free = shutil.disk_usage(data).free
    text = f"{free / 1024**3:.1f} GiB free in {data}"
    if free < FULL_DISK_BYTES:
        return [broken("disk", text, "make room: logs, recordings, old backups")]
    if free < LOW_DISK_BYTES:
        return [warning("disk", text, "make room before it is full")]
    return [good("disk", text)]


def _media_port(config: Config) -> list[Finding]:
    """A port that can be bound has nobody behind it."""
    if not config.bridge.enabled:
        return [skipped("media port", "no bridge on this machine (bridge.enabled)")]
    port = config.media.port
    if port == 0:
        return [skipped("media port", "any free one (media.port 0)")]
    addresses = machine.media_addresses(config.media.addresses, config.host)
    if _taken(addresses, port):
        return [good("media port", f"UDP port {port} is in use here")]
    fix = "start the server; if it runs, its log tells why the bridge does not"
    return [broken("media port", f"nobody listens on UDP port {port}", fix)]


def _taken(addresses: Sequence[str], port: int) -> bool:
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return True
    return False
