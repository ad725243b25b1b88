"""Frames in and out of containers, in any pieces."""

import pytest

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

PACKETS = [bytes([7]) * size for size in (1, 254, 255, 256, 510, 1000)]


@pytest.mark.parametrize("step", [1, 7, 100, 10_000])
def test_opus_packets_survive_ogg_in_any_pieces(step: int) -> None:
    writer, reader = OggOpusWriter(), OggReader()
    stream = writer.begin() + b"".join(writer.packet(packet, 960) for packet in PACKETS)

    read = [
        packet
        for at in range(0, len(stream), step)
        for packet in reader.feed(stream[at : at + step])
    ]

    assert [packet[:8] for packet in read[:2]] == [b"OpusHead", b"OpusTags"]
    assert read[2:] == PACKETS


@pytest.mark.parametrize("step", [1, 13, 10_000])
def test_frames_survive_ivf_in_any_pieces(step: int) -> None:
    reader = IvfReader()
    stream = ivf_header("vp8") + b"".join(ivf_frame(p, n * 3000) for n, p in enumerate(PACKETS))

    read = [
        each for at in range(0, len(stream), step) for each in reader.feed(stream[at : at + step])
    ]

    assert read == [(n * 3000, packet) for n, packet in enumerate(PACKETS)]


def test_access_units_begin_with_their_delimiter() -> None:
    units = [b"\0\0\0\1\x09\x10\0\0\0\1\x67ab", b"\0\0\0\1\x09\x30\0\0\0\1\x41cd"]
    reader, stream = H264Reader(), b"".join(units)

    read = [unit for byte in stream for unit in reader.feed(bytes([byte]))]

    assert [*read, *reader.end()] == units
    assert [is_keyframe("h264", unit) for unit in units] == [True, False]


@pytest.mark.parametrize("reader", [OggReader(), IvfReader()])
def test_something_else_is_refused(reader: OggReader | IvfReader) -> None:
    with pytest.raises(CodecFailed):
        list(reader.feed(bytes(64)))


@pytest.mark.parametrize(
    ("codec", "data", "is_key"),
    [
        ("vp8", b"\x10", True),
        ("vp8", b"\x11", False),
        ("vp9", b"\x82", True),
        ("vp9", b"\x86", False),
        ("av1", b"\x12\x00\x0a\x01\x00", True),
        ("av1", b"\x12\x00\x32\x01\x00", False),
        ("vp8", b"", False),
    ],
)
def test_key_frames_are_told(codec: str, data: bytes, is_key: bool) -> None:
    assert is_keyframe(codec, data) is is_key
