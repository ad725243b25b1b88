"""The session descriptions (RFC 8866, JSEP) that the generator's peers exchange with Janus."""

from __future__ import annotations

import random
import re
import socket
from dataclasses import dataclass, field
from typing import Protocol

from bench.driven import CaseFailed
from tertulia._engine import Load, LoadPeer

OPUS_NUMBER, VP8, VP8_RTX = 111, 100, 96
_AUDIO_LEVEL = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level"
_ABS_SEND_TIME = "a=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
_TRANSPORT_CC = (
    "a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)


class Peer(Protocol):
    """What a description says of a peer's transport."""

    @property
    def id(self) -> int: ...
    @property
    def ufrag(self) -> str: ...
    @property
    def pwd(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def ip(self) -> str: ...
    @property
    def port(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Streams:
    """The SSRCs of one publisher."""

    audio: int | None
    video: int | None
    rtx: int | None
    upper: tuple[tuple[int, int], ...] = ()  # further encodings of the video, with their RTX

    @classmethod
    def new(cls, *, with_audio: bool, with_video: bool) -> Streams:
        audio, video, rtx = random.sample(range(1, 2**32), 3)
        return cls(
            audio if with_audio else None,
            video if with_video else None,
            rtx if with_video else None,
        )


@dataclass(slots=True)
class Section:
    """One m-section: its first line and its attributes."""

    line: str
    attributes: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.line.partition("=")[2].partition(" ")[0]

    def values(self, name: str) -> list[str]:
        prefix = f"a={name}:"
        return [each.removeprefix(prefix) for each in self.attributes if each.startswith(prefix)]


@dataclass(frozen=True, slots=True)
class Description:
    """What a description of Janus says."""

    session: Section
    media: list[Section]

    @classmethod
    def parse(cls, text: str) -> Description:
        session, media = Section(""), []
        for line in text.splitlines():
            if line.startswith("m="):
                media.append(Section(line))
            else:
                (media[-1] if media else session).attributes.append(line)
        return cls(session, media)

    def first(self, name: str) -> str:
        """An attribute of the session or else of the first section that has it."""
        for section in (self.session, *self.media):
            for value in section.values(name):
                return value
        raise CaseFailed(f"no a={name} in the description")

    def candidates(self) -> list[str]:
        """`address:port` of the UDP candidates over IPv4."""
        found = []
        for section in self.media:
            for value in section.values("candidate"):
                parts = value.split()
                if parts[2].lower() == "udp" and ":" not in parts[4]:
                    found.append(f"{parts[4]}:{parts[5]}")
        return sorted(set(found))

    def extensions(self) -> list[tuple[int, str]]:
        found: dict[int, str] = {}
        for section in self.media:
            for value in section.values("extmap"):
                number, _, uri = value.partition(" ")
                found[int(number.partition("/")[0])] = uri.split()[0]
        return sorted(found.items())

    def formats(self) -> list[tuple[int, str, int, int, int | None]]:
        """The codecs in the form of `Load.connect`, each once."""
        found: dict[int, tuple[int, str, int, int, int | None]] = {}
        for section in self.media:
            repairs = {}
            for value in section.values("fmtp"):
                matched = re.fullmatch(r"(\d+) apt=(\d+)", value)
                if matched:
                    repairs[int(matched[2])] = int(matched[1])
            for value in section.values("rtpmap"):
                number, _, codec = value.partition(" ")
                name, rate, *channels = codec.split("/")
                if name.lower() in ("opus", "vp8"):
                    found[int(number)] = (
                        int(number),
                        name.lower(),
                        int(rate),
                        int(channels[0]) if channels else 1,
                        repairs.get(int(number)),
                    )
        return list(found.values())

    def streams(self) -> list[tuple[int, int | None, bool]]:
        """The streams announced, in the form of `Load.expect`."""
        found = []
        for section in self.media:
            ssrcs = list(dict.fromkeys(int(each.split()[0]) for each in section.values("ssrc")))
            for value in section.values("ssrc-group"):
                semantics, *group = value.split()
                if semantics == "FID":
                    ssrcs = [int(each) for each in group]
            if ssrcs:
                rtx = ssrcs[1] if len(ssrcs) > 1 else None
                found.append((ssrcs[0], rtx, section.kind == "video"))
        return found


def connect(load: Load, peer: LoadPeer, description: Description) -> None:
    """Give the peer what Janus said. Janus is ICE-lite, so the peer controls."""
    hash_name, _, digest = description.first("fingerprint").partition(" ")
    load.connect(
        peer,
        ufrag=description.first("ice-ufrag"),
        pwd=description.first("ice-pwd"),
        fingerprint=(hash_name.lower(), digest.strip()),
        candidates=description.candidates(),
        controlling=True,
        payload_types=description.formats(),
        extensions=description.extensions(),
    )


def offer(peer: Peer, streams: Streams) -> str:
    """What a publisher offers: a microphone, a camera or both."""
    mids = [mid for mid, ssrc in (("0", streams.audio), ("1", streams.video)) if ssrc]
    lines = _head(peer, mids)
    if streams.audio:
        lines += [
            f"m=audio 9 UDP/TLS/RTP/SAVPF {OPUS_NUMBER}",
            *_transport(peer, "0", "sendonly"),
            f"a=rtpmap:{OPUS_NUMBER} opus/48000/2",
            f"a=rtcp-fb:{OPUS_NUMBER} transport-cc",
            f"a=fmtp:{OPUS_NUMBER} minptime=10;useinbandfec=1",
            _AUDIO_LEVEL,
            _TRANSPORT_CC,
            f"a=ssrc:{streams.audio} cname:bench",
        ]
    if streams.video:
        feedback = ("ccm fir", "nack", "nack pli", "transport-cc")
        lines += [
            f"m=video 9 UDP/TLS/RTP/SAVPF {VP8} {VP8_RTX}",
            *_transport(peer, "1", "sendonly"),
            f"a=rtpmap:{VP8} VP8/90000",
            *(f"a=rtcp-fb:{VP8} {each}" for each in feedback),
            f"a=rtpmap:{VP8_RTX} rtx/90000",
            f"a=fmtp:{VP8_RTX} apt={VP8}",
            _ABS_SEND_TIME,
            _TRANSPORT_CC,
            *_groups(streams),
        ]
    return "\r\n".join([*lines, ""])


def _groups(streams: Streams) -> list[str]:
    pairs = [(streams.video, streams.rtx), *streams.upper]
    lines = [f"a=ssrc-group:FID {ssrc} {rtx}" for ssrc, rtx in pairs]
    if streams.upper:
        lines.insert(0, f"a=ssrc-group:SIM {' '.join(str(ssrc) for ssrc, _ in pairs)}")
    return lines + [f"a=ssrc:{ssrc} cname:bench" for pair in pairs for ssrc in pair]


def answer(peer: Peer, offered: Description) -> str:
    """A subscriber's answer: everything that was offered, received only."""
    mids = [section.values("mid")[0] for section in offered.media]
    lines = _head(peer, mids)
    kept = ("rtpmap", "fmtp", "rtcp-fb", "extmap")
    for mid, section in zip(mids, offered.media, strict=True):
        lines += [section.line, *_transport(peer, mid, "recvonly")]
        lines += [f"a={name}:{value}" for name in kept for value in section.values(name)]
    return "\r\n".join([*lines, ""])


def _head(peer: Peer, mids: list[str]) -> list[str]:
    return [
        "v=0",
        f"o=- {peer.id} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {' '.join(mids)}",
        "a=msid-semantic: WMS *",
    ]


def _transport(peer: Peer, mid: str, direction: str) -> list[str]:
    return [
        "c=IN IP4 0.0.0.0",
        f"a=mid:{mid}",
        f"a={direction}",
        f"a=ice-ufrag:{peer.ufrag}",
        f"a=ice-pwd:{peer.pwd}",
        f"a=fingerprint:sha-256 {peer.fingerprint}",
        "a=setup:active",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        f"a=candidate:1 1 udp 2130706431 {peer.ip} {peer.port} typ host",
        "a=end-of-candidates",
    ]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
