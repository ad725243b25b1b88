"""A process that outlives whoever supervised it, and how its next supervisor finds it again.

The process keeps a unix socket at a place both know (`Beacon`); its supervisor asks there who it is
and takes it over (`Survivor`): its lines of log come to the new supervisor from then on. Whoever
answers at that place is the process itself, so no file with a process id can be out of date.

On the wire, as packets of a SOCK_SEQPACKET socket (unix(7)): `status` or `adopt`, the latter with a
descriptor for standard error (SCM_RIGHTS); the answer to each is a `Report` as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

logger = logging.getLogger("tertulia.adoption")

_MAX_BYTES = 4096
_CREDENTIALS = struct.Struct("iII")  # struct ucred (unix(7)): pid, uid, gid
_STDERR = 2
_LOOK_EVERY_S = 1.0
IS_POSSIBLE = sys.platform == "linux"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the process says of itself."""

    identity: str  # of its program and settings: another supervisor may want others
    people: int = 0  # who would notice if it ended
    is_seated: bool = False  # whether it is in touch with its server


class Beacon:
    """The process' end: answers at `place`, and tells when somebody took us over."""

    def __init__(
        self, place: Path, report: Callable[[], Report], adopted: Callable[[], None]
    ) -> None:
        self._place = place
        self._report = report
        self._adopted = adopted
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asking: set[socket.socket] = set()

    def light(self) -> None:
        """Be found from now on. Needs a running loop. Raises: OSError."""
        self._place.unlink(missing_ok=True)
        self._listener.bind(str(self._place))
        self._listener.setblocking(False)
        self._listener.listen(4)
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def put_out(self) -> None:
        """Be found no more."""
        loop = asyncio.get_running_loop()
        for each in (self._listener, *self._asking):
            loop.remove_reader(each)
            each.close()
        self._asking.clear()
        self._place.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # it gave up already
            return
        connection.setblocking(False)
        self._asking.add(connection)
        asyncio.get_running_loop().add_reader(connection, self._answer, connection)

    def _answer(self, connection: socket.socket) -> None:
        try:
            request, descriptors, _, _ = socket.recv_fds(connection, _MAX_BYTES, 1)
            if request == b"adopt" and descriptors:
                sys.stderr.flush()
                os.dup2(descriptors[0], _STDERR)
            for each in descriptors:
                os.close(each)
            if request:
                connection.send(json.dumps(asdict(self._report())).encode())
        except OSError:
            request = b""
        if not request:
            asyncio.get_running_loop().remove_reader(connection)
            self._asking.discard(connection)
            connection.close()
        elif request == b"adopt":
            logger.info("Adopted by another process")
            self._adopted()


class Survivor:
    """The supervisor's end: a process left by an earlier supervisor, found by `find`."""

    def __init__(self, connection: socket.socket, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._connection = connection
        self._descriptor = descriptor  # pidfd_open(2): it means this process and no later one

    @classmethod
    def find(cls, place: Path, *, within_s: float = 5.0) -> Survivor | None:
        """Who answers at `place`; None if nobody does. One of ours that hangs is ended."""
        if not IS_POSSIBLE:
            return None
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.settimeout(within_s)
            connection.connect(str(place))
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            pid, uid, _ = _CREDENTIALS.unpack(peer)
            if uid != os.geteuid():
                raise PermissionError(f"{place}: a process of another user")
            survivor = cls(connection, pid, os.pidfd_open(pid))
        except OSError as error:
            connection.close()
            if not isinstance(error, FileNotFoundError | ConnectionRefusedError):
                logger.warning("Nobody to adopt: %s: %s", place, error)
            return None
        try:
            survivor.ask()
        except OSError as error:
            logger.warning("It does not answer and is ended: pid=%d reason=%s", pid, error)
            survivor.kill()
            survivor.close()
            return None
        return survivor

    def ask(self, request: bytes = b"status", descriptors: tuple[int, ...] = ()) -> Report:
        """Its report; waits for it. Raises: OSError when it has ended or hangs."""
        socket.send_fds(self._connection, [request], list(descriptors))
        answer = self._connection.recv(_MAX_BYTES)
        try:
            return Report(**json.loads(answer))
        except (ValueError, TypeError):
            raise ConnectionError("no report") from None

    async def adopt(self) -> Adopted:
        """Take it over. Raises: OSError when it has ended meanwhile."""
        ours, its = os.pipe()
        lines = asyncio.StreamReader(limit=64 * 1024)
        pipe = os.fdopen(ours, "rb", buffering=0)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), pipe
        )
        try:
            await asyncio.to_thread(self.ask, b"adopt", (its,))
        finally:
            os.close(its)
        return Adopted(self, lines)

    async def until_replaceable(self, *, unseated_s: float = 15.0) -> None:
        """Wait until nobody would miss it: nobody is on it, or it does not find its server."""
        unseated = 0.0
        with contextlib.suppress(OSError):
            while unseated < unseated_s:
                report = await asyncio.to_thread(self.ask)
                if not report.people:
                    return
                unseated = 0.0 if report.is_seated else unseated + _LOOK_EVERY_S
                await asyncio.sleep(_LOOK_EVERY_S)

    def send_signal(self, number: signal.Signals) -> None:
        """Raises: ProcessLookupError when it has ended."""
        signal.pidfd_send_signal(self._descriptor, number)

    def terminate(self) -> None:
        """Ask it to end."""
        with contextlib.suppress(ProcessLookupError):
            self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            self.send_signal(signal.SIGKILL)

    async def ended(self) -> None:
        """Wait for its end."""
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        loop.add_reader(self._descriptor, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(self._descriptor)

    def close(self) -> None:
        self._connection.close()
        with contextlib.suppress(ChildProcessError):  # ours only if we have replaced ourselves
            os.waitid(os.P_PIDFD, self._descriptor, os.WEXITED | os.WNOHANG)
        os.close(self._descriptor)


class Adopted:
    """A survivor in the form of a child process (`supervisor.Child`)."""

    def __init__(self, survivor: Survivor, lines: asyncio.StreamReader) -> None:
        self.pid = survivor.pid
        self.stderr: asyncio.StreamReader | None = lines
        self.returncode: int | None = None
        self._survivor = survivor

    async def wait(self) -> int:
        """Wait for its end; its status is its parent's to know, so it is always 0."""
        if self.returncode is None:
            await self._survivor.ended()
            if self.returncode is None:
                self.returncode = 0
                self._survivor.close()
        return self.returncode

    def terminate(self) -> None:
        self._survivor.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._survivor.send_signal(signal.SIGKILL)
