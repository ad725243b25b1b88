"""Participants of the Python client in meetings on a real server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from tests.client.media import (
    PICTURE,
    SOUND,
    feeding,
    some_frames,
    until,
    until_source,
)
from tests.conftest import RunningServer

from tertulia.client import (
    ChatMessage,
    Disconnected,
    Event,
    JoinFailed,
    MediaConnected,
    MediaLost,
    PersonChanged,
    PersonJoined,
    PersonLeft,
    Reconnected,
    SourceRemoved,
    SpeakerChanged,
    join,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


def joined(event: Event) -> str | None:
    return event.person.name if isinstance(event, PersonJoined) else None


async def test_two_people_hear_and_see_each_other(house: RunningServer) -> None:
    url = f"{house.url}two"
    async with (
        join(url, name="Ana", verify=False) as ana,
        join(url, name="Bea", verify=False) as bea,
    ):
        microphone, camera = ana.publish_audio(), ana.publish_video()
        assert await until(bea, joined) == "Ana"
        assert await until(ana, joined) == "Bea"
        async with asyncio.timeout(30):
            await ana.connected()
            await bea.connected()
        async with feeding(microphone, camera):
            heard = await some_frames(await until_source(bea, "audio"))
            seen = await some_frames(await until_source(bea, "video"))
            speaker = await until(
                bea, lambda event: event.speaker if isinstance(event, SpeakerChanged) else None
            )

    assert {(frame.codec, frame.data, frame.level) for frame in heard} == {("opus", SOUND, 20)}
    assert seen[0].keyframe
    assert {(frame.codec, frame.data) for frame in seen} == {("vp8", PICTURE)}
    steps = [b.timestamp - a.timestamp for a, b in pairwise(heard)]
    assert all(step > 0 and step % 960 == 0 for step in steps)
    assert speaker == ana_id(microphone.name)


def ana_id(source: str) -> str:
    return source.partition("-")[0]


async def test_words_reach_the_room_or_one_person(house: RunningServer) -> None:
    url = f"{house.url}words"

    def chat(event: Event) -> ChatMessage | None:
        return event if isinstance(event, ChatMessage) else None

    async with (
        join(url, name="Ana", verify=False) as ana,
        join(url, name="Bea", verify=False) as bea,
    ):
        await until(ana, joined)
        bea_hears, ana_hears = bea.events(), ana.events()
        ana.say("to <all> & more")
        public = await until(bea_hears, chat)
        bea.say("only you", to=ana.id)
        private = await until(ana_hears, chat)

    assert (public.name, public.text, public.is_private) == ("Ana", "to <all> & more", False)
    assert (private.name, private.text, private.is_private) == ("Bea", "only you", True)


async def test_tracks_come_and_go_during_the_call(house: RunningServer) -> None:
    url = f"{house.url}tracks"
    async with (
        join(url, name="Ana", verify=False) as ana,
        join(url, name="Bea", verify=False) as bea,
    ):
        await bea.connected()
        screen = ana.publish_screen()
        source = await until_source(bea, "video")
        async with feeding(screen):
            frames = await some_frames(source)
            screen.muted = True
            await until(
                bea,
                lambda event: (
                    (isinstance(event, PersonChanged) and event.person.is_muted(source.name))
                    or None
                ),
            )
        events = bea.events()
        screen.close()
        await until(events, lambda event: isinstance(event, SourceRemoved) or None)
        await until(
            bea,
            lambda event: (isinstance(event, PersonJoined) and not event.person.sources) or None,
        )
        state = bea.people[ana.id].sources

    assert (source.is_screen, source.owner) == (True, ana_id(screen.name))
    assert len(frames) == 5
    assert source.has_ended
    assert dict(state) == {}


async def test_pictures_stop_when_nobody_wants_them(house: RunningServer) -> None:
    url = f"{house.url}height"
    async with (
        join(url, name="Ana", verify=False) as ana,
        join(url, name="Bea", verify=False, height=0) as bea,
    ):
        camera = ana.publish_video()
        source = await until_source(bea, "video")
        await bea.connected()
        async with feeding(camera):
            async with asyncio.timeout(30):
                while camera.wanted_height != 0:
                    await camera.height_told()
            bea.request(180, source.name)
            await some_frames(source)

    assert camera.wanted_height != 0


async def test_a_killed_bridge_does_not_end_the_call(house: RunningServer) -> None:
    url = f"{house.url}bridge"

    def lost(event: Event) -> bool | None:
        return True if isinstance(event, MediaLost) else None

    async with (
        join(url, name="Ana", verify=False) as ana,
        join(url, name="Bea", verify=False) as bea,
    ):
        microphone = ana.publish_audio()
        await bea.connected()
        async with feeding(microphone):
            await some_frames(await until_source(bea, "audio"))
            events = bea.events()
            os.kill(house.bridge_pids()[0], signal.SIGKILL)
            await until(events, lost)
            await until(events, lambda event: isinstance(event, MediaConnected) or None)
            again = await some_frames(await until_source(bea, "audio"))

    assert [frame.data for frame in again] == [SOUND] * 5


class Wire:
    """A TCP connection to the server that can be cut, and mended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @contextlib.asynccontextmanager
    async def laid(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, inner_writer}
        await asyncio.gather(
            self._copy(reader, inner_writer),
            self._copy(inner_reader, writer),
            return_exceptions=True,
        )

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


async def test_a_lost_connection_costs_neither_seat_nor_media(house: RunningServer) -> None:
    wire = Wire(house.port)
    async with (
        wire.laid(),
        join(f"{house.url}cut", name="Ana", verify=False) as ana,
        join(f"https://localhost:{wire.port}/cut", name="Bea", verify=False) as bea,
    ):
        await bea.connected()
        before, connection = bea.id, bea.connection
        events = ana.events()
        wire.cut()

        bea.say("still here")

        said = await until(events, lambda event: (isinstance(event, ChatMessage) and event) or None)
        assert (said.sender, said.text) == (before, "still here")
        assert bea.connection is connection is not None
        assert connection.is_connected


async def test_signalling_that_is_lost_for_good_is_begun_anew(house: RunningServer) -> None:
    wire = Wire(house.port)
    async with (
        wire.laid(),
        join(f"{house.url}wire", name="Ana", verify=False) as ana,
        join(f"https://localhost:{wire.port}/wire", name="Bea", verify=False) as bea,
    ):
        microphone = bea.publish_audio()
        await bea.connected()
        before = bea.id
        events = bea.events()
        assert bea._stay is not None
        assert bea._stay._xmpp._kept is not None
        bea._stay._xmpp._kept.id = "unknown to the server"
        wire.cut()
        await until(events, lambda event: isinstance(event, Disconnected) or None)
        await until(events, lambda event: isinstance(event, Reconnected) or None)
        await bea.connected()
        source = await until(
            ana,
            lambda event: next(
                (each for each in ana.sources.values() if each.name == microphone.name), None
            ),
        )
        async with feeding(microphone):
            frames = await some_frames(source)

    assert before not in microphone.name
    assert [frame.data for frame in frames] == [SOUND] * 5


async def test_leaving_is_seen_and_the_last_event_is_the_end(house: RunningServer) -> None:
    url = f"{house.url}leaving"
    async with join(url, name="Ana", verify=False) as ana:
        async with join(url, name="Bea", verify=False) as bea:
            events = ana.events()
            await until(events, joined)
        left = await until(
            events, lambda event: event.person.name if isinstance(event, PersonLeft) else None
        )
        last = [event async for event in bea.events()]

    assert left == "Bea"
    assert len(last) == 1
    assert not ana.people


async def test_an_untrusted_certificate_and_a_silent_port_are_named(
    house: RunningServer,
) -> None:
    with pytest.raises(JoinFailed, match="certificate") as untrusted:
        async with join(f"{house.url}room", name="Ana"):
            pass
    with pytest.raises(JoinFailed, match="localhost:1") as unreachable:
        async with join("https://localhost:1/room", name="Ana", verify=False):
            pass

    assert (untrusted.value.hop, unreachable.value.hop) == ("page", "page")
