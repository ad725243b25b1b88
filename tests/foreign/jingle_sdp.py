"""Between the focus' Jingle and the SDP of a WebRTC library (signalling reference 5.2 to 5.6).

What a foreign client does for itself; nothing of Tertulia is imported, so that a mistake of ours is
not made twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

JINGLE = "{urn:xmpp:jingle:1}"
RTP = "{urn:xmpp:jingle:apps:rtp:1}"
FEEDBACK = "{urn:xmpp:jingle:apps:rtp:rtcp-fb:0}"
EXTENSION = "{urn:xmpp:jingle:apps:rtp:rtp-hdrext:0}"
SSMA = "{urn:xmpp:jingle:apps:rtp:ssma:0}"
ICE = "{urn:xmpp:jingle:transports:ice-udp:1}"
DTLS = "{urn:xmpp:jingle:apps:dtls:0}"
JITMEET = "{http://jitsi.org/jitmeet}"
COLIBRI = "{http://jitsi.org/protocol/colibri}"

CODECS = {"audio": ("opus",), "video": ("VP8",)}  # what we offer to our library
# Not MID: sources of others come with the SSRCs that were signalled.
EXTENSIONS = ("http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",)


@dataclass(frozen=True, slots=True)
class Source:
    """One source of somebody else."""

    owner: str
    kind: str  # audio or video
    name: str
    msid: str
    ssrcs: tuple[int, ...]
    repairs: tuple[tuple[int, int], ...] = ()  # FID groups


@dataclass(slots=True)
class Offer:
    """A session-initiate, as far as a client needs it."""

    sid: str
    initiator: str
    media: dict[str, list[str]]  # lines of SDP by kind: codecs and extensions
    payload_types: dict[str, list[int]]
    transport: list[str]  # lines of SDP
    channel_url: str
    sources: list[Source] = field(default_factory=list)

    @classmethod
    def read(cls, jingle: ET.Element) -> Offer:
        media: dict[str, list[str]] = {}
        types: dict[str, list[int]] = {}
        transport: list[str] = []
        url = ""
        for content in jingle.iter(f"{JINGLE}content"):
            description = content.find(f"{RTP}description")
            ice = content.find(f"{ICE}transport")
            if description is None or ice is None:
                continue
            kind = description.attrib["media"]
            media[kind], types[kind] = _description(description, kind)
            transport = _transport(ice)
            socket = ice.find(f"{COLIBRI}web-socket")
            url = url or (socket.attrib["url"] if socket is not None else "")
        return cls(
            *(jingle.attrib["sid"], jingle.attrib["initiator"]),
            *(media, types, transport, url, sources_of(jingle)),
        )

    def sdp(self, sections: Iterable[tuple[str, Source | None]]) -> str:
        """An offer with one section for each pair of kind and source; the first of each kind,
        without a source, is where we send."""
        sections = list(sections)
        names = " ".join(str(index) for index in range(len(sections)))
        lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {names}"]
        for index, (kind, source) in enumerate(sections):
            numbers = " ".join(map(str, self.payload_types[kind]))
            lines += [
                f"m={kind} 9 UDP/TLS/RTP/SAVPF {numbers}",
                *("c=IN IP4 0.0.0.0", f"a=mid:{index}", "a=rtcp-mux"),
                "a=recvonly" if source is None else "a=sendonly",
                *self.media[kind],
                *self.transport,
            ]
            if source is not None:
                lines.append(f"a=msid:{source.msid}")
                lines += [f"a=ssrc-group:FID {a} {b}" for a, b in source.repairs]
                for ssrc in source.ssrcs:
                    lines.append(f"a=ssrc:{ssrc} cname:{source.owner}")
        return "\r\n".join(lines) + "\r\n"


def sources_of(jingle: ET.Element) -> list[Source]:
    """The sources of others in a session-initiate, source-add or source-remove."""
    found: list[Source] = []
    for message in jingle.iter(f"{JITMEET}json-message"):
        for owner, parts in json.loads(message.text or "{}")["sources"].items():
            video, groups, audio = [*parts, [], [], []][:3]
            repairs = tuple((g[1], g[2]) for g in groups if g[0] == "f")
            for kind, listed in (("video", video), ("audio", audio)):
                found += _named(owner, kind, listed, repairs if kind == "video" else ())
    for description in jingle.iter(f"{RTP}description"):
        by_name: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for each in description.findall(f"{SSMA}source"):
            info, msid = each.find(f"{JITMEET}ssrc-info"), each.find(f"{SSMA}parameter")
            owner = info.attrib["owner"] if info is not None else ""
            text = msid.attrib["value"] if msid is not None else "- -"
            key = (owner, each.get("name", ""))
            by_name.setdefault(key, []).append((int(each.attrib["ssrc"]), text))
        for (owner, name), entries in by_name.items():
            ssrcs = tuple(ssrc for ssrc, _ in entries)
            kind = description.attrib["media"]
            found.append(Source(owner, kind, name, entries[0][1], ssrcs))
    return [each for each in found if each.owner != "jvb"]


def _named(
    owner: str, kind: str, listed: list[dict[str, object]], repairs: tuple[tuple[int, int], ...]
) -> list[Source]:
    by_name: dict[str, list[dict[str, object]]] = {}
    for each in listed:
        by_name.setdefault(str(each["n"]), []).append(each)
    sources = []
    for name, entries in by_name.items():
        ssrcs = tuple(int(str(each["s"])) for each in entries)
        own = tuple(pair for pair in repairs if pair[0] in ssrcs)
        sources.append(Source(owner, kind, name, str(entries[0]["m"]), ssrcs, own))
    return sources


def _description(description: ET.Element, kind: str) -> tuple[list[str], list[int]]:
    lines, numbers = [], []
    for each in description.findall(f"{RTP}payload-type"):
        if each.get("name") not in CODECS[kind]:
            continue
        number = int(each.attrib["id"])
        numbers.append(number)
        channels = each.get("channels")
        rate = each.attrib["clockrate"] + (f"/{channels}" if channels not in (None, "1") else "")
        lines.append(f"a=rtpmap:{number} {each.attrib['name']}/{rate}")
        parameters = ";".join(
            f"{p.get('name')}={p.get('value')}" for p in each.findall(f"{RTP}parameter")
        )
        if parameters:
            lines.append(f"a=fmtp:{number} {parameters}")
        for feedback in each.findall(f"{FEEDBACK}rtcp-fb"):
            subtype = feedback.get("subtype")
            kinds = feedback.attrib["type"] + (f" {subtype}" if subtype else "")
            lines.append(f"a=rtcp-fb:{number} {kinds}")
    for each in description.findall(f"{EXTENSION}rtp-hdrext"):
        if each.get("uri") in EXTENSIONS:
            lines.append(f"a=extmap:{each.attrib['id']} {each.attrib['uri']}")
    return lines, numbers


def _transport(ice: ET.Element) -> list[str]:
    fingerprint = ice.find(f"{DTLS}fingerprint")
    assert fingerprint is not None
    lines = [
        f"a=ice-ufrag:{ice.attrib['ufrag']}",
        f"a=ice-pwd:{ice.attrib['pwd']}",
        f"a=fingerprint:{fingerprint.attrib['hash']} {fingerprint.text}",
        f"a=setup:{fingerprint.attrib['setup']}",
    ]
    for each in ice.findall(f"{ICE}candidate"):
        if each.get("protocol") == "udp":
            a = each.attrib
            lines.append(
                f"a=candidate:{a['foundation']} {a['component']} udp {a['priority']}"
                f" {a['ip']} {a['port']} typ {a['type']}"
            )
    return lines


def session_accept(offer: Offer, answer: str, *, endpoint: str, responder: str) -> ET.Element:
    """What the focus is told of our answer: where we are, and the one source of each kind."""
    sections = [part for part in re.split(r"(?m)^(?=m=)", answer) if part.startswith("m=")]
    jingle = ET.Element(
        f"{JINGLE}jingle",
        {
            "action": "session-accept",
            "sid": offer.sid,
            "initiator": offer.initiator,
            "responder": responder,
        },
    )
    for kind, letter in (("audio", "a"), ("video", "v")):
        section = next(part for part in sections if part.startswith(f"m={kind}"))
        content = ET.SubElement(
            jingle, f"{JINGLE}content", {"creator": "responder", "name": kind, "senders": "both"}
        )
        description = ET.SubElement(content, f"{RTP}description", {"media": kind})
        for number, name, rate, channels in re.findall(
            r"a=rtpmap:(\d+) (\w+)/(\d+)(?:/(\d+))?", section
        ):
            attributes = {"id": number, "name": name, "clockrate": rate}
            if channels:
                attributes["channels"] = channels
            ET.SubElement(description, f"{RTP}payload-type", attributes)
        ssrc = re.search(r"a=ssrc:(\d+) ", section)
        assert ssrc is not None, section
        source = ET.SubElement(
            description, f"{SSMA}source", {"ssrc": ssrc[1], "name": f"{endpoint}-{letter}0"}
        )
        msid = f"{endpoint}-{kind}-0 {endpoint}-{letter}"
        ET.SubElement(source, f"{SSMA}parameter", {"name": "msid", "value": msid})
        ET.SubElement(description, f"{RTP}rtcp-mux")
        transport = ET.SubElement(
            content,
            f"{ICE}transport",
            {"ufrag": _value(section, "ice-ufrag"), "pwd": _value(section, "ice-pwd")},
        )
        digest, _, value = _value(section, "fingerprint").partition(" ")
        fingerprint = ET.SubElement(
            transport, f"{DTLS}fingerprint", {"hash": digest, "setup": _value(section, "setup")}
        )
        fingerprint.text = value
    return jingle


def _value(section: str, name: str) -> str:
    found = re.search(rf"(?m)^a={name}:(.*?)\r?$", section)
    assert found is not None, (name, section)
    return found[1]
