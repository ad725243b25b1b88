"""What a Jingle content says about RTP: payload types (XEP-0167), feedback (XEP-0293), header
extensions (XEP-0294) and sources (XEP-0339 with the names and owners Jitsi adds).

Sources exist in two wire forms, XML and the compact JSON of `http://jitsi.org/json-encoded-sources`;
`EndpointSources` is both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp.jingle_ice import parse_decimal
from tertulia.xmpp.xml import Element


class Media(StrEnum):
    AUDIO = "audio"
    VIDEO = "video"

    @classmethod
    def parse(cls, text: str) -> Media:
        try:
            return cls(text)
        except ValueError:
            raise MalformedInput(f"media is neither audio nor video: {text[:20]!r}") from None


class Semantics(StrEnum):
    FID = "FID"  # a source and its retransmissions (RFC 5576, RFC 4588 §8.7)
    SIM = "SIM"  # the encodings of one simulcast source, lowest first


@dataclass(frozen=True, slots=True, kw_only=True)
class RtcpFb:
    """One `<rtcp-fb/>` (XEP-0293)."""

    type: str
    subtype: str = ""

    def element(self) -> Element:
        attrs = {"type": self.type} | ({"subtype": self.subtype} if self.subtype else {})
        return Element("rtcp-fb", attrs, ns=NS.RTCP_FB)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadType:
    """One `<payload-type/>` (XEP-0167 §5); parameters keep their order."""

    id: int
    name: str
    clockrate: int = 0
    channels: int = 1
    parameters: tuple[tuple[str, str], ...] = ()
    rtcp_fb: tuple[RtcpFb, ...] = ()

    @classmethod
    def parse(cls, element: Element) -> PayloadType:
        get = element.get
        return cls(
            id=parse_decimal(get("id"), "a payload type", 0, 127),
            name=get("name"),
            clockrate=parse_decimal(get("clockrate") or "0", "a clock rate", 0, 2**32 - 1),
            channels=parse_decimal(get("channels") or "1", "channels", 0, 255),
            parameters=tuple(
                (p.get("name"), p.get("value")) for p in element.find_all("parameter", "*")
            ),
            rtcp_fb=tuple(
                RtcpFb(type=f.get("type"), subtype=f.get("subtype"))
                for f in element.find_all("rtcp-fb", NS.RTCP_FB)
            ),
        )

    def element(self) -> Element:
        attrs = {"id": str(self.id), "name": self.name, "clockrate": str(self.clockrate)}
        if self.channels != 1:
            attrs["channels"] = str(self.channels)
        element = Element("payload-type", attrs, ns=NS.RTP, explicit=False)
        for name, value in self.parameters:
            element.append(Element("parameter", {"name": name, "value": value}))
        for feedback in self.rtcp_fb:
            element.append(feedback.element())
        return element


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderExtension:
    """One `<rtp-hdrext/>` (XEP-0294)."""

    id: int
    uri: str

    @classmethod
    def parse(cls, element: Element) -> HeaderExtension:
        number = parse_decimal(element.get("id"), "a header extension id", 0, 65535)
        return cls(id=number, uri=element.get("uri"))

    def element(self) -> Element:
        return Element("rtp-hdrext", {"id": str(self.id), "uri": self.uri}, ns=NS.RTP_HDREXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One `<source/>`: an SSRC with the name, msid and owner it is signalled with."""

    ssrc: int
    name: str = ""
    msid: str = ""  # "stream track"
    video_type: str = ""  # "camera" or "desktop"; "" when not said
    owner: str = ""  # endpoint id; absent in what clients send: the owner is the sender

    @classmethod
    def parse(cls, element: Element) -> Source:
        msid = next(
            (p.get("value") for p in element.find_all("parameter", "*") if p.get("name") == "msid"),
            "",
        )
        info = element.find("ssrc-info", NS.JITMEET)
        return cls(
            ssrc=_ssrc(element.get("ssrc")),
            name=element.get("name"),
            msid=msid.strip(),
            video_type=element.get("videoType"),
            owner=info.get("owner") if info is not None else "",
        )

    def element(self) -> Element:
        attrs = {"ssrc": str(self.ssrc)}
        if self.name:
            attrs["name"] = self.name
        if self.video_type:
            attrs["videoType"] = self.video_type
        element = Element("source", attrs, ns=NS.SSMA)
        if self.msid:
            element.append(Element("parameter", {"name": "msid", "value": self.msid}))
        if self.owner:
            element.append(Element("ssrc-info", {"owner": self.owner}, ns=NS.JITMEET))
        return element


@dataclass(frozen=True, slots=True)
class SsrcGroup:
    """One `<ssrc-group/>`; the order of the SSRCs is meaningful."""

    semantics: Semantics
    ssrcs: tuple[int, ...]

    def element(self) -> Element:
        element = Element("ssrc-group", {"semantics": self.semantics.value}, ns=NS.SSMA)
        for ssrc in self.ssrcs:
            element.append(Element("source", {"ssrc": str(ssrc)}, ns=NS.SSMA))
        return element


def parse_sources(element: Element) -> tuple[tuple[Source, ...], tuple[SsrcGroup, ...]]:
    """The sources and groups that are children of `element`; groups of other kinds are left out."""
    sources = tuple(Source.parse(e) for e in element.find_all("source", NS.SSMA))
    groups = tuple(
        SsrcGroup(
            Semantics(e.get("semantics")),
            tuple(_ssrc(s.get("ssrc")) for s in e.find_all("source", NS.SSMA)),
        )
        for e in element.find_all("ssrc-group", NS.SSMA)
        if e.get("semantics") in Semantics.__members__
    )
    return sources, groups


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpDescription:
    """One `<description/>` (XEP-0167 §5)."""

    media: Media
    payload_types: tuple[PayloadType, ...] = ()
    header_extensions: tuple[HeaderExtension, ...] = ()
    extmap_allow_mixed: bool = False
    rtcp_mux: bool = False
    sources: tuple[Source, ...] = ()
    groups: tuple[SsrcGroup, ...] = ()

    @classmethod
    def parse(cls, element: Element) -> RtpDescription:
        sources, groups = parse_sources(element)
        return cls(
            media=Media.parse(element.get("media")),
            payload_types=tuple(PayloadType.parse(e) for e in element.find_all("payload-type")),
            header_extensions=tuple(
                HeaderExtension.parse(e) for e in element.find_all("rtp-hdrext", NS.RTP_HDREXT)
            ),
            extmap_allow_mixed=element.find("extmap-allow-mixed", NS.RTP_HDREXT) is not None,
            rtcp_mux=element.find("rtcp-mux") is not None,
            sources=sources,
            groups=groups,
        )

    def element(self) -> Element:
        element = Element("description", {"media": self.media.value}, ns=NS.RTP)
        for payload_type in self.payload_types:
            element.append(payload_type.element())
        for extension in self.header_extensions:
            element.append(extension.element())
        if self.extmap_allow_mixed:
            element.append(Element("extmap-allow-mixed", ns=NS.RTP_HDREXT))
        if self.rtcp_mux:
            element.append(Element("rtcp-mux"))
        for source in self.sources:
            element.append(source.element())
        for group in self.groups:
            element.append(group.element())
        return element


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSources:
    """All sources of one owner, in the four parts of the compact JSON form."""

    video: tuple[Source, ...] = ()
    video_groups: tuple[SsrcGroup, ...] = ()
    audio: tuple[Source, ...] = ()
    audio_groups: tuple[SsrcGroup, ...] = ()
    as_json: list[str] = field(init=False, repr=False, compare=False, default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.video or self.audio or self.video_groups or self.audio_groups)

    def of(self, media: Media) -> tuple[tuple[Source, ...], tuple[SsrcGroup, ...]]:
        if media is Media.VIDEO:
            return self.video, self.video_groups
        return self.audio, self.audio_groups

    @classmethod
    def from_descriptions(cls, descriptions: list[RtpDescription]) -> EndpointSources:
        """What the contents of one stanza hold together."""
        parts: dict[str, Any] = {"video": (), "video_groups": (), "audio": (), "audio_groups": ()}
        for description in descriptions:
            parts[description.media.value] += description.sources
            parts[f"{description.media.value}_groups"] += description.groups
        return cls(**parts)


_SHORT_SEMANTICS = {Semantics.FID: "f", Semantics.SIM: "s"}
_LONG_SEMANTICS = {short: long for long, short in _SHORT_SEMANTICS.items()}


def sources_to_json(sources: Mapping[str, EndpointSources]) -> str:
    """The text of the compact `<json-message/>`, sources by owner."""
    owners = (f"{json.dumps(owner)}:{_owner_to_json(each)}" for owner, each in sources.items())
    return f'{{"sources":{{{",".join(owners)}}}}}'


def _owner_to_json(sources: EndpointSources) -> str:
    # Kept with the sources: in a large room everybody is told the same of each.
    if not sources.as_json:
        parts: list[Any] = [
            [_source_to_json(source, Media.VIDEO) for source in sources.video],
            [[_SHORT_SEMANTICS[g.semantics], *g.ssrcs] for g in sources.video_groups],
            [_source_to_json(source, Media.AUDIO) for source in sources.audio],
        ]
        if sources.audio_groups:
            groups = [[_SHORT_SEMANTICS[g.semantics], *g.ssrcs] for g in sources.audio_groups]
            parts.append(groups)
        sources.as_json.append(json.dumps(parts, separators=(",", ":")))
    return sources.as_json[0]


def _source_to_json(source: Source, media: Media) -> dict[str, Any]:
    encoded: dict[str, Any] = {"s": source.ssrc}
    if source.name:
        encoded["n"] = source.name
    if source.msid:
        encoded["m"] = source.msid
    if media is Media.VIDEO and source.video_type == "desktop":
        encoded["v"] = "d"
    return encoded


def sources_from_json(text: str) -> dict[str, EndpointSources]:
    """Parse the compact form. Raises: MalformedInput."""
    try:
        decoded = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedInput("the source description is not JSON") from None
    owners = decoded.get("sources") if isinstance(decoded, dict) else None
    if not isinstance(owners, dict):
        raise MalformedInput("the source description has no object `sources`")
    return {owner: _owner_from_json(parts) for owner, parts in owners.items()}


def _owner_from_json(parts: object) -> EndpointSources:
    if not isinstance(parts, list) or any(not isinstance(part, list) for part in parts):
        raise MalformedInput("the sources of one owner must be a list of lists")
    video, video_groups, audio, audio_groups = [*parts, [], [], [], []][:4]
    return EndpointSources(
        video=tuple(_source_from_json(each, Media.VIDEO) for each in video),
        video_groups=tuple(_group_from_json(each) for each in video_groups),
        audio=tuple(_source_from_json(each, Media.AUDIO) for each in audio),
        audio_groups=tuple(_group_from_json(each) for each in audio_groups),
    )


def _source_from_json(encoded: object, media: Media) -> Source:
    if not isinstance(encoded, dict):
        raise MalformedInput("a source must be an object")
    name, msid = encoded.get("n", ""), encoded.get("m", "")
    if not isinstance(name, str) or not isinstance(msid, str):
        raise MalformedInput("name and msid of a source must be texts")
    video_type = ""
    if media is Media.VIDEO:
        video_type = "desktop" if encoded.get("v") == "d" else "camera"
    return Source(ssrc=_json_ssrc(encoded.get("s")), name=name, msid=msid, video_type=video_type)


def _group_from_json(encoded: object) -> SsrcGroup:
    if not isinstance(encoded, list) or not encoded or encoded[0] not in ("f", "s"):
        raise MalformedInput("a group must be a list that begins with f or s")
    return SsrcGroup(_LONG_SEMANTICS[encoded[0]], tuple(_json_ssrc(s) for s in encoded[1:]))


def _ssrc(text: str) -> int:
    return parse_decimal(text, "an SSRC", 1, 2**32 - 1)


def _json_ssrc(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 2**32 - 1:
        raise MalformedInput("an SSRC must be a number from 1 to 4294967295")
    return value
