"""The programs in examples/ do what they say, as processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.client.media import WITHIN_S, feeding, some_frames, until, until_source
from tests.conftest import RunningServer

from tertulia.client import PersonLeft, RemoteSource, SourceAdded, join
from tertulia.client.ffmpeg import decode_video

EXAMPLES = Path(__file__).parents[2] / "examples"
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
pytestmark = pytest.mark.asyncio(loop_scope="session")


@contextlib.asynccontextmanager
async def running(name: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One example, ended at the end if it has not ended by itself."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLES / name), *arguments, "--insecure"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield program
    finally:
        if program.returncode is None:
            program.terminate()
            await program.wait()


async def line_with(program: asyncio.subprocess.Process, text: str) -> str:
    assert program.stdout is not None
    async with asyncio.timeout(WITHIN_S):
        async for line in program.stdout:
            if text in line.decode():
                return line.decode()
    raise AssertionError(f"it ended before it said {text!r}")


async def test_the_echo_bot_says_what_it_hears_and_goes_when_it_is_sent(
    house: RunningServer,
) -> None:
    url = f"{house.url}echo"
    async with running("echo_bot.py", url) as bot, join(url, name="Ana", verify=False) as ana:
        microphone = ana.publish_audio()
        async with feeding(microphone):
            source = await until_source(ana, "audio")
            heard = await some_frames(source)
        events = ana.events()
        ana.say("bye")
        left = await until(
            events, lambda event: event.person.name if isinstance(event, PersonLeft) else None
        )
        async with asyncio.timeout(WITHIN_S):
            status = await bot.wait()

    assert {frame.data for frame in heard} == {b"\xfc\xff\xfe"}
    assert (left, status) == ("Echo", 0)


@needs_ffmpeg
async def test_the_slide_bot_shows_its_pictures_as_a_screen(
    house: RunningServer, tmp_path: Path
) -> None:
    url, red, blue = f"{house.url}slides", tmp_path / "red.png", tmp_path / "blue.png"
    make_picture(red, "red")
    make_picture(blue, "blue")

    async def colour(source: RemoteSource) -> str:
        pictures = decode_video(source.frames(), codec="vp8", width=64, height=36)
        async with asyncio.timeout(WITHIN_S), contextlib.aclosing(pictures):
            async for picture in pictures:
                middle = (18 * 64 + 32) * 3
                red_part, _, blue_part = picture[middle : middle + 3]
                return "red" if red_part > blue_part else "blue"
        raise AssertionError("no picture")

    async with (
        running("slide_bot.py", url, str(red), str(blue)),
        join(url, name="Ana", verify=False) as ana,
    ):
        source = await until(
            ana, lambda event: event.source if isinstance(event, SourceAdded) else None
        )
        first = await colour(source)
        ana.say("next")
        async with asyncio.timeout(WITHIN_S):
            while (second := await colour(source)) == first:
                pass

    assert source.is_screen
    assert (first, second) == ("red", "blue")


def make_picture(path: Path, colour: str) -> None:
    command = ("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", f"color={colour}:s=640x360")
    subprocess.run([*command, "-frames:v", "1", str(path)], check=True, timeout=30)


async def test_who_speaks_prints_who_comes_and_speaks(house: RunningServer) -> None:
    url = f"{house.url}minutes"
    async with (
        running("who_speaks.py", url) as minutes,
        join(url, name="Ana", verify=False) as ana,
        join(url, name="Bea", verify=False),
    ):
        await line_with(minutes, "Ana is here")
        async with feeding(ana.publish_audio()):
            await line_with(minutes, "Ana speaks")
