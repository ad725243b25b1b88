"""Encoding and decoding through the `ffmpeg` program, by pipes.

The program is looked for in PATH (Debian: `apt-get install ffmpeg`). Each helper runs one process,
from its first frame to its last; a helper that is not used up has to be closed (`aclose`, or
`contextlib.aclosing`), which ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

from tertulia.client.containers import (
    H264Reader,
    IvfReader,
    OggOpusWriter,
    OggReader,
    is_keyframe,
    ivf_frame,
    ivf_header,
)
from tertulia.client.errors import CodecFailed
from tertulia.client.frame import Frame

_READ_BYTES = 64 * 1024
_ERROR_BYTES = 2000
SAMPLES_PER_FRAME = 960  # 20 ms of 48 kHz

_ENCODERS: dict[str, tuple[str, ...]] = {
    "vp8": ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-f", "ivf"),
    "vp9": (
        *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"),
        *("-row-mt", "1", "-f", "ivf"),
    ),
    "av1": ("-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-f", "ivf"),
    "h264": (
        *("-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency"),
        *("-profile:v", "baseline", "-bsf:v", "h264_metadata=aud=insert", "-f", "h264"),
    ),
}


async def encode_audio(
    source: str | Path, *, bitrate_bps: int = 32_000
) -> AsyncGenerator[Frame, None]:
    """Opus frames of 20 ms of any file or address `ffmpeg` can read, at the pace they are played.

    Raises: CodecFailed.
    """
    arguments = (
        *("-re", "-i", str(source), "-vn", "-ac", "2", "-ar", "48000", "-c:a", "libopus"),
        *("-application", "voip", "-b:a", str(bitrate_bps), "-frame_duration", "20"),
        *("-page_duration", "20000", "-f", "ogg", "-flush_packets", "1", "-"),
    )
    reader, number = OggReader(), 0
    async with _program(arguments) as program:
        async for data in _output(program):
            for packet in reader.feed(data):
                if packet.startswith((b"OpusHead", b"OpusTags")):
                    continue
                timestamp = number * SAMPLES_PER_FRAME
                number += 1
                yield Frame(data=packet, timestamp=timestamp, codec="opus", clock_rate=48000)


async def encode_video(
    source: str | Path,
    *,
    codec: str = "vp8",
    width: int,
    height: int,
    fps: int = 15,
    bitrate_bps: int = 800_000,
    keyframe_every_s: float = 2.0,
    paced: bool = True,
    loop: bool = False,
) -> AsyncGenerator[Frame, None]:
    """Encoded frames of any file or address `ffmpeg` can read.

    Args:
        codec: "vp8", "vp9", "av1" or "h264".
        width, height: the picture is scaled to fit and centred on black; even numbers.
        paced: at the pace they are played; else as fast as they are encoded.
        loop: again and again (a still picture becomes a video).
    Raises: CodecFailed.
    """
    if codec not in _ENCODERS:
        raise CodecFailed(f"{codec} is none of {', '.join(_ENCODERS)}")
    fit = (
        f"scale={width}:{height}:force_original_aspect_ratio=decrease,"
        f"pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,fps={fps},format=yuv420p"
    )
    arguments = (
        *(("-re",) if paced else ()),
        *(("-stream_loop", "-1") if loop else ()),
        *("-i", str(source), "-an", "-vf", fit, "-b:v", str(bitrate_bps)),
        *("-g", str(max(1, round(fps * keyframe_every_s)))),
        *(*_ENCODERS[codec], "-flush_packets", "1", "-"),
    )
    ivf, h264, number = IvfReader(), H264Reader(), 0

    def frame(timestamp: int, data: bytes) -> Frame:
        return Frame(
            data=data,
            timestamp=timestamp,
            codec=codec,
            clock_rate=90000,
            keyframe=is_keyframe(codec, data),
        )

    async with _program(arguments) as program:
        async for data in _output(program):
            if codec != "h264":
                for timestamp, picture in ivf.feed(data):
                    yield frame(timestamp, picture)
            else:
                for unit in h264.feed(data):
                    yield frame(number * 90000 // fps, unit)
                    number += 1
        for unit in h264.end():
            yield frame(number * 90000 // fps, unit)
            number += 1


async def encode_picture(
    source: str | Path, *, codec: str = "vp8", width: int = 1280, height: int = 720
) -> Frame:
    """One key frame of a still picture; sent again and again it is a slide. Raises: CodecFailed."""
    frames = encode_video(
        source,
        codec=codec,
        width=width,
        height=height,
        fps=25,  # what ffmpeg takes a single picture for; less would round it away
        bitrate_bps=4_000_000,
        paced=False,
    )
    async with contextlib.aclosing(frames):
        async for frame in frames:
            return frame
    raise CodecFailed(f"{source} has no picture")


async def decode_audio(
    frames: AsyncIterator[Frame], *, rate: int = 48000, channels: int = 1
) -> AsyncGenerator[bytes, None]:
    """Sound as signed 16-bit little-endian samples, in pieces as they come. Raises: CodecFailed."""
    output = ("-f", "s16le", "-ar", str(rate), "-ac", str(channels), "-flush_packets", "1", "-")

    async def as_ogg() -> AsyncIterator[bytes]:
        ogg = OggOpusWriter()
        yield ogg.begin()
        async for frame in frames:
            yield ogg.packet(frame.data, SAMPLES_PER_FRAME)

    async with _program((*_STREAM, "-f", "ogg", "-i", "-", *output), as_ogg()) as program:
        async for data in _output(program):
            yield data


async def decode_video(
    frames: AsyncIterator[Frame], *, codec: str, width: int, height: int
) -> AsyncGenerator[bytes, None]:
    """Pictures of `width` x `height` in RGB, three bytes per pixel. Raises: CodecFailed."""
    container = "h264" if codec == "h264" else "ivf"
    output = ("-vf", f"scale={width}:{height}", "-f", "rawvideo", "-pix_fmt", "rgb24")

    async def contained() -> AsyncIterator[bytes]:
        if container == "ivf":
            yield ivf_header(codec)
        async for frame in frames:
            is_bare = container == "h264"
            yield frame.data if is_bare else ivf_frame(frame.data, frame.timestamp)

    arguments = (*_STREAM, "-f", container, "-i", "-", *output, "-fps_mode", "passthrough", "-")
    size, buffer = width * height * 3, bytearray()
    async with _program(arguments, contained()) as program:
        async for data in _output(program):
            buffer += data
            while len(buffer) >= size:
                yield bytes(buffer[:size])
                del buffer[:size]


# Decode what there is at once instead of looking ahead.
_STREAM = ("-probesize", "32", "-analyzeduration", "0", "-flags", "low_delay")


@contextlib.asynccontextmanager
async def _program(
    arguments: Sequence[str], source: AsyncIterator[bytes] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `ffmpeg`, feed it from `source`, and end it. Raises: CodecFailed when it fails."""
    path = shutil.which("ffmpeg")
    if path is None:
        raise CodecFailed("the program ffmpeg is not installed (Debian: apt-get install ffmpeg)")
    program = await asyncio.create_subprocess_exec(
        *(path, "-hide_banner", "-loglevel", "error", "-nostdin", *arguments),
        stdin=asyncio.subprocess.DEVNULL if source is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    feeding = None if source is None else asyncio.create_task(_feed(program, source))
    errors = asyncio.create_task(_complaints(program))
    try:
        yield program
        status = await program.wait()
        if status != 0:
            raise CodecFailed(f"ffmpeg: {await errors or f'status {status}'}")
    finally:
        if feeding is not None:
            feeding.cancel()
            await asyncio.wait([feeding])
        if program.returncode is None:
            program.kill()
            await program.wait()
        await errors


async def _complaints(program: asyncio.subprocess.Process) -> str:
    """The beginning of what it says on standard error; all of it is read."""
    assert program.stderr is not None
    kept = b""
    while data := await program.stderr.read(_READ_BYTES):
        kept = (kept + data)[:_ERROR_BYTES]
    return kept.decode(errors="replace").strip()


async def _feed(program: asyncio.subprocess.Process, source: AsyncIterator[bytes]) -> None:
    assert program.stdin is not None
    # It has ended by itself: its status tells why.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        async for data in source:
            program.stdin.write(data)
            await program.stdin.drain()
        program.stdin.close()


async def _output(program: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
    assert program.stdout is not None
    while data := await program.stdout.read(_READ_BYTES):
        yield data
