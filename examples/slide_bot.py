"""Share pictures as a screen: `python examples/slide_bot.py https://HOST/ROOM one.png two.png`.

Write "next" in the chat for the next slide, "bye" to end. Needs the program `ffmpeg`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace

from tertulia.client import ChatMessage, Frame, Participant, Track, join
from tertulia.client.ffmpeg import encode_picture

SECONDS_BETWEEN = 2.0  # a still picture has to be sent again and again for those who come later


class Slides:
    def __init__(self, track: Track, slides: Sequence[Frame]) -> None:
        self._track = track
        self._slides = slides
        self._at = 0
        self._turned = asyncio.Event()

    def turn(self) -> None:
        self._at = (self._at + 1) % len(self._slides)
        self._turned.set()

    async def show(self) -> None:
        """Send the slide of now: when it is turned, when somebody needs it, and now and then."""
        began = time.monotonic()
        while True:
            timestamp = int((time.monotonic() - began) * 90_000)
            self._track.send(replace(self._slides[self._at], timestamp=timestamp))
            self._turned.clear()
            reasons = [
                asyncio.ensure_future(self._turned.wait()),
                asyncio.ensure_future(self._track.keyframe_wanted()),
            ]
            await asyncio.wait(
                reasons, timeout=SECONDS_BETWEEN, return_when=asyncio.FIRST_COMPLETED
            )
            for each in reasons:
                each.cancel()


async def attend(me: Participant, frames: Sequence[Frame]) -> None:
    slides = Slides(me.publish_screen(), frames)
    showing = asyncio.create_task(slides.show())
    try:
        async for event in me.events():
            match event:
                case ChatMessage(text="next"):
                    slides.turn()
                case ChatMessage(text="bye"):
                    break
    finally:
        showing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await showing


async def main() -> None:
    parser = argparse.ArgumentParser(description="Share pictures as a screen.")
    parser.add_argument("meeting", help="https://HOST/ROOM")
    parser.add_argument("pictures", nargs="+", help="files, in the order they are shown")
    parser.add_argument("--name", default="Slides")
    parser.add_argument("--insecure", action="store_true", help="accept any certificate")
    args = parser.parse_args()
    frames = [await encode_picture(each) for each in args.pictures]
    async with join(args.meeting, name=args.name, verify=not args.insecure, height=0) as me:
        print("joined", flush=True)
        await attend(me, frames)


if __name__ == "__main__":
    asyncio.run(main())
