"""COLIBRI2 (`jitsi:colibri2`): what the focus orders of a bridge, and what the bridge answers.

Plain data, parsed from and built into elements. Relays and connects are recognised, because a
bridge has to refuse them, but not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import Refused
from tertulia.xmpp.jingle import parse_initial_last_n
from tertulia.xmpp.jingle_ice import IceUdpTransport
from tertulia.xmpp.jingle_rtp import (
    HeaderExtension,
    Media,
    PayloadType,
    Source,
    SsrcGroup,
    parse_sources,
)
from tertulia.xmpp.xml import Element

SOURCE_NAMES = "source-names"  # the capability every endpoint must have
SSRC_REWRITING = "ssrc-rewriting"  # it wants few streams whose sources change
SILENT = "silent"  # nothing arrives from this endpoint
PRIVATE_ADDRESSES = "private-address-connectivity"  # it is beside the bridge, as recorders are


class ErrorReason(StrEnum):
    CONFERENCE_ALREADY_EXISTS = "CONFERENCE_ALREADY_EXISTS"
    CONFERENCE_NOT_FOUND = "CONFERENCE_NOT_FOUND"
    UNKNOWN_ENDPOINT = "UNKNOWN_ENDPOINT"
    GRACEFUL_SHUTDOWN = "GRACEFUL_SHUTDOWN"
    FEATURE_NOT_IMPLEMENTED = "FEATURE_NOT_IMPLEMENTED"
    UNSPECIFIED = "UNSPECIFIED"


class Colibri2Error(Refused):
    """The bridge refuses. The extension with the reason tells that a bridge answered, no MUC."""

    reason: ClassVar[ErrorReason] = ErrorReason.UNSPECIFIED

    def __init__(self, text: str, *, endpoint: str = "") -> None:
        extra = [Element("error", {"reason": self.reason.value}, ns=NS.COLIBRI2)]
        if endpoint:
            extra.append(Element("endpoint", {"id": endpoint}, ns=NS.COLIBRI2))
        super().__init__(text, extra=tuple(extra))


class BadRequest(Colibri2Error):
    """Malformed, or against the rules of the table in reference bridge 3.2."""


class ConferenceAlreadyExists(Colibri2Error):
    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "conflict"
    reason: ClassVar[ErrorReason] = ErrorReason.CONFERENCE_ALREADY_EXISTS


class EndpointConflict(Colibri2Error):
    """An endpoint is created whose id is taken in this conference."""

    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "conflict"


class ConferenceNotFound(Colibri2Error):
    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "item-not-found"
    reason: ClassVar[ErrorReason] = ErrorReason.CONFERENCE_NOT_FOUND


class UnknownEndpoint(Colibri2Error):
    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "item-not-found"
    reason: ClassVar[ErrorReason] = ErrorReason.UNKNOWN_ENDPOINT


class GracefulShutdown(Colibri2Error):
    """The bridge takes no new conferences."""

    error_type: ClassVar[str] = "wait"
    condition: ClassVar[str] = "service-unavailable"
    reason: ClassVar[ErrorReason] = ErrorReason.GRACEFUL_SHUTDOWN


class BridgeFull(Colibri2Error):
    """The bridge's own limits are reached."""

    error_type: ClassVar[str] = "wait"
    condition: ClassVar[str] = "service-unavailable"


class ConferenceFull(Colibri2Error):
    """One more endpoint does not fit; those who are there go on."""

    error_type: ClassVar[str] = "wait"
    condition: ClassVar[str] = "resource-constraint"


class FeatureNotImplemented(Colibri2Error):
    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "feature-not-implemented"
    reason: ClassVar[ErrorReason] = ErrorReason.FEATURE_NOT_IMPLEMENTED


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaOffer:
    """One `<media/>`: what may flow, as payload types and header extensions."""

    type: Media
    payload_types: tuple[PayloadType, ...] = ()
    header_extensions: tuple[HeaderExtension, ...] = ()
    extmap_allow_mixed: bool = False

    @classmethod
    def parse(cls, element: Element) -> MediaOffer:
        return cls(
            type=Media.parse(element.get("type")),
            payload_types=tuple(
                PayloadType.parse(e) for e in element.find_all("payload-type", NS.RTP)
            ),
            header_extensions=tuple(
                HeaderExtension.parse(e) for e in element.find_all("rtp-hdrext", NS.RTP_HDREXT)
            ),
            extmap_allow_mixed=element.find("extmap-allow-mixed", "*") is not None,
        )

    def element(self) -> Element:
        element = Element("media", {"type": self.type.value}, ns=NS.COLIBRI2, explicit=False)
        for payload_type in self.payload_types:
            element.append(payload_type.element())
        for extension in self.header_extensions:
            element.append(extension.element())
        if self.extmap_allow_mixed:
            element.append(Element("extmap-allow-mixed", ns=NS.RTP_HDREXT))
        return element


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOrder:
    """One `<transport/>` of COLIBRI2 around the ICE transport of Jingle."""

    ice_controlling: bool = False
    use_unique_port: bool = False
    ice_restart: bool = False
    sctp: bool = False
    ice: IceUdpTransport | None = None

    @classmethod
    def parse(cls, element: Element) -> TransportOrder:
        ice = element.find("transport", NS.ICE_UDP)
        return cls(
            ice_controlling=_flag(element, "ice-controlling"),
            use_unique_port=_flag(element, "use-unique-port"),
            ice_restart=_flag(element, "ice-restart"),
            sctp=element.find("sctp") is not None,
            ice=IceUdpTransport.parse(ice) if ice is not None else None,
        )

    def element(self) -> Element:
        element = Element("transport", ns=NS.COLIBRI2, explicit=False)
        if self.ice_controlling:
            element.attrs["ice-controlling"] = "true"
        if self.use_unique_port:
            element.attrs["use-unique-port"] = "true"
        if self.ice_restart:
            element.attrs["ice-restart"] = "true"
        if self.sctp:
            element.append(Element("sctp"))
        if self.ice is not None:
            element.append(self.ice.element())
        return element


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSource:
    """One `<media-source/>`: everything that is sent under one source name."""

    id: str
    type: Media
    sources: tuple[Source, ...] = ()
    groups: tuple[SsrcGroup, ...] = ()

    @classmethod
    def parse(cls, element: Element) -> MediaSource:
        if not element.get("id"):
            raise MalformedInput("a media-source needs an id")
        sources, groups = parse_sources(element)
        return cls(
            id=element.get("id"),
            type=Media.parse(element.get("type")),
            sources=sources,
            groups=groups,
        )

    def element(self) -> Element:
        attrs = {"type": self.type.value, "id": self.id}
        element = Element("media-source", attrs, ns=NS.COLIBRI2, explicit=False)
        for source in self.sources:
            element.append(source.element())
        for group in self.groups:
            element.append(group.element())
        return element


@dataclass(frozen=True, slots=True)
class ForceMute:
    audio: bool = False
    video: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOrder:
    """One `<endpoint/>` inside `<conference-modify/>`."""

    id: str
    stats_id: str = ""
    muc_role: str = ""
    create: bool = False
    expire: bool = False
    capabilities: frozenset[str] = frozenset()
    media: tuple[MediaOffer, ...] = ()
    transport: TransportOrder | None = None
    sources: tuple[MediaSource, ...] | None = None  # None: unchanged; empty: cleared
    force_mute: ForceMute | None = None
    initial_last_n: int | None = None

    @property
    def is_single(self) -> bool:
        """True when a request may hold only one order like this."""
        return self.create or bool(self.media or self.transport) or self.sources is not None

    @classmethod
    def parse(cls, element: Element) -> EndpointOrder:
        if not element.get("id") or len(element.get("id")) > 64:
            raise MalformedInput("an endpoint needs an id of at most 64 characters")
        transport = element.find("transport")
        sources = element.find("sources")
        mute = element.find("force-mute")
        return cls(
            id=element.get("id"),
            stats_id=element.get("stats-id"),
            muc_role=element.get("muc-role"),
            create=_flag(element, "create"),
            expire=_flag(element, "expire"),
            capabilities=frozenset(e.get("name") for e in element.find_all("capability")),
            media=tuple(MediaOffer.parse(e) for e in element.find_all("media")),
            transport=TransportOrder.parse(transport) if transport is not None else None,
            sources=_parse_media_sources(sources) if sources is not None else None,
            force_mute=ForceMute(_flag(mute, "audio"), _flag(mute, "video"))
            if mute is not None
            else None,
            initial_last_n=parse_initial_last_n(element),
        )

    def element(self) -> Element:
        attrs = {"id": self.id}
        if self.stats_id:
            attrs["stats-id"] = self.stats_id
        if self.muc_role:
            attrs["muc-role"] = self.muc_role
        if self.create:
            attrs["create"] = "true"
        if self.expire:
            attrs["expire"] = "true"
        element = Element("endpoint", attrs, ns=NS.COLIBRI2, explicit=False)
        for name in sorted(self.capabilities):
            element.append(Element("capability", {"name": name}))
        for media in self.media:
            element.append(media.element())
        if self.transport is not None:
            element.append(self.transport.element())
        if self.sources is not None:
            element.append(Element("sources", {}, *(s.element() for s in self.sources)))
        if self.force_mute is not None:
            mute = {
                "audio": _text(self.force_mute.audio),
                "video": _text(self.force_mute.video),
            }
            element.append(Element("force-mute", mute))
        if self.initial_last_n is not None:
            element.append(Element("initial-last-n", {"value": str(self.initial_last_n)}))
        return element


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceModify:
    """The request: create, change or expire a conference and its endpoints."""

    meeting_id: str
    name: str = ""
    create: bool = False
    expire: bool = False
    endpoints: tuple[EndpointOrder, ...] = ()
    has_relays: bool = False
    has_connects: bool = False

    @classmethod
    def parse(cls, element: Element) -> ConferenceModify:
        """Read one `<conference-modify/>`. Raises: MalformedInput."""
        if not 0 < len(element.get("meeting-id")) <= 128:
            raise MalformedInput("conference-modify needs a meeting-id")
        return cls(
            meeting_id=element.get("meeting-id"),
            name=element.get("name"),
            create=_flag(element, "create"),
            expire=_flag(element, "expire"),
            endpoints=tuple(EndpointOrder.parse(e) for e in element.find_all("endpoint")),
            has_relays=element.find("relay") is not None,
            has_connects=element.find("connects") is not None,
        )

    def element(self) -> Element:
        attrs = {"meeting-id": self.meeting_id}
        if self.name:
            attrs["name"] = self.name
        if self.create:
            attrs["create"] = "true"
        if self.expire:
            attrs["expire"] = "true"
        return Element(
            "conference-modify", attrs, *(e.element() for e in self.endpoints), ns=NS.COLIBRI2
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointReport:
    """One `<endpoint/>` inside `<conference-modified/>`."""

    id: str
    transport: IceUdpTransport | None = None
    expire: bool = False
    reason: str = ""  # in a report that nobody asked for: why it expired, or SILENT

    @classmethod
    def parse(cls, element: Element) -> EndpointReport:
        wrapper = element.find("transport")
        ice = wrapper.find("transport", NS.ICE_UDP) if wrapper is not None else None
        return cls(
            id=element.get("id"),
            transport=IceUdpTransport.parse(ice) if ice is not None else None,
            expire=_flag(element, "expire"),
            reason=element.get("reason")[:64],
        )

    def element(self) -> Element:
        attrs = {"id": self.id} | ({"expire": "true"} if self.expire else {})
        if self.reason:
            attrs["reason"] = self.reason
        element = Element("endpoint", attrs, ns=NS.COLIBRI2, explicit=False)
        if self.transport is not None:
            element.append(Element("transport", {}, self.transport.element()))
        return element


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceModified:
    """The answer: transports of what was created, the bridge's own feedback sources.

    With `meeting_id`, in an IQ of type set from the bridge, it is a report of ours: endpoints that
    the bridge gave up by itself, or (reason SILENT, without `expire`) hears nothing of. The
    reference has no such word; there the focus learns of them when its next update of the endpoint
    is refused, or from the client.
    """

    meeting_id: str = ""
    endpoints: tuple[EndpointReport, ...] = ()
    sources: tuple[MediaSource, ...] = ()

    @classmethod
    def parse(cls, element: Element) -> ConferenceModified:
        """Read one `<conference-modified/>`. Raises: MalformedInput."""
        sources = element.find("sources")
        return cls(
            meeting_id=element.get("meeting-id"),
            endpoints=tuple(EndpointReport.parse(e) for e in element.find_all("endpoint")),
            sources=_parse_media_sources(sources) if sources is not None else (),
        )

    def element(self) -> Element:
        attrs = {"meeting-id": self.meeting_id} if self.meeting_id else {}
        element = Element("conference-modified", attrs, ns=NS.COLIBRI2)
        for endpoint in self.endpoints:
            element.append(endpoint.element())
        if self.sources:
            element.append(Element("sources", {}, *(s.element() for s in self.sources)))
        return element


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error answer says; `reason` None means that no bridge wrote it (but a MUC did)."""

    condition: str
    reason: str | None
    endpoint: str = ""
    text: str = ""

    @classmethod
    def parse(cls, iq: Element) -> Refusal:
        """Read the error of an answer; never raises, an unreadable one has no condition."""
        error = iq.find("error", "*")
        if error is None:
            return cls("undefined-condition", None)
        condition = next(
            (e.name for e in error.elements() if e.ns == NS.STANZA_ERRORS and e.name != "text"),
            "undefined-condition",
        )
        text = error.find("text", NS.STANZA_ERRORS)
        extension = error.find("error", NS.COLIBRI2)
        endpoint = error.find("endpoint", NS.COLIBRI2)
        return cls(
            condition=condition,
            reason=extension.get("reason", ErrorReason.UNSPECIFIED)
            if extension is not None
            else None,
            endpoint=endpoint.get("id") if endpoint is not None else "",
            text=text.text[:200] if text is not None else "",
        )


def _parse_media_sources(element: Element) -> tuple[MediaSource, ...]:
    return tuple(MediaSource.parse(e) for e in element.find_all("media-source"))


def _flag(element: Element, attribute: str) -> bool:
    return element.get(attribute) in ("true", "1")


def _text(value: bool) -> str:
    return "true" if value else "false"
