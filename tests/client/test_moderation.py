"""Moderation on a real server and bridge: who is muted is not heard, whatever its client sends.

The Python client does not obey requests to mute, so it is the hostile client here.
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.client.media import feeding, some_frames, until, until_source
from tests.conftest import RunningServer

from tertulia.client import Participant, PersonJoined, RemoteSource, join
from tertulia.xmpp.xml import parse_document

pytestmark = pytest.mark.asyncio(loop_scope="session")
_QUIET_S = 1.0  # fifty frames are sent in that time


async def is_silent(source: RemoteSource) -> bool:
    """Whether nothing comes for a second, in which fifty frames are sent."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_QUIET_S):
            async for _ in source.frames():
                return False
    return True


async def falls_silent(source: RemoteSource) -> None:
    """Wait until what was under way has come and nothing more does."""
    async with asyncio.timeout(30):
        while not await is_silent(source):
            pass


def say(person: Participant, stanza: str) -> None:
    """Send a stanza as a page would; `{room}` is the room's address."""
    stay = person._stay
    assert stay is not None
    stay._xmpp.send(parse_document(stanza.replace("{room}", str(stay.focus.bare))))


async def test_a_muted_microphone_is_not_heard_until_its_owner_unmutes_it(
    house: RunningServer,
) -> None:
    url = f"{house.url}muted"
    async with (
        join(url, name="Ana", verify=False) as ana,
        join(url, name="Bea", verify=False) as bea,
    ):
        microphone = bea.publish_audio()
        await until(ana, lambda event: isinstance(event, PersonJoined) or None)
        async with asyncio.timeout(30):
            await ana.connected()
            await bea.connected()
        async with feeding(microphone):
            source = await until_source(ana, "audio")
            await some_frames(source)

            say(ana, MUTE.format(jid=f"{{room}}/{bea.id}", text="true"))
            await falls_silent(source)

            say(bea, MUTE.format(jid=f"{{room}}/{bea.id}", text="false"))
            await some_frames(source)

            # Ask to speak: nobody but moderators is heard, and the floor has to be given.
            say(ana, AV.format("enable='true'"))
            await falls_silent(source)
            say(bea, MUTE.format(jid=f"{{room}}/{bea.id}", text="false"))
            assert await is_silent(source)

            say(ana, AV.format(f"jidToWhitelist='{{room}}/{bea.id}'"))
            await some_frames(source)


async def test_who_comes_while_the_floor_is_given_is_silent_from_the_beginning(
    house: RunningServer,
) -> None:
    url = f"{house.url}floor"
    async with (
        join(url, name="Ana", verify=False) as ana,
        join(url, name="Bea", verify=False) as bea,
    ):
        await until(ana, lambda event: isinstance(event, PersonJoined) or None)
        say(ana, AV.format("enable='true'"))
        say(ana, AV.format("enable='true'").replace("'audio'", "'video'"))
        async with join(url, name="Cai", verify=False) as cai:
            microphone, camera = cai.publish_audio(), cai.publish_video()
            async with asyncio.timeout(30):
                await asyncio.gather(ana.connected(), bea.connected(), cai.connected())
            async with feeding(microphone, camera):
                heard, seen = await until_source(ana, "audio"), await until_source(ana, "video")
                assert await is_silent(heard)
                assert await is_silent(seen)

                say(ana, AV.format(f"jidToWhitelist='{{room}}/{cai.id}'"))
                await some_frames(heard)
                assert await is_silent(seen)

                say(ana, AV.format("enable='false'").replace("'audio'", "'video'"))
                await some_frames(seen)


MUTE = (
    "<iq xmlns='jabber:client' type='set' to='{{room}}/focus' id='mute'>"
    "<mute xmlns='http://jitsi.org/jitmeet/audio' jid='{jid}'>{text}</mute></iq>"
)
AV = (
    "<message xmlns='jabber:client' to='avmoderation.localhost'>"
    "<av_moderation {} mediaType='audio'/></message>"
)
