"""An encoded frame, as it comes and goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One encoded frame: an Opus packet, a VP8, VP9 or AV1 frame, an H.264 access unit (Annex B).

    Of AV1 it is a temporal unit of OBUs with size fields.
    """

    data: bytes
    timestamp: int  # RTP, in ticks of `clock_rate`, without wrapping; its zero means nothing
    codec: str  # "opus", "vp8", "vp9", "h264", "av1"
    clock_rate: int
    keyframe: bool = False  # always False for audio
    contiguous: bool = True  # False: frames between this and the one before are missing
    level: int | None = None  # audio: RFC 6464, 0 (loudest) to 127 (silence)
    arrived: float = 0.0  # of its first packet, on the clock of `time.monotonic()`

    @property
    def time_s(self) -> float:
        """The timestamp in seconds; only differences within one source mean something."""
        return self.timestamp / self.clock_rate
