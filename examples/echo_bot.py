"""Say back what people say, a second later: `python examples/echo_bot.py https://HOST/ROOM`.

One voice at a time is echoed: the first that is heard, until it leaves. Write "bye" in the chat to
send the bot away.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from tertulia.client import ChatMessage, Participant, RemoteSource, SourceAdded, Track, join

DELAY_S = 1.0


async def echo(source: RemoteSource, track: Track) -> None:
    """Send every frame of a source again, `DELAY_S` after it came."""
    async for frame in source.frames():
        await asyncio.sleep(frame.arrived + DELAY_S - time.monotonic())
        track.send(frame)


async def attend(me: Participant) -> None:
    track = me.publish_audio()
    echoing: asyncio.Task[None] | None = None
    async for event in me.events():
        match event:
            case SourceAdded(source) if source.kind == "audio":
                if echoing is None or echoing.done():
                    echoing = asyncio.create_task(echo(source, track))
            case ChatMessage(text="bye"):
                break
    if echoing is not None:
        echoing.cancel()


async def main() -> None:
    parser = argparse.ArgumentParser(description="Say back what people say.")
    parser.add_argument("meeting", help="https://HOST/ROOM")
    parser.add_argument("--name", default="Echo")
    parser.add_argument("--insecure", action="store_true", help="accept any certificate")
    args = parser.parse_args()
    async with join(args.meeting, name=args.name, verify=not args.insecure, height=0) as me:
        print("joined", flush=True)
        await attend(me)


if __name__ == "__main__":
    asyncio.run(main())
