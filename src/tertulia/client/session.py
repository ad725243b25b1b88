"""The Jingle session with the focus, as a participant answers it (XEP-0166, XEP-0167, XEP-0176).

Plain functions from stanzas to data and back; `participant` sends and receives.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tertulia.errors import MalformedInput
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle import (
    Action,
    BridgeSession,
    Content,
    Jingle,
    Party,
    Reason,
)
from tertulia.xmpp.jingle_ice import Candidate, Fingerprint, IceUdpTransport
from tertulia.xmpp.jingle_rtp import (
    HeaderExtension,
    Media,
    PayloadType,
    RtpDescription,
    Semantics,
    Source,
    SsrcGroup,
)

# What the engine packetises, by the names of SDP in lower case.
CODECS = frozenset({"opus", "vp8", "vp9", "h264", "av1"})
_BUNDLE = ("audio", "video", "data")  # stock clients list all three, whatever was negotiated


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One payload type of an offer with its retransmissions."""

    payload: PayloadType
    rtx: int | None
    media: Media

    @property
    def name(self) -> str:
        return self.payload.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSource:
    """One source of ours: `rtx` for video only."""

    name: str
    msid: str
    media: Media
    ssrc: int
    rtx: int | None = None
    is_screen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a session-initiate says."""

    sid: str
    initiator: str
    bridge_session: BridgeSession | None
    ufrag: str
    pwd: str
    fingerprints: tuple[Fingerprint, ...]
    candidates: tuple[Candidate, ...]
    channel: str  # the bridge channel's address; "" without one
    codecs: tuple[Codec, ...]
    extensions: tuple[HeaderExtension, ...]
    contents: tuple[Content, ...]

    @classmethod
    def of(cls, jingle: Jingle) -> Offer:
        """Raises: MalformedInput when it cannot be answered."""
        transports = [content.transport for content in jingle.contents if content.transport]
        if not transports or not transports[0].ufrag or not transports[0].fingerprints:
            raise MalformedInput("the offer has no transport with credentials and fingerprint")
        first = transports[0]
        channels = [url for transport in transports for url in transport.web_sockets]
        described = [c.description for c in jingle.contents if c.description is not None]
        extensions = {each.id: each for one in described for each in one.header_extensions}
        return cls(
            sid=jingle.sid,
            initiator=jingle.initiator,
            bridge_session=jingle.bridge_session,
            ufrag=first.ufrag,
            pwd=first.pwd,
            fingerprints=first.fingerprints,
            candidates=first.candidates,
            channel=channels[0] if channels else "",
            codecs=tuple(codec for one in described for codec in _codecs(one)),
            extensions=tuple(extensions.values()),
            contents=jingle.contents,
        )

    def codec(self, name: str) -> Codec | None:
        """The payload type to send this codec with."""
        return next((each for each in self.codecs if each.name == name), None)

    def by_number(self, number: int) -> Codec | None:
        return next((each for each in self.codecs if each.payload.id == number), None)


def _codecs(description: RtpDescription) -> Iterable[Codec]:
    repairs = {
        value: payload.id
        for payload in description.payload_types
        if payload.name.lower() == "rtx"
        for name, value in payload.parameters
        if name == "apt"
    }
    for payload in description.payload_types:
        if payload.name.lower() in CODECS and payload.clockrate:
            rtx = repairs.get(str(payload.id))
            yield Codec(payload=payload, rtx=rtx, media=description.media)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Our side of one ICE session (RFC 8839 §5.4)."""

    ufrag: str
    pwd: str

    @classmethod
    def fresh(cls) -> Credentials:
        return cls(secrets.token_hex(4), secrets.token_hex(12))


def accept(
    offer: Offer,
    credentials: Credentials,
    fingerprint: tuple[str, str],
    sources: Sequence[OwnSource],
    responder: Jid,
) -> Jingle:
    """The session-accept: the codecs of the offer that we handle, our transport and sources."""
    hash_name, value = fingerprint
    transport = IceUdpTransport(
        ufrag=credentials.ufrag,
        pwd=credentials.pwd,
        fingerprints=(Fingerprint(hash=hash_name, value=value, setup="active"),),
    )
    numbers = {codec.payload.id for codec in offer.codecs}
    numbers |= {codec.rtx for codec in offer.codecs if codec.rtx is not None}
    contents = []
    for offered in offer.contents:
        if offered.description is None:
            continue
        own, groups = _described(sources, offered.description.media)
        description = replace(
            offered.description,
            payload_types=tuple(
                each for each in offered.description.payload_types if each.id in numbers
            ),
            rtcp_mux=True,
            sources=own,
            groups=groups,
        )
        contents.append(
            Content(
                name=offered.name,
                creator=Party.RESPONDER,
                description=description,
                transport=transport,
            )
        )
    return Jingle(
        action=Action.SESSION_ACCEPT,
        sid=offer.sid,
        initiator=offer.initiator,
        responder=str(responder),
        contents=tuple(contents),
        bundle=_BUNDLE,
    )


def change_sources(offer: Offer, action: Action, sources: Sequence[OwnSource]) -> Jingle:
    """A source-add or source-remove of ours."""
    contents = []
    for media in Media:
        own, groups = _described(sources, media)
        if own:
            description = RtpDescription(media=media, sources=own, groups=groups)
            contents.append(Content(name=media.value, description=description))
    return Jingle(action=action, sid=offer.sid, initiator=offer.initiator, contents=tuple(contents))


def _described(
    sources: Sequence[OwnSource], media: Media
) -> tuple[tuple[Source, ...], tuple[SsrcGroup, ...]]:
    found: list[Source] = []
    groups = []
    for source in sources:
        if source.media is not media:
            continue
        video_type = ("desktop" if source.is_screen else "camera") if media is Media.VIDEO else ""
        ssrcs = (source.ssrc,) if source.rtx is None else (source.ssrc, source.rtx)
        found += [
            Source(ssrc=ssrc, name=source.name, msid=source.msid, video_type=video_type)
            for ssrc in ssrcs
        ]
        if source.rtx is not None:
            groups.append(SsrcGroup(Semantics.FID, ssrcs))
    return tuple(found), tuple(groups)


def ask_again(offer: Offer, text: str) -> Jingle:
    """Give the session up and ask for another one (reference signalling 5.8, step 2)."""
    bridge_session = offer.bridge_session or BridgeSession()
    return Jingle(
        action=Action.SESSION_TERMINATE,
        sid=offer.sid,
        initiator=offer.initiator,
        reason=Reason("connectivity-error", text),
        bridge_session=replace(bridge_session, region="", restart=True),
    )


def leave(offer: Offer) -> Jingle:
    return Jingle(
        action=Action.SESSION_TERMINATE,
        sid=offer.sid,
        initiator=offer.initiator,
        reason=Reason("success", "leaving"),
    )


def decline(jingle: Jingle) -> Jingle:
    """The answer to another occupant that wants to talk past the bridge (XEP-0166 §6.3.2)."""
    return Jingle(
        action=Action.SESSION_TERMINATE,
        sid=jingle.sid,
        initiator=jingle.initiator,
        reason=Reason("decline", "P2P disabled"),
    )


def literal(candidate: Candidate) -> bool:
    """Whether a candidate can be used as it is: names (mDNS) are not resolved."""
    try:
        ipaddress.ip_address(candidate.ip)
    except ValueError:
        return False
    return candidate.port > 0
