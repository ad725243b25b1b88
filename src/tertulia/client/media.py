"""The engine's peers seen from asyncio: one thread for all participants of an event loop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from weakref import WeakKeyDictionary

from tertulia._engine import ClientEngine, ClientEvent, PeerFailed

_HUBS: WeakKeyDictionary[asyncio.AbstractEventLoop, MediaHub] = WeakKeyDictionary()


class MediaHub:
    """Shares one `ClientEngine`; each peer's events go to whoever added it."""

    def __init__(self) -> None:
        self.engine = ClientEngine()
        self._numbers = itertools.count(1)
        self._listeners: dict[int, Callable[[ClientEvent], None]] = {}
        self._users = 0

    @classmethod
    def enter(cls) -> MediaHub:
        """The hub of the running loop; `leave` when done with it."""
        loop = asyncio.get_running_loop()
        hub = _HUBS.get(loop)
        if hub is None:
            hub = _HUBS[loop] = cls()
            loop.add_reader(hub.engine.fileno(), hub._take)
        hub._users += 1
        return hub

    def leave(self) -> None:
        self._users -= 1
        if self._users == 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self.engine.fileno())
            del _HUBS[loop]
            self.engine.close()

    def listen(self, listener: Callable[[ClientEvent], None]) -> int:
        """A number for a new peer, whose events go to `listener`."""
        number = next(self._numbers)
        self._listeners[number] = listener
        return number

    def forget(self, peer: int) -> None:
        """End a peer; nothing more is heard of it."""
        if self._listeners.pop(peer, None) is not None:
            self.engine.remove_peer(peer)

    def _take(self) -> None:
        for event in self.engine.take_events():
            listener = self._listeners.get(event.peer)
            if isinstance(event, PeerFailed):
                self._listeners.pop(event.peer, None)
            if listener is not None:
                listener(event)
