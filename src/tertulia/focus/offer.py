"""The media a participant is offered: codecs, header extensions, sources, one bundle.

Payload types and extension ids are those of the reference (bridge 2.1, signalling 5.2), the same
for everybody in a conference, so that the bridge never has to translate them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from tertulia.focus import features as F
from tertulia.xmpp.colibri2 import MediaOffer
from tertulia.xmpp.jingle import Content
from tertulia.xmpp.jingle_ice import IceUdpTransport
from tertulia.xmpp.jingle_rtp import (
    EndpointSources,
    HeaderExtension,
    Media,
    PayloadType,
    RtcpFb,
    RtpDescription,
    Source,
    SsrcGroup,
)

_HOST_PART = re.compile(r"^(wss?://)[^/?#]*")

_AUDIO_LEVEL = HeaderExtension(id=1, uri="urn:ietf:params:rtp-hdrext:ssrc-audio-level")
_ABS_SEND_TIME = HeaderExtension(
    id=3, uri="http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
)
_TRANSPORT_CC = HeaderExtension(
    id=5, uri="http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)
_MID = HeaderExtension(id=10, uri="urn:ietf:params:rtp-hdrext:sdes:mid")
_DEPENDENCY_DESCRIPTOR = HeaderExtension(
    id=11,
    uri="https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
)

# (payload type, RTX payload type, name, parameters), in the order of the reference's sample.
_VIDEO_CODECS: tuple[tuple[int, int, str, tuple[tuple[str, str], ...]], ...] = (
    (41, 42, "AV1", ()),
    (100, 96, "VP8", ()),
    (
        107,
        99,
        "H264",
        (
            ("profile-level-id", "42e01f"),
            ("level-asymmetry-allowed", "1"),
            ("packetization-mode", "1"),
        ),
    ),
    (101, 97, "VP9", ()),
)


def media_offer(features: F.Features, *, opus_red: bool = False) -> tuple[MediaOffer, ...]:
    """What a client with these features is offered, audio before video.

    Args:
        opus_red: offer redundant audio to clients that can do it.
    """
    offers = []
    if F.AUDIO in features:
        offers.append(_audio(features, with_red=opus_red and F.OPUS_RED in features))
    if F.VIDEO in features:
        offers.append(_video(features))
    return tuple(offers)


def _audio(features: F.Features, *, with_red: bool) -> MediaOffer:
    tcc = F.TRANSPORT_CC in features
    feedback = (RtcpFb(type="transport-cc"),) if tcc else ()
    # First, because browsers send the first codec that both know.
    red = PayloadType(
        id=112,
        name="red",
        clockrate=48000,
        channels=2,
        parameters=(("", "111/111"),),
        rtcp_fb=feedback,
    )
    return MediaOffer(
        type=Media.AUDIO,
        payload_types=(
            *((red,) if with_red else ()),
            PayloadType(
                id=111,
                name="opus",
                clockrate=48000,
                channels=2,
                parameters=(("minptime", "10"), ("useinbandfec", "1")),
                rtcp_fb=feedback,
            ),
            PayloadType(id=126, name="telephone-event", clockrate=8000),
        ),
        header_extensions=(_AUDIO_LEVEL, _MID, *((_TRANSPORT_CC,) if tcc else ())),
        extmap_allow_mixed=True,
    )


def _video(features: F.Features) -> MediaOffer:
    tcc = F.TRANSPORT_CC in features
    remb = not tcc and F.REMB in features
    feedback = (
        RtcpFb(type="ccm", subtype="fir"),
        RtcpFb(type="nack"),
        RtcpFb(type="nack", subtype="pli"),
        *((RtcpFb(type="transport-cc"),) if tcc else ()),
        *((RtcpFb(type="goog-remb"),) if remb else ()),
    )
    codecs = [
        PayloadType(id=number, name=name, clockrate=90000, parameters=parameters, rtcp_fb=feedback)
        for number, _, name, parameters in _VIDEO_CODECS
    ]
    repairs = [
        PayloadType(id=rtx, name="rtx", clockrate=90000, parameters=(("apt", str(number)),))
        for number, rtx, _, _ in _VIDEO_CODECS
        if F.RTX in features
    ]
    extensions = (_DEPENDENCY_DESCRIPTOR, _MID, _ABS_SEND_TIME)
    return MediaOffer(
        type=Media.VIDEO,
        payload_types=(*codecs, *repairs),
        header_extensions=(*extensions, *((_TRANSPORT_CC,) if tcc else ())),
        extmap_allow_mixed=True,
    )


def feedback_sources(audio_ssrc: int, video_ssrc: int) -> EndpointSources:
    """The bridge's own sources: they give the base m-lines an SSRC and are shown to nobody."""
    return EndpointSources(
        audio=(Source(ssrc=audio_ssrc, name="jvb-a0", msid="mixedmslabel mixedlabelaudio0"),),
        video=(Source(ssrc=video_ssrc, name="jvb-v0", msid="mixedmslabel mixedlabelvideo0"),),
    )


def offer_contents(
    media: tuple[MediaOffer, ...],
    transport: IceUdpTransport,
    sources: Mapping[str, EndpointSources],
) -> tuple[Content, ...]:
    """The contents of a session-initiate; `sources` empty when they travel as JSON.

    The transport stands whole in each content, rtcp-mux inside each description (signalling 5.2).
    """
    contents = []
    for offer in media:
        in_xml, groups = sources_in_xml(offer.type, sources)
        description = RtpDescription(
            media=offer.type,
            payload_types=offer.payload_types,
            header_extensions=offer.header_extensions,
            extmap_allow_mixed=offer.extmap_allow_mixed,
            rtcp_mux=True,
            sources=in_xml,
            groups=groups,
        )
        contents.append(
            Content(name=offer.type.value, description=description, transport=transport)
        )
    return tuple(contents)


def source_contents(sources: Mapping[str, EndpointSources]) -> tuple[Content, ...]:
    """The contents of a source-add or source-remove in the XML form."""
    contents = []
    for media in Media:
        in_xml, groups = sources_in_xml(media, sources)
        if in_xml or groups:
            description = RtpDescription(media=media, sources=in_xml, groups=groups)
            contents.append(Content(name=media.value, description=description))
    return tuple(contents)


def sources_in_xml(
    media: Media, sources: Mapping[str, EndpointSources]
) -> tuple[tuple[Source, ...], tuple[SsrcGroup, ...]]:
    """The sources of one media type, each with its owner written on it."""
    found: list[Source] = []
    grouped: list[SsrcGroup] = []
    for owner, each in sources.items():
        mine, groups = each.of(media)
        found.extend(replace(source, owner=owner) for source in mine)
        grouped.extend(groups)
    return tuple(found), tuple(grouped)


def at_host(transport: IceUdpTransport, host: str | None) -> IceUdpTransport:
    """The same transport with the bridge channel at the name the client itself came by.

    `host` is "name", "name:port" or "[v6]:port"; None leaves the bridge's own address.
    """
    if not host:
        return transport
    moved = tuple(
        _HOST_PART.sub(lambda scheme: scheme[1] + host, url) for url in transport.web_sockets
    )
    return replace(transport, web_sockets=moved)
