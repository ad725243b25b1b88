"""One participant as a process of its own, to be killed: `python -m tests.faults.caller URL`."""

from __future__ import annotations

import asyncio
import sys

from tests.client.media import feeding

from tertulia.client import join


async def call(url: str) -> None:
    async with join(url, name="Caller", verify=False) as me, feeding(me.publish_audio()):
        await me.connected()
        print("connected", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(call(sys.argv[1]))
