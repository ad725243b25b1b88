"""What the forwarding benchmarks send: cases, and the traffic of cameras and microphones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One stream; the fields are those of `Load.publish`."""

    frames_per_s: float
    frame_bytes: int
    variation: float = 0.0
    packet_bytes: int = 1_100
    key_factor: float = 1.0
    key_every_s: float = 0.0

    def keywords(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def even(packets_per_s: float) -> Pattern:
    """Packets of 1,100 bytes, one by one: the pattern of reference performance B2."""
    return Pattern(frames_per_s=packets_per_s, frame_bytes=1_100)


def camera(kbps: float, fps: float, *, key_every_s: float = 10.0) -> Pattern:
    """Frames of varying size, each a burst of packets, and large key frames."""
    return Pattern(
        frames_per_s=fps,
        frame_bytes=round(kbps * 1000 / 8 / fps),
        variation=0.3,
        key_factor=5.0,
        key_every_s=key_every_s,
    )


HD = camera(2_000, 30)  # 720p
SD = camera(500, 20)  # 360p
THUMBNAIL = camera(100, 12)  # 180p
OPUS = Pattern(frames_per_s=50, frame_bytes=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Rooms of people, of whom the first ones send."""

    name: str
    meaning: str
    rooms: int = 1
    people: int  # per room
    video: Pattern | None = None
    video_senders: int = 0  # per room
    audio_senders: int = 0  # per room, the first ones too
    last_n: int = -1  # videos each receiver asks for
    counts: bool = True  # in the geometric means

    @property
    def senders(self) -> int:
        return max(self.video_senders, self.audio_senders)

    @property
    def flows(self) -> int:
        """Streams times receivers, over all rooms."""
        heard = self.audio_senders * (self.people - 1)
        if self.last_n < 0:
            return self.rooms * (self.video_senders * (self.people - 1) + heard)
        others = self.video_senders - 1
        sending = self.video_senders * min(self.last_n, others)
        watching = (self.people - self.video_senders) * min(self.last_n, self.video_senders)
        return self.rooms * (sending + watching + heard)

    @property
    def fan_out(self) -> int:
        """Receivers of each packet; 0 where receivers choose."""
        return self.people - 1 if self.last_n < 0 else 0


def _broadcast(receivers: int) -> Case:
    return Case(
        name=f"1 to {receivers}",
        meaning=f"one 720p camera and microphone to {receivers} receivers",
        people=receivers + 1,
        video=HD,
        video_senders=1,
        audio_senders=1,
    )


P1 = Case(
    name="1 to 30, even",
    meaning="P1: 400 packets/s of 1,100 bytes, one by one, to 30 receivers",
    people=31,
    video=even(400),
    video_senders=1,
)
P2 = Case(
    name="10 rooms of 10",
    meaning="P2: ten rooms of ten people, three of each with 360p cameras, one microphone open",
    rooms=10,
    people=10,
    video=SD,
    video_senders=3,
    audio_senders=1,
)
P4 = Case(
    name="1 to 10, sparse",
    meaning="P4: 200 packets/s of 1,100 bytes, one by one, to 10 receivers",
    people=11,
    video=even(200),
    video_senders=1,
    counts=False,
)
LARGE = Case(
    name="room of 100",
    meaning="a hundred people, thirty cameras of which each sees twenty, three open microphones",
    people=100,
    video=camera(60, 7.5),
    video_senders=30,
    audio_senders=3,
    last_n=20,
    counts=False,
)
CASES = (
    P1,
    _broadcast(2),
    _broadcast(10),
    _broadcast(50),
    Case(
        name="room of 3",
        meaning="three people with 720p cameras and microphones",
        people=3,
        video=HD,
        video_senders=3,
        audio_senders=3,
    ),
    Case(
        name="room of 10",
        meaning="ten people with 360p cameras, three microphones open",
        people=10,
        video=SD,
        video_senders=10,
        audio_senders=3,
    ),
    Case(
        name="room of 30",
        meaning="thirty people with thumbnail cameras, three microphones open",
        people=30,
        video=THUMBNAIL,
        video_senders=30,
        audio_senders=3,
    ),
    P2,
    P4,
)


def arrivals(people: int) -> Case:
    """So many people in rooms of ten with one sender each, for what a participant costs."""
    return Case(
        name=f"{people} people",
        meaning=f"{people} people in rooms of ten, one sender in each",
        rooms=people // 10,
        people=10,
        video=HD,
        video_senders=1,
        audio_senders=1,
        counts=False,
    )


def evenly(packets_per_s: float, receivers: int = 30) -> Case:
    """One sender with this many packets/s of 1,100 bytes to each receiver."""
    return Case(
        name=f"1 to {receivers}, {packets_per_s:.0f}/s",
        meaning=f"{packets_per_s:.0f} packets/s of 1,100 bytes, one by one, to {receivers}",
        people=receivers + 1,
        video=even(packets_per_s),
        video_senders=1,
        counts=False,
    )
