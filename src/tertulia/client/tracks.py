"""What a participant sends: audio, video and screen tracks."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from tertulia.client.frame import Frame
from tertulia.client.session import OwnSource
from tertulia.xmpp.jingle_rtp import Media

# `Connection.send`, or a stand-in while there is none: ssrc, codec, timestamp, data, level.
Send = Callable[[int, str, int, bytes, int | None], bool]


def fresh_ssrc() -> int:
    return secrets.randbelow(2**32 - 2) + 1


class Track:
    """One source of ours. Frames sent before media is connected are dropped.

    It keeps its place over reconnects; `close` takes it away.

    Args:
        index: counts the tracks of one media type; it becomes part of the source's name.
    """

    def __init__(
        self,
        media: Media,
        index: int,
        *,
        is_screen: bool,
        send: Send,
        state_changed: Callable[[], None],
        closed: Callable[[Track], None],
    ) -> None:
        self.media = media
        self.index = index
        self.is_screen = is_screen
        self._wanted_height = -1
        self._height_told = asyncio.Event()
        self._send = send
        self._state_changed = state_changed
        self._closed = closed
        self._muted = False
        self._keyframe_wanted = asyncio.Event()
        self.source = self.signalled_as("")

    def signalled_as(self, endpoint: str) -> OwnSource:
        """Take the name that goes with an endpoint id, and SSRCs nobody has seen yet."""
        is_video = self.media is Media.VIDEO
        self.source = OwnSource(
            name=f"{endpoint}-{self.media.value[0]}{self.index}",
            msid=f"{endpoint}-{self.media.value}-{self.index} {secrets.token_hex(8)}",
            media=self.media,
            ssrc=fresh_ssrc(),
            rtx=fresh_ssrc() if is_video else None,
            is_screen=self.is_screen,
        )
        return self.source

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def kind(self) -> str:
        """ "audio" or "video"."""
        return self.media.value

    @property
    def muted(self) -> bool:
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        if muted != self._muted:
            self._muted = muted
            self._state_changed()

    def send(self, frame: Frame, *, timestamp: int | None = None) -> bool:
        """Send one encoded frame; False when it was dropped (not connected, muted, too much).

        Args:
            timestamp: instead of the frame's own. Video counts in 1/90000 s, Opus in 1/48000 s;
                frames of one track have to follow one another on one scale.
        Raises: ValueError when the conference does not offer the codec.
        """
        if self._muted:
            return False
        at = frame.timestamp if timestamp is None else timestamp
        level = frame.level if self.media is Media.AUDIO else None
        sent = self._send(self.source.ssrc, frame.codec, at, frame.data, level)
        if sent and frame.keyframe:
            self._keyframe_wanted.clear()
        return sent

    @property
    def wanted_height(self) -> int:
        """How large receivers look at it, in pixels; -1: any, 0: nobody looks (the bridge says)."""
        return self._wanted_height

    @wanted_height.setter
    def wanted_height(self, height: int) -> None:
        self._wanted_height = height
        self._height_told.set()

    async def height_told(self) -> int:
        """Wait until the bridge says `wanted_height` (again)."""
        self._height_told.clear()
        await self._height_told.wait()
        return self._wanted_height

    @property
    def wants_keyframe(self) -> bool:
        """Somebody cannot decode what comes: send a key frame soon (RFC 4585 §6.3.1)."""
        return self._keyframe_wanted.is_set()

    async def keyframe_wanted(self) -> None:
        """Wait until a key frame is wanted; sending one settles it."""
        await self._keyframe_wanted.wait()

    def want_keyframe(self) -> None:
        self._keyframe_wanted.set()

    def close(self) -> None:
        """Take it away; idempotent."""
        self._closed(self)
