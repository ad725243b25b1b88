"""Sessions in the state file: what they are, and how many of their stanzas were taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tertulia.survival import counts, state_file
from tertulia.survival.counts import Counts
from tertulia.survival.state_file import StateFile
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.resumption import Resumable
from tertulia.xmpp.router import Origin
from tertulia.xmpp.sessions import NoScribe, Scribe, Sessions

KIND = "session"


@dataclass(slots=True)
class _Written:
    origin: Origin
    slot: int
    received: int = -1


class KeptSessions:
    """Writes down those that can be resumed, and has them taken up again."""

    def __init__(self, path: Path, sessions: Sessions, keeps: Callable[[Jid], bool]) -> None:
        self._path = path
        self._sessions = sessions
        self._keeps = keeps
        self._file: StateFile | None = None
        self._counts = Counts()
        self._written: dict[str, _Written] = {}  # by id

    def start(self, rows: StateFile, scribe: Scribe) -> None:
        """Write to `rows`; have `scribe` asked before clients hear their counts."""
        self._file = rows
        self._counts = Counts.open(self._path)
        self._sessions.scribe = scribe

    def stop(self) -> None:
        """Write no more."""
        self._sessions.scribe = NoScribe()
        self._counts.close()

    def forget(self) -> None:
        """Delete what only the next process would read."""
        self._path.unlink(missing_ok=True)

    def is_behind(self, kept: Resumable) -> bool:
        """Whether less is written of this session than came, if it is to be written at all."""
        if not kept.can_resume or not self._keeps(kept.jid):
            return False
        written = self._written.get(kept.id)
        return written is None or written.received != kept.received

    def flush(self) -> None:
        """Bring the rows up to date; once they are written, `count` what they were made of."""
        if self._file is None:
            return
        present = set()
        for kept in self._sessions.dump():
            if not self._keeps(kept.jid):
                continue
            present.add(kept.id)
            written = self._written.get(kept.id)
            if written is None or written.origin is not kept.origin:
                slot = self._counts.take() if written is None else written.slot
                if slot is None:
                    continue
                is_new = written is None
                written = self._written[kept.id] = _Written(kept.origin, slot)
                if is_new:  # what somebody before had in this slot must not be taken for its own
                    self._count(written, kept)
                row = (slot, kept.jid, kept.is_account, kept.origin)
                self._file.put(KIND, kept.id, state_file.dumps(row))
        for gone in self._written.keys() - present:
            self._counts.give_back(self._written.pop(gone).slot)
            self._file.delete(KIND, gone)

    def count(self) -> None:
        """What came of each client has taken effect and is written: so may be its number be.

        A number that says more than the rows do would lose what is between them: the client is
        told not to send it again. One that says less has it sent twice.
        """
        for kept in self._sessions.dump():
            if (written := self._written.get(kept.id)) is not None:
                self._count(written, kept)

    def _count(self, written: _Written, kept: Resumable) -> None:
        if written.received != kept.received:
            written.received = kept.received
            self._counts.write(written.slot, kept.received)

    def restore(self, rows: dict[str, Any], until: float) -> int:
        """Have the sessions of a former process wait for their clients; others see them until then.

        Returns: how many there are.
        """
        numbers = counts.read(self._path)
        found = 0
        for sm_id, (slot, jid, is_account, origin) in rows.items():
            received = counts.number(numbers, slot)
            if received is None:
                continue
            self._sessions.load(
                Resumable(
                    id=sm_id, jid=jid, is_account=is_account, origin=origin, received=received
                ),
                until - self._sessions.silence_s,
            )
            found += 1
        return found

    def has(self, jid: Jid) -> bool:
        """Whether somebody with that full JID is here, or may still come back to it."""
        return self._sessions.is_known(jid)
