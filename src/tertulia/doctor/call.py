"""A real meeting of three, by the addresses everybody gets, over one way of transport."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tertulia.client import (
    Frame,
    JoinFailed,
    MediaConnected,
    MediaLost,
    Participant,
    RemoteSource,
    SourceAdded,
    Track,
    Transport,
    join,
)
from tertulia.client.connection import Connection
from tertulia.doctor.report import Finding, broken, good, skipped
from tertulia.doctor.server import Address

BRIDGE = "bridge"  # the check that fails when nobody carries media at all
MEDIA_WITHIN_S = 10.0  # to connect; half as long again for an offer before, or frames after
FRAMES = 10
# A key frame of 320x180 as far as anybody but a decoder looks, and 20 ms of Opus silence.
_PICTURE = bytes([0x10, 2, 0, 0x9D, 1, 0x2A, 0x40, 1, 0xB4, 0]) + bytes(1500)
_SOUND = b"\xfc\xff\xfe"

_WHERE = {
    "page": "the server's pages; see the rows above",
    "signalling": "let WebSockets to /xmpp-websocket through the proxy before the server",
    "focus": "restart the server; its log names the reason",
    "room": "the room refuses guests; does the site ask for a password or login?",
}


@dataclass(slots=True)
class _Outcome:
    """How far one participant has come."""

    wanted: int  # frames of each kind
    connected: MediaConnected | None = None
    lost: str = ""
    frames: dict[str, int] = field(default_factory=lambda: {"audio": 0, "video": 0})
    connection: Connection | None = None

    @property
    def is_complete(self) -> bool:
        return self.connected is not None and min(self.frames.values()) >= self.wanted


@dataclass(frozen=True, slots=True)
class _Way:
    """Which call is held: where, and by what."""

    address: Address
    server_addresses: set[str]  # what the host's name leads to
    transport: Transport

    @property
    def check(self) -> str:
        return f"call by {self.transport.upper()}"


async def hold(address: Address, transport: Transport, server_addresses: set[str]) -> Finding:
    """Hold the call and say how it went. The first participant sends, the others receive."""
    way = _Way(address, server_addresses, transport)
    url = f"{address.url}/doctor-{secrets.token_hex(8)}"
    began = time.monotonic()
    outcomes = [_Outcome(wanted=0), _Outcome(wanted=FRAMES), _Outcome(wanted=FRAMES)]
    try:
        async with contextlib.AsyncExitStack() as stack:
            people = [
                await stack.enter_async_context(
                    join(
                        url,
                        name=f"Doctor {number}",
                        verify=False,
                        transport=transport,
                        media_timeout_s=MEDIA_WITHIN_S,
                    )
                )
                for number in (1, 2, 3)
            ]
            tracks = (people[0].publish_audio(), people[0].publish_video())
            await stack.enter_async_context(_sending(tracks))
            await asyncio.gather(*map(_sit, people, outcomes))
    except JoinFailed as error:
        return broken(way.check, str(error), _WHERE.get(error.hop, "see the server's log"))
    took_s = time.monotonic() - began
    for outcome in outcomes:
        wrong = await _why(way, outcome)
        if wrong is not None:
            return wrong
    path = outcomes[1].connected
    assert path is not None
    return good(way.check, f"three people, {path.protocol} to {path.remote}, in {took_s:.1f} s")


@contextlib.asynccontextmanager
async def _sending(tracks: tuple[Track, Track]) -> AsyncIterator[None]:
    async def send() -> None:
        audio, video = tracks
        number = 0
        while True:
            audio.send(
                Frame(data=_SOUND, timestamp=number * 960, codec="opus", clock_rate=48000, level=30)
            )
            video.send(
                Frame(
                    data=_PICTURE,
                    timestamp=number * 1800,
                    codec="vp8",
                    clock_rate=90000,
                    keyframe=True,
                )
            )
            number += 1
            await asyncio.sleep(0.02)

    task = asyncio.create_task(send())
    try:
        yield
    finally:
        task.cancel()


async def _sit(person: Participant, outcome: _Outcome) -> None:
    """Take part until enough has come, the connection has failed, or time is up."""
    counting: list[asyncio.Task[None]] = []
    changed = asyncio.Event()

    async def count(source: RemoteSource) -> None:
        async for _ in source.frames():
            outcome.frames[source.kind] += 1
            changed.set()

    async def listen() -> None:
        async for event in person.events():
            match event:
                case MediaConnected():
                    outcome.connected = event
                case MediaLost(reason):
                    outcome.lost = reason
                case SourceAdded(source):
                    counting.append(asyncio.create_task(count(source)))
            changed.set()

    counting.append(asyncio.create_task(listen()))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(MEDIA_WITHIN_S * 1.5):
            while not outcome.is_complete and not outcome.lost:
                await changed.wait()
                changed.clear()
    outcome.connection = person.connection
    for task in counting:
        task.cancel()


async def _why(way: _Way, outcome: _Outcome) -> Finding | None:
    """The hop that broke and the likely fix; None when everything came."""
    connection = outcome.connection
    if connection is None:
        text = "the focus offers no media: no bridge has joined, or it does not answer"
        return broken(BRIDGE, text, "see the bridge's log; `bridge.enabled` starts one here")
    candidates = tuple((each.ip, each.port) for each in connection.candidates)
    if not candidates:
        if way.transport is Transport.TCP:
            return skipped(way.check, "the bridge offers no TCP (media.tcp)")
        text = "the bridge announces no address by UDP"
        return broken(way.check, text, "set `media.addresses`, or `media.advertise` behind NAT")
    if outcome.connected is None:
        return await _unreachable(way, outcome, *_likeliest(candidates, way.server_addresses))
    if not outcome.is_complete:
        came = ", ".join(f"{count} of {kind}" for kind, count in outcome.frames.items())
        text = f"connected, but of {outcome.wanted} frames each only {came} came"
        return broken(way.check, text, "see the bridge's log and its load")
    return None


async def _unreachable(way: _Way, outcome: _Outcome, ip: str, port: int) -> Finding:
    if outcome.lost == "dtls-failed":
        text = f"{way.transport.upper()} port {port} of {ip} answers checks but not DTLS"
        return broken(
            way.check, text, "a firewall passes small packets only: look at the path's MTU"
        )
    if way.transport is Transport.TCP:
        errors = {} if outcome.connection is None else outcome.connection.candidate_errors
        number = next(iter(errors.values()), errno.ETIMEDOUT)
        reason = os.strerror(number) if number else "closed by the other side"
        text = f"TCP port {port} blocked between here and {ip}: {reason}"
        return broken(way.check, text, f"let TCP port {port} to {ip} through, or `media.tcp_port`")
    if ip not in way.server_addresses and not await _serves(ip, way.address.port):
        leads = ", ".join(sorted(way.server_addresses))
        text = (
            f"the advertised address {ip} cannot be reached from here (UDP port {port}); "
            f"{way.address.host} itself is {leads}"
        )
        fix = "set `media.advertise` to the address people reach it by, or let the port through"
        return broken(way.check, text, fix)
    text = f"UDP port {port} blocked between here and {ip}"
    return broken(way.check, text, f"let UDP port {port} to {ip} through every firewall, both ways")


def _likeliest(
    candidates: tuple[tuple[str, int], ...], server_addresses: set[str]
) -> tuple[str, int]:
    """The address people would expect media at: the server's own, else the first."""
    own = [each for each in candidates if each[0] in server_addresses]
    return own[0] if own else candidates[0]


async def _serves(ip: str, port: int) -> bool:
    """Whether the server's port can be reached at this address too."""
    try:
        async with asyncio.timeout(3):
            _, writer = await asyncio.open_connection(ip, port)
    except OSError:
        return False
    writer.close()
    return True
