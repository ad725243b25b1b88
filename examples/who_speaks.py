"""Print who comes, goes and speaks: `python examples/who_speaks.py https://HOST/ROOM`."""

from __future__ import annotations

import argparse
import asyncio
from datetime import datetime

from tertulia.client import Participant, PersonJoined, PersonLeft, SpeakerChanged, join


def note(text: str) -> None:
    print(f"{datetime.now().astimezone():%H:%M:%S} {text}", flush=True)


async def attend(me: Participant) -> None:
    async for event in me.events():
        match event:
            case PersonJoined(person):
                note(f"{person.name} is here")
            case PersonLeft(person):
                note(f"{person.name} has left")
            case SpeakerChanged(speaker) if speaker in me.people:
                note(f"{me.people[speaker].name} speaks")


async def main() -> None:
    parser = argparse.ArgumentParser(description="Print who comes, goes and speaks.")
    parser.add_argument("meeting", help="https://HOST/ROOM")
    parser.add_argument("--name", default="Minutes")
    parser.add_argument("--insecure", action="store_true", help="accept any certificate")
    args = parser.parse_args()
    async with join(args.meeting, name=args.name, verify=not args.insecure, height=0) as me:
        await attend(me)


if __name__ == "__main__":
    asyncio.run(main())
