"""The two containers through which frames go to and come from the `ffmpeg` program.

Ogg with Opus (RFC 3533, RFC 7845) and IVF with VP8, VP9 or AV1; the H.264 byte stream with access
unit delimiters (H.264 Annex B, §7.4.1.2.3). Readers take bytes in any pieces and give whole
packets; what is read comes from a program of ours, so damage raises `CodecFailed`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from tertulia.client.errors import CodecFailed

_OGG_POLYNOMIAL = 0x04C11DB7
_OGG_HEADER = struct.Struct("<4sBBqIIIB")
_IVF_HEADER = struct.Struct("<4sHH4sHHIIII")
_IVF_FRAME = struct.Struct("<IQ")
IVF_FOURCC = {"vp8": b"VP80", "vp9": b"VP90", "av1": b"AV01"}


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (_OGG_POLYNOMIAL if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return tuple(table)


_CRC = _crc_table()


def _checksum(data: bytes) -> int:
    value = 0
    for byte in data:
        value = ((value << 8) & 0xFFFFFFFF) ^ _CRC[(value >> 24) ^ byte]
    return value


class OggOpusWriter:
    """Opus packets as an Ogg stream, one page each: nothing waits for the next packet."""

    def __init__(self, channels: int = 2) -> None:
        self._sequence = 0
        self._granule = 0
        self._channels = channels

    def begin(self) -> bytes:
        """The two header pages (RFC 7845 §5)."""
        head = b"OpusHead" + struct.pack("<BBHIhB", 1, self._channels, 0, 48000, 0, 0)
        tags = b"OpusTags" + struct.pack("<I", 8) + b"tertulia" + struct.pack("<I", 0)
        return self._page(head, 0, kind=2) + self._page(tags, 0)

    def packet(self, data: bytes, duration: int) -> bytes:
        """One packet that lasts `duration` samples of 48 kHz."""
        self._granule += duration
        return self._page(data, self._granule)

    def _page(self, data: bytes, granule: int, kind: int = 0) -> bytes:
        lacing = b"\xff" * (len(data) // 255) + bytes([len(data) % 255])
        header = _OGG_HEADER.pack(b"OggS", 0, kind, granule, 1, self._sequence, 0, len(lacing))
        self._sequence += 1
        page = header + lacing + data
        return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]


@dataclass
class OggReader:
    """Packets of an Ogg stream, header packets included."""

    _buffer: bytearray = field(default_factory=bytearray)
    _packet: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        while len(self._buffer) >= _OGG_HEADER.size:
            if self._buffer[:4] != b"OggS":
                raise CodecFailed("not an Ogg page")
            count = self._buffer[26]
            lacing = self._buffer[27 : 27 + count]
            end = 27 + count + sum(lacing)
            if len(lacing) < count or len(self._buffer) < end:
                return
            at = 27 + count
            for length in lacing:
                self._packet += self._buffer[at : at + length]
                at += length
                if length < 255:
                    yield bytes(self._packet)
                    self._packet.clear()
            del self._buffer[:end]


def ivf_header(codec: str) -> bytes:
    """The header of an IVF stream whose times count in 1/90000 s; the size stands in the frames."""
    return _IVF_HEADER.pack(b"DKIF", 0, 32, IVF_FOURCC[codec], 0, 0, 90000, 1, 0, 0)


def ivf_frame(data: bytes, timestamp: int) -> bytes:
    return _IVF_FRAME.pack(len(data), timestamp) + data


@dataclass
class IvfReader:
    """Frames of an IVF stream: (timestamp in 1/90000 s, frame)."""

    _buffer: bytearray = field(default_factory=bytearray)
    _rate: int = 0
    _scale: int = 1

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        self._buffer += data
        if not self._rate:
            if len(self._buffer) < _IVF_HEADER.size:
                return
            magic, _, size, _, _, _, rate, scale, _, _ = _IVF_HEADER.unpack_from(self._buffer)
            if magic != b"DKIF" or not rate or not scale:
                raise CodecFailed("not an IVF stream")
            self._rate, self._scale = rate, scale
            del self._buffer[:size]
        while len(self._buffer) >= _IVF_FRAME.size:
            size, time = _IVF_FRAME.unpack_from(self._buffer)
            end = _IVF_FRAME.size + size
            if len(self._buffer) < end:
                return
            yield time * 90000 * self._scale // self._rate, bytes(self._buffer[12:end])
            del self._buffer[:end]


_DELIMITER = b"\x00\x00\x00\x01\x09"


@dataclass
class H264Reader:
    """Access units of a byte stream in which each begins with a delimiter (NAL unit type 9)."""

    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        while (end := self._buffer.find(_DELIMITER, 1)) > 0:
            yield bytes(self._buffer[:end])
            del self._buffer[:end]

    def end(self) -> Iterator[bytes]:
        """What is left when the stream has ended."""
        if self._buffer:
            yield bytes(self._buffer)
            self._buffer.clear()


def is_keyframe(codec: str, data: bytes) -> bool:
    """Whether a whole frame can be decoded without those before.

    Source: RFC 7741 §4.3 (VP8), VP9 bitstream §6.2, H.264 §7.4.1 (types 5 and 7), AV1 §6.2.2
    (encoders of ours put a sequence header before each key frame).
    """
    if not data:
        return False
    match codec:
        case "vp8":
            return data[0] & 1 == 0
        case "vp9":
            # frame_marker, two bits of profile, (reserved,) show_existing_frame, frame_type
            bits = f"{data[0]:08b}"
            at = 5 if bits[2:4] == "11" else 4
            return bits[at : at + 2] == "00"
        case "h264":
            units = data.split(b"\x00\x00\x01")[1:]
            return any(unit and unit[0] & 0x1F in (5, 7) for unit in units)
        case "av1":
            return _has_sequence_header(data)
    return False


def _has_sequence_header(data: bytes) -> bool:
    """Walk the OBUs of a temporal unit (AV1 §5.3)."""
    at = 0
    while at < len(data):
        header = data[at]
        if (header >> 3) & 15 == 1:
            return True
        if not header & 2:  # without a size it is the last
            return False
        at += 2 if header & 4 else 1
        size, shift = 0, 0
        while at < len(data):
            size |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not data[at - 1] & 0x80:
                break
        at += size
    return False
