"""A file of rows, written so that the end of the process at any moment leaves it whole.

SQLite with a write-ahead log and without waiting for the disk: what was handed to the system is
there for the next process. Rows are pickled objects of ours; reading them makes objects of our own
classes and nothing else. The file is worth nothing after a restart of the machine, or when it is
old, of another version or damaged: then it is deleted, and the server starts empty.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import pickle  # our own rows, in a folder that only we may enter; see `_Reader`
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

logger = logging.getLogger("tertulia.survival")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS row (
    kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, UNIQUE (kind, key)
)
"""
_PUT = """
INSERT INTO row (kind, key, value) VALUES (?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value
"""
_ABOUT = "about"
_PLAIN = {"builtins": {"set", "frozenset"}, "collections": {"deque", "OrderedDict", "defaultdict"}}

Key = tuple[str, str]  # kind, and what it is within that kind


class StateUnusable(Exception):
    """It cannot be gone on with; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Whether a state file is still of use."""

    version: str
    boot: str  # names the run of the machine
    beat: float  # `now` when it was written last


@dataclass(slots=True)
class StateFile:
    """Rows to write; `commit` writes them all or none. Without a file it takes them for nothing."""

    version: str
    file: sqlite3.Connection | None = None
    _changes: dict[Key, bytes | None] = field(default_factory=dict)
    _is_failing: bool = False

    @classmethod
    def open(cls, path: Path, version: str) -> StateFile:
        """Begin an empty one at `path`. Never raises: without a disk meetings are held too."""
        made = cls(version)
        forget(path)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.close(descriptor)
            made.file = sqlite3.connect(path, isolation_level=None)
            made.file.execute("PRAGMA journal_mode = WAL")
            made.file.execute("PRAGMA synchronous = OFF")
            made.file.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            made._failed(error)
        return made

    def put(self, kind: str, key: str, value: bytes) -> None:
        self._changes[kind, key] = value

    def delete(self, kind: str, key: str) -> None:
        self._changes[kind, key] = None

    def commit(self) -> None:
        """Write what has changed. What cannot be written is tried again with the next ones."""
        if self.file is None:
            self._changes.clear()
            return
        about = About(version=self.version, boot=boot(), beat=now())
        try:
            self.file.execute("BEGIN IMMEDIATE")
            self.file.execute(_PUT, (_ABOUT, "", pickle.dumps(about)))
            self.file.executemany(
                _PUT, [(*key, value) for key, value in self._changes.items() if value is not None]
            )
            self.file.executemany(
                "DELETE FROM row WHERE kind = ? AND key = ?",
                [key for key, value in self._changes.items() if value is None],
            )
            self.file.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self.file.execute("ROLLBACK")
            self._failed(error)
            return
        self._changes.clear()
        self._is_failing = False

    def close(self) -> None:
        """Write the rest and let go of the file."""
        self.commit()
        if self.file is not None:
            self.file.close()
            self.file = None

    def _failed(self, error: Exception) -> None:
        if not self._is_failing:
            logger.error("Meetings would not survive a restart now: %s", error)
        self._is_failing = True


def read(path: Path, version: str, *, oldest_s: float) -> dict[str, dict[str, Any]]:
    """All rows by kind and key, in the order in which they were put first.

    Raises: StateUnusable; FileNotFoundError when there is none.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    rows: dict[str, dict[str, Any]] = {}
    try:
        with contextlib.closing(sqlite3.connect(path)) as file:
            file.execute("PRAGMA query_only = ON")
            _check(_about(file), version, oldest_s)
            for kind, key, value in file.execute("SELECT kind, key, value FROM row ORDER BY rowid"):
                rows.setdefault(kind, {})[key] = loads(value)
    except StateUnusable:
        raise
    except Exception as error:  # whatever bytes do: pickle may raise anything at all
        raise StateUnusable(f"damaged: {type(error).__name__}: {error}") from None
    rows.pop(_ABOUT, None)
    return rows


def _about(file: sqlite3.Connection) -> About:
    found = file.execute("SELECT value FROM row WHERE kind = ?", (_ABOUT,)).fetchone()
    about = loads(found[0]) if found is not None else None
    if not isinstance(about, About):
        raise StateUnusable("it says nothing about itself")
    return about


def _check(about: About, version: str, oldest_s: float) -> None:
    if about.version != version:
        raise StateUnusable(f"of version {about.version}")
    if about.boot != boot():
        raise StateUnusable("the machine was started anew since")
    age_s = now() - about.beat
    if not 0.0 <= age_s <= oldest_s:
        raise StateUnusable(f"written {age_s:.0f} s ago")


def forget(path: Path) -> None:
    """Delete it, with what SQLite keeps beside it."""
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with contextlib.suppress(OSError):
            each.unlink(missing_ok=True)


def now() -> float:
    """Seconds on a clock that goes on, and stays the same, from one process to the next."""
    return time.monotonic()


@functools.cache
def boot() -> str:
    """What tells one run of the machine from another; "" where that is not known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def dumps(value: Any) -> bytes:
    return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def loads(data: bytes) -> Any:
    """Raises: anything; UnpicklingError when it holds what is none of ours."""
    return _Reader(io.BytesIO(data)).load()


class _Reader(pickle.Unpickler):
    """Makes our own classes and plain containers, and calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        is_ours = module.startswith("tertulia.")
        if is_ours or name in _PLAIN.get(module, ()):
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} has no place here")


def keys_of(rows: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Those of `rows` whose key is `prefix`, a slash and something, with that something."""
    start = f"{prefix}/"
    for key, value in rows.items():
        if key.startswith(start):
            yield key[len(start) :], value
