"""SSRC rewriting end to end: a server that has it on, and clients that can do it."""

from __future__ import annotations

from pathlib import Path

from tests.client.media import SOUND, feeding, some_frames, until, until_source
from tests.conftest import RunningServer

from tertulia.client import Event, RemoteSource, SourceAdded, SourceRemoved, join


async def test_sources_come_in_slots_and_slots_are_used_again(tmp_path: Path) -> None:
    house = await RunningServer.start(tmp_path, ("--set", "media.ssrc_rewriting=true"))
    url = f"{house.url}slots"
    try:
        async with join(url, name="Bea", verify=False) as bea:
            bea_hears = bea.events()
            async with join(url, name="Ana", verify=False) as ana:
                microphone, camera = ana.publish_audio(), ana.publish_video()
                anas_voice = microphone.name
                async with feeding(microphone, camera):
                    voice = await until_source(bea, "audio")
                    heard = await some_frames(voice)
                    seen = await some_frames(await until_source(bea, "video"))
            await until(bea_hears, lambda e: e if isinstance(e, SourceRemoved) else None)
            async with join(url, name="Cyd", verify=False) as cyd:
                microphone = cyd.publish_audio()
                cyds_voice = microphone.name

                def is_cyds(event: Event) -> RemoteSource | None:
                    found = isinstance(event, SourceAdded) and event.source.name == cyds_voice
                    return event.source if found else None

                async with feeding(microphone):
                    next_voice = await until(bea, is_cyds)
                    heard += await some_frames(next_voice)
    finally:
        await house.stop()

    assert {frame.data for frame in heard} == {SOUND}
    assert seen[0].keyframe
    assert (voice.name, next_voice.name) == (anas_voice, cyds_voice)
    # The stream that Ana's voice came in carries Cyd's now, and the focus signalled neither.
    assert next_voice.signalled.ssrc == voice.signalled.ssrc
