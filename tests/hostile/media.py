"""A participant with real media that sends what it must not."""

from __future__ import annotations

import asyncio
import secrets

from tests.client.media import PICTURE, SOUND

from tertulia._engine import Stream
from tertulia.client import Frame, Participant, join

REQUESTS = 5000  # of key frames
FORGED = 200


class Oscar:
    def __init__(self, url: str) -> None:
        self._url = url
        self._entering = join(url, name="Oscar", verify=False)

    async def enter(self) -> None:
        self._me: Participant = await self._entering.__aenter__()
        self._voice, self._camera = self._me.publish_audio(), self._me.publish_video()
        await self._me.connected()

    async def leave(self) -> None:
        await self._entering.__aexit__(None, None, None)

    def endpoint_of(self, name: str) -> str:
        return next(each.id for each in self._me.people.values() if each.name == name)

    async def does_its_worst(self, victim: str) -> None:
        for n in range(FORGED):
            self._pictures_of_nonsense(n)
            await asyncio.sleep(0.002)
        for source in list(self._me.sources.values()):
            for _ in range(REQUESTS // 4):
                source.request_keyframe()
            await asyncio.sleep(0)
        await self._speaks_as(victim)

    def _pictures_of_nonsense(self, number: int) -> None:
        """Frames that claim to be VP8 and Opus."""
        data = PICTURE[:3] + secrets.token_bytes(number * 7 % 1200)
        self._camera.send(
            Frame(data=data, timestamp=number * 900, codec="vp8", clock_rate=90_000, keyframe=True)
        )
        self._voice.send(
            Frame(data=data[:60], timestamp=number * 960, codec="opus", clock_rate=48_000, level=0)
        )

    async def _speaks_as(self, victim: str) -> None:
        """Sound with the SSRC of somebody else."""
        connection = self._me.connection
        assert connection is not None
        ssrc = next(
            each.signalled.ssrc
            for each in self._me.sources.values()
            if each.owner == victim and each.kind == "audio"
        )
        engine, peer = self._me._hub.engine, connection.peer
        engine.subscribe(peer, [])
        engine.publish(peer, [Stream("audio", ssrc)])
        for n in range(FORGED):
            connection.send(ssrc, "opus", n * 960, SOUND, 0)
            await asyncio.sleep(0.002)
