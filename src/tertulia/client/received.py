"""A source of somebody else: its frames, for whoever wants them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from weakref import WeakSet

from tertulia.client.frame import Frame
from tertulia.client.sources import SignalledSource

# About five seconds of sound or eight of pictures; a slower reader loses the oldest.
MOST_WAITING = 256
# A request for a key frame may be lost, or come too soon after another one to be passed on.
ASK_AGAIN_S = 1.0


class _Reader(AsyncIterator[Frame]):
    """The frames one `frames()` has not yet taken."""

    def __init__(self, has_begun: bool) -> None:
        self._frames: deque[Frame] = deque()
        self._wake = asyncio.Event()
        self._has_begun = has_begun
        self._is_over = False

    @property
    def has_begun(self) -> bool:
        """Whether there was a frame that can be decoded by itself."""
        return self._has_begun

    def put(self, frame: Frame) -> None:
        self._has_begun = self._has_begun or frame.keyframe
        if not self._has_begun:
            return
        if len(self._frames) >= MOST_WAITING:
            self._frames.popleft()
            self._frames[0] = replace(self._frames[0], contiguous=False)
        self._frames.append(frame)
        self._wake.set()

    def end(self) -> None:
        self._is_over = True
        self._wake.set()

    async def __anext__(self) -> Frame:
        while not self._frames:
            if self._is_over:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._frames.popleft()


class RemoteSource:
    """One audio or video origin of another person.

    It lives from its `SourceAdded` to its `SourceRemoved`. When the conference moves to another
    bridge, sources are removed and added anew.
    """

    def __init__(self, signalled: SignalledSource, ask_keyframe: Callable[[int], None]) -> None:
        self._signalled = signalled
        self._ask_keyframe = ask_keyframe
        self._readers: WeakSet[_Reader] = WeakSet()
        self._has_ended = False
        self._asked_s = 0.0  # when a key frame was asked for, on the clock of frames

    @property
    def name(self) -> str:
        """Such as "a1b2c3d4-v0"."""
        return self._signalled.name

    @property
    def owner(self) -> str:
        """The endpoint id of the person it belongs to."""
        return self._signalled.owner

    @property
    def kind(self) -> str:
        """ "audio" or "video"."""
        return self._signalled.media.value

    @property
    def is_screen(self) -> bool:
        return self._signalled.is_screen

    @property
    def signalled(self) -> SignalledSource:
        return self._signalled

    @property
    def has_ended(self) -> bool:
        return self._has_ended

    def request_keyframe(self) -> None:
        """Ask for a picture that can be decoded without those before."""
        if self.kind == "video":
            self._asked_s = time.monotonic()
            self._ask_keyframe(self._signalled.ssrc)

    def frames(self) -> AsyncIterator[Frame]:
        """Encoded frames from this call on, in order, until the source ends.

        Video begins with a key frame, which is asked for. A reader that is slower than the source
        loses the oldest frames; the next one is then not `contiguous`.
        """
        reader = _Reader(has_begun=self.kind == "audio")
        if self._has_ended:
            reader.end()
        else:
            self._readers.add(reader)
            self.request_keyframe()
        return reader

    def put(self, frame: Frame) -> None:
        is_waiting = False
        for reader in self._readers:
            reader.put(frame)
            is_waiting |= not reader.has_begun
        if is_waiting and frame.arrived - self._asked_s >= ASK_AGAIN_S:
            self.request_keyframe()

    def end(self) -> None:
        self._has_ended = True
        for reader in self._readers:
            reader.end()
