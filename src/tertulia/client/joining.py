"""`join`: from the address of a meeting to a participant in it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from tertulia.client.connection import Transport
from tertulia.client.participant import Participant
from tertulia.client.site import MeetingAddress, trust_for


@contextlib.asynccontextmanager
async def join(
    url: str,
    *,
    name: str,
    verify: bool | str = True,
    password: str = "",
    height: int = 720,
    transport: str = "any",
    codecs: str = "vp8,h264,vp9,av1",
    media_timeout_s: float = 20.0,
) -> AsyncIterator[Participant]:
    """Join a meeting, for as long as the block lasts.

    Args:
        url: `https://HOST[:PORT]/ROOM`, what people type.
        name: the display name.
        verify: True, the server's certificate has to be trusted by this system; a SHA-256
            fingerprint, it has to be that one; False, any (for servers of your own).
        password: the room's, if it has one.
        height: of the pictures wanted of everybody, in pixels; 0 for none. `request` changes it.
        transport: "udp", "tcp" or "any": which ways to the bridge are tried.
        codecs: video codecs we would receive, in order of preference; others consider them.
        media_timeout_s: how long a connection to the bridge may take.
    Raises: JoinFailed when the meeting cannot be entered; ConfigError for the url.
    """
    address = MeetingAddress.parse(url)
    trust = await trust_for(address, verify)
    participant = Participant(
        address,
        trust,
        name=name,
        password=password,
        height=height,
        transport=Transport(transport),
        codecs=codecs,
        media_timeout_s=media_timeout_s,
    )
    await participant.start()
    try:
        yield participant
    finally:
        await participant.leave()
