"""Our bridge under load: `tertulia serve`, joined as clients join, with the generator's media."""

from __future__ import annotations

import asyncio
import contextlib
import html
import json
import random
import re
import time
from collections.abc import AsyncIterator, Mapping

from aiohttp import ClientSession, ClientWebSocketResponse

from bench.driven import CaseFailed, Driven, Room, Standing, machine_address
from bench.server import ONE_ADDRESS, Server, running
from bench.synthetic import Sending, Stream, SyntheticClient, connections
from bench.traffic import OPUS, Case, Pattern
from tertulia._engine import Load, LoadPeer

OPUS_NUMBER, VP8_NUMBER, VP8_RTX = 111, 100, 96
FORMATS = [
    (OPUS_NUMBER, "opus", 48_000, 2, None),
    (VP8_NUMBER, "vp8", 90_000, 1, VP8_RTX),
]
AT_ONCE = 10
JOIN_WITHIN_S = 60.0
_EXTENSION = re.compile(r"<rtp-hdrext[^>]*>")
_ATTRIBUTE = re.compile(r"""([a-z-]+)=["']([^"']*)["']""")
_TRANSPORT = re.compile(r"<transport[^>]*>.*?</transport>", re.DOTALL)


def _attributes(tag: str) -> dict[str, str]:
    return {key: html.unescape(value) for key, value in _ATTRIBUTE.findall(tag)}


class MediaClient(SyntheticClient):
    """A synthetic client whose transport is a peer of the generator.

    Args:
        video: what its camera sends; None without one.
        audio: whether its microphone is open.
    """

    def __init__(
        self,
        http: ClientSession,
        server: Server,
        load: Load,
        *,
        room: str,
        number: int,
        video: Pattern | None = None,
        audio: bool = False,
    ) -> None:
        super().__init__(http, server.websocket_url, domain=server.domain, room=room)
        self._load = load
        self._video = video
        self._audio = audio
        self._channel: ClientWebSocketResponse | None = None
        self._channel_url = ""
        self.answered_at = 0.0  # time.monotonic() when ICE began
        self.peer: LoadPeer = load.add_peer(number)

    def answer(self, offer: str) -> Sending:
        found = _TRANSPORT.search(offer)
        if found is None:
            raise CaseFailed("an offer without transport")
        transport = found[0]
        about = _attributes(transport.partition(">")[0])
        fingerprint = re.search(r"<fingerprint([^>]*)>([^<]*)<", transport)
        channel = re.search(r"<web-socket([^>]*)>", transport)
        if fingerprint is None or channel is None:
            raise CaseFailed("an offer without fingerprint or bridge channel")
        candidates = [_attributes(each) for each in re.findall(r"<candidate[^>]*>", transport)]
        extensions = {
            int(each["id"]): each["uri"] for each in map(_attributes, _EXTENSION.findall(offer))
        }
        self._channel_url = _attributes(channel[1])["url"]
        self.answered_at = time.monotonic()
        self._load.connect(
            self.peer,
            ufrag=about["ufrag"],
            pwd=about["pwd"],
            fingerprint=(_attributes(fingerprint[1])["hash"], fingerprint[2].strip()),
            candidates=[
                f"{each['ip']}:{each['port']}"
                for each in candidates
                if each.get("protocol") == "udp" and ":" not in each["ip"]
            ],
            controlling=False,
            payload_types=FORMATS,
            extensions=sorted(extensions.items()),
        )
        audio, ssrc, rtx = random.sample(range(1, 2**32), 3)
        if self._audio:
            self._publish("audio", OPUS, OPUS_NUMBER, audio, None)
        if self._video is not None:
            self._publish("video", self._video, VP8_NUMBER, ssrc, rtx)
        return Sending(
            ufrag=self.peer.ufrag,
            pwd=self.peer.pwd,
            fingerprint=self.peer.fingerprint,
            audio=audio if self._audio else None,
            video=((ssrc, rtx),) if self._video is not None else (),
        )

    def _publish(self, mid: str, pattern: Pattern, number: int, ssrc: int, rtx: int | None) -> None:
        self._load.publish(
            self.peer,
            mid=mid,
            is_video=mid == "video",
            payload_type=number,
            ssrc=ssrc,
            rtx=rtx,
            **pattern.keywords(),
        )

    def expect(self, streams: list[Stream]) -> None:
        self._load.expect(self.peer, [(each.ssrc, each.rtx, each.is_video) for each in streams])

    async def watch(self, **constraints: object) -> None:
        """Open the bridge channel and ask for everything, or for what `constraints` say."""
        self._channel = await self._http.ws_connect(self._channel_url)
        wanted = {"lastN": -1, "defaultConstraints": {"maxHeight": 720}, **constraints}
        message = {"colibriClass": "ReceiverVideoConstraints", **wanted}
        await self._channel.send_str(json.dumps(message))

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
        await super().close()
        self._load.remove(self.peer)


@contextlib.asynccontextmanager
async def serving(environment: Mapping[str, str] | None = None) -> AsyncIterator[Server]:
    """Our server on the address that Janus uses too."""
    settings = {
        **ONE_ADDRESS,
        **(environment or {}),
        "TERTULIA_P2P_ENABLED": "false",
    }
    async with running(settings) as server:
        yield server


@contextlib.asynccontextmanager
async def prepared(case: Case) -> AsyncIterator[Driven]:
    """A server with everybody of `case` in their rooms, connected and watching, nothing sent."""
    load = Load(machine_address())
    try:
        async with serving() as server, populated(server, load, case) as driven:
            yield driven
    finally:
        load.close()


@contextlib.asynccontextmanager
async def populated(server: Server, load: Load, case: Case) -> AsyncIterator[Driven]:
    """Bring everybody of `case` into the rooms of a running server; they leave at the end."""
    async with connections() as http:
        empty = Standing.now(server.bridge_pid)
        rooms: list[Room] = []
        clients: list[MediaClient] = []
        for number in range(case.rooms):
            people = [
                MediaClient(
                    http,
                    server,
                    load,
                    room=f"load{number}",
                    number=number,
                    video=case.video if place < case.video_senders else None,
                    audio=place < case.audio_senders,
                )
                for place in range(case.people)
            ]
            clients += people
            senders = [one.peer for one in people[: case.senders]]
            rooms.append(Room(senders, [one.peer for one in people]))
        slots = asyncio.Semaphore(AT_ONCE)

        async def arrive(one: MediaClient) -> None:
            async with slots:
                await one.join()

        async with asyncio.timeout(JOIN_WITHIN_S):
            await asyncio.gather(*(arrive(one) for one in clients))
            await asyncio.gather(*(one.until_accepted() for one in clients))
            await asyncio.gather(*(one.watch(lastN=case.last_n) for one in clients))
        driven = Driven("Tertulia", load, server.bridge_pid, rooms, empty)
        await driven.until_connected(JOIN_WITHIN_S)
        try:
            yield driven
        finally:
            await asyncio.gather(*(one.close() for one in clients), return_exceptions=True)
