"""A PostgreSQL of the tests alone: Debian's programs, a folder of its own, a socket and no port.

It forgets on a power cut what it has promised (`fsync`), which makes it quick to begin and to fill.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ACCOUNT = "postgres"  # Debian's; the programs refuse to run as root
WITHIN_S = 60
_HASTY = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB")


class Cluster:
    """`create` makes a place for each who asks."""

    def __init__(self, programs: Path, folder: Path, account: str | None) -> None:
        self._programs = programs
        self._folder = folder
        self._account = account
        self._made = 0

    def create(self) -> str:
        """The address of tables of one's own, none yet, as `storage.url` has it: an account with a
        schema of its name, where it makes and looks for tables. A database would cost 7 MB."""
        self._made += 1
        name = f"test{self._made}"
        self.tell(f"CREATE ROLE {name} LOGIN; CREATE SCHEMA AUTHORIZATION {name}")
        return self.url("postgres", user=name)

    def url(self, name: str, user: str = "tests") -> str:
        return f"postgresql://{user}@/{name}?host={self._folder}"

    def cut(self, url: str, *, for_good: bool) -> None:
        """End all connections of an account as an administrator may; `for_good`: no new ones."""
        name = _account(url)
        if for_good:
            self.tell(f"ALTER ROLE {name} NOLOGIN")
        self.tell(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename='{name}'")

    def mend(self, url: str) -> None:
        """Take connections again."""
        self.tell(f"ALTER ROLE {_account(url)} LOGIN")

    def tell(self, sql: str) -> None:
        where = ("-h", str(self._folder), "-U", "tests", "-d", "postgres")
        self._run("psql", "-X", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", *where, "-c", sql)

    def start(self) -> None:
        data = self._folder / "data"
        authentic = ("--auth=trust", "--username=tests")
        self._run("initdb", "-D", str(data), *authentic, "--no-sync", "--encoding=UTF8")
        options = [f"-c {each}" for each in _HASTY]
        options += ["-c listen_addresses=''", f"-c unix_socket_directories='{self._folder}'"]
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "-w", "-D", str(data), "-l", log, "-o", " ".join(options))

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", str(self._folder / "data"))

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self._folder,
            user=self._account,
            group=self._account,
            extra_groups=None if self._account is None else [],
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        log = self._folder / "log"
        told = log.read_text(encoding="utf-8") if log.exists() else ""
        assert done.returncode == 0, f"{program}: {done.stdout}\n{told[-2000:]}"


def _account(url: str) -> str:
    return url.partition("//")[2].partition("@")[0]


@contextmanager
def running() -> Iterator[Cluster]:
    """A cluster that is gone afterwards."""
    found = [Path(each).parent for each in [shutil.which("initdb")] if each]
    found += sorted(each.parent for each in Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "PostgreSQL is missing: scripts/setup test, or your system's package of it"
    account = ACCOUNT if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="tertulia-postgresql-"))
    if account is not None:
        shutil.chown(folder, account, account)
    cluster = Cluster(found[-1], folder, account)
    try:
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder)
