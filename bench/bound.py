"""The bound of forwarding: `engine/examples/reference_loop.rs`, same packets and receivers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from bench.driven import CaseFailed, Driven, Room, Standing, machine_address
from bench.ours import OPUS_NUMBER, VP8_NUMBER
from bench.report import ROOT
from bench.traffic import OPUS, Case
from tertulia._engine import Load

PROGRAM = ROOT / "engine" / "target" / "release" / "examples" / "reference_loop"
STOP_WITHIN_S = 5.0


@contextlib.asynccontextmanager
async def prepared(case: Case, *, gso: bool = False) -> AsyncIterator[Driven]:
    """The loop with everybody of `case`, nothing sent.

    Raises: CaseFailed when the program was not built (`scripts/bench` does).
    """
    if not PROGRAM.exists():
        raise CaseFailed(f"{PROGRAM.relative_to(ROOT)} is missing: run `make bench`")
    address = machine_address()
    load = Load(address)
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        address,
        *(["gso"] if gso else []),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        server = f"{address}:{int(await process.stdout.readline())}"
        rooms = [_room(load, case, server, number) for number in range(case.rooms)]
        for room in rooms:
            for sender in room.senders:
                receivers = [each for each in room.people if each.id != sender.id]
                line = " ".join(f"{each.ip}:{each.port}" for each in (sender, *receivers))
                process.stdin.write(line.encode() + b"\n")
        process.stdin.write(b"\n")
        await process.stdin.drain()
        name = "bound, GSO" if gso else "bound"
        yield Driven(name, load, process.pid, rooms, Standing.now(process.pid))
    finally:
        load.close()
        await _stop(process)


def _room(load: Load, case: Case, server: str, number: int) -> Room:
    people = [load.add_peer(number) for _ in range(case.people)]
    for place, peer in enumerate(people):
        load.connect_bare(peer, server)
        for is_video, pattern, payload_type, senders in (
            (False, OPUS, OPUS_NUMBER, case.audio_senders),
            (True, case.video, VP8_NUMBER, case.video_senders),
        ):
            if place < senders and pattern is not None:
                load.publish(
                    peer,
                    mid="",
                    is_video=is_video,
                    payload_type=payload_type,
                    ssrc=peer.id * 2 + is_video,
                    rtx=None,
                    **pattern.keywords(),
                )
    return Room(people[: case.senders], people)


async def _stop(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """End the loop by ending its standard input; what it said of its work."""
    try:
        out, _ = await asyncio.wait_for(process.communicate(), STOP_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return {}
    found: dict[str, Any] = json.loads(out) if out.strip() else {}
    return found
