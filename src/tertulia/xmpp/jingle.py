"""Jingle sessions (XEP-0166) as Jitsi clients speak them: the envelope around contents.

Plain data shared by focus and clients; `jingle_rtp` holds what is inside a description,
`jingle_ice` what is inside a transport. Who may send what, and when, is the focus' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, TypeVar

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import Refused
from tertulia.xmpp.jingle_ice import IceUdpTransport
from tertulia.xmpp.jingle_rtp import (
    EndpointSources,
    RtpDescription,
    sources_from_json,
    sources_to_json,
)
from tertulia.xmpp.xml import Element

INITIAL_LAST_N_NS = NS.COLIBRI2

_E = TypeVar("_E", bound=StrEnum)


class JingleError(Refused):
    """A refusal that XEP-0166 §10 names: `jingle_condition` goes beside the stanza condition."""

    jingle_condition: ClassVar[str]

    def __init__(self, text: str) -> None:
        super().__init__(text, extra=(Element(self.jingle_condition, ns=NS.JINGLE_ERRORS),))


class UnknownSession(JingleError):
    """No session has this `sid`."""

    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "item-not-found"
    jingle_condition: ClassVar[str] = "unknown-session"


class OutOfOrder(JingleError):
    """The action does not fit the state of the session."""

    error_type: ClassVar[str] = "wait"
    condition: ClassVar[str] = "unexpected-request"
    jingle_condition: ClassVar[str] = "out-of-order"


class Action(StrEnum):
    SESSION_INITIATE = "session-initiate"
    SESSION_ACCEPT = "session-accept"
    SESSION_INFO = "session-info"
    SESSION_TERMINATE = "session-terminate"
    SOURCE_ADD = "source-add"
    SOURCE_REMOVE = "source-remove"
    TRANSPORT_INFO = "transport-info"
    TRANSPORT_REPLACE = "transport-replace"
    TRANSPORT_ACCEPT = "transport-accept"
    TRANSPORT_REJECT = "transport-reject"
    CONTENT_MODIFY = "content-modify"


class Party(StrEnum):
    INITIATOR = "initiator"
    RESPONDER = "responder"


class Senders(StrEnum):
    BOTH = "both"
    INITIATOR = "initiator"
    RESPONDER = "responder"
    NONE = "none"
    REJECTED = "rejected"  # not of XEP-0166: clients write it for a port 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One `<content/>` of a Jingle session (XEP-0166 §7.3)."""

    name: str
    creator: Party = Party.INITIATOR
    senders: Senders = Senders.BOTH  # the schema's default, when the attribute is absent
    description: RtpDescription | None = None  # XEP-0167; absent in transport-info
    transport: IceUdpTransport | None = None  # XEP-0176; absent in source-add
    initial_last_n: int | None = None  # session-accept of clients with a fixed last-n

    @classmethod
    def parse(cls, element: Element) -> Content:
        description = element.find("description", NS.RTP)
        transport = element.find("transport", NS.ICE_UDP)
        return cls(
            name=element.get("name"),
            creator=_one_of(Party, element.get("creator", "initiator"), "creator"),
            senders=_one_of(Senders, element.get("senders", "both"), "senders"),
            description=RtpDescription.parse(description)
            if description is not None and description.get("media") != "application"
            else None,
            transport=IceUdpTransport.parse(transport) if transport is not None else None,
            initial_last_n=parse_initial_last_n(element),
        )

    def element(self) -> Element:
        element = Element(
            "content",
            {"creator": self.creator.value, "name": self.name, "senders": self.senders.value},
            ns=NS.JINGLE,
            explicit=False,
        )
        if self.initial_last_n is not None:
            value = {"value": str(self.initial_last_n)}
            element.append(Element("initial-last-n", value, ns=INITIAL_LAST_N_NS))
        if self.description is not None:
            element.append(self.description.element())
        if self.transport is not None:
            element.append(self.transport.element())
        return element


def parse_initial_last_n(element: Element) -> int | None:
    """The `<initial-last-n/>` inside; -1 means all. Raises: MalformedInput."""
    found = element.find("initial-last-n", INITIAL_LAST_N_NS)
    if found is None:
        return None
    text = found.get("value")
    if len(text) > 6 or not text.removeprefix("-").isdigit() or not text.isascii():
        raise MalformedInput("initial-last-n must be a small number")
    return max(int(text), -1)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a session ends (XEP-0166 §7.4)."""

    condition: str
    text: str = ""

    def element(self) -> Element:
        element = Element("reason", {}, Element(self.condition))
        if self.text:
            element.append(Element("text", {}, self.text))
        return element


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSession:
    """Jitsi's `<bridge-session/>`: which stay on which bridge this session belongs to."""

    id: str = ""
    region: str = ""
    restart: bool = False
    ice_restart: bool = False

    @classmethod
    def parse(cls, element: Element) -> BridgeSession:
        return cls(
            id=element.get("id"),
            region=element.get("region"),
            restart=element.get("restart") == "true",
            ice_restart=element.get("ice-restart") == "true",
        )

    def element(self) -> Element:
        attrs = {"id": self.id}
        if self.region:
            attrs["region"] = self.region
        if self.restart:
            attrs["restart"] = "true"
        if self.ice_restart:
            attrs["ice-restart"] = "true"
        return Element("bridge-session", attrs, ns=NS.FOCUS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jingle:
    """One `<jingle/>`: an action within the session `sid`."""

    action: Action
    sid: str
    initiator: str = ""
    responder: str = ""
    contents: tuple[Content, ...] = ()
    bundle: tuple[str, ...] = ()  # names of the contents in the BUNDLE group (XEP-0338)
    reason: Reason | None = None
    bridge_session: BridgeSession | None = None
    ice_state: str = ""  # session-info of old clients: "failed"
    sources: Mapping[str, EndpointSources] = field(default_factory=dict)  # compact form, by owner

    @classmethod
    def parse(cls, element: Element) -> Jingle:
        """Read one `<jingle/>`. Raises: MalformedInput."""
        sid = element.get("sid")
        if not sid or len(sid) > 128:
            raise MalformedInput("a Jingle session needs a sid")
        group = element.find("group", NS.GROUPING)
        bridge_session = element.find("bridge-session", NS.FOCUS)
        ice_state = element.find("ice-state", NS.FOCUS)
        message = element.find("json-message", NS.JITMEET)
        return cls(
            action=_one_of(Action, element.get("action"), "action"),
            sid=sid,
            initiator=element.get("initiator"),
            responder=element.get("responder"),
            contents=tuple(Content.parse(e) for e in element.find_all("content")),
            bundle=tuple(e.get("name") for e in group.find_all("content", "*"))
            if group is not None and group.get("semantics") == "BUNDLE"
            else (),
            reason=_parse_reason(element.find("reason")),
            bridge_session=BridgeSession.parse(bridge_session)
            if bridge_session is not None
            else None,
            ice_state=ice_state.text.strip()[:40] if ice_state is not None else "",
            sources=sources_from_json(message.text) if message is not None else {},
        )

    def element(self) -> Element:
        attrs = {"action": self.action.value, "sid": self.sid}
        if self.initiator:
            attrs["initiator"] = self.initiator
        if self.responder:
            attrs["responder"] = self.responder
        element = Element("jingle", attrs, ns=NS.JINGLE)
        for content in self.contents:
            element.append(content.element())
        if self.bundle:
            group = Element("group", {"semantics": "BUNDLE"}, ns=NS.GROUPING)
            for name in self.bundle:
                group.append(Element("content", {"name": name}))
            element.append(group)
        if self.reason is not None:
            element.append(self.reason.element())
        if self.bridge_session is not None:
            element.append(self.bridge_session.element())
        if self.ice_state:
            element.append(Element("ice-state", {}, self.ice_state, ns=NS.FOCUS))
        if self.sources:
            text = sources_to_json(self.sources)
            element.append(Element("json-message", {}, text, ns=NS.JITMEET))
        return element

    def endpoint_sources(self) -> EndpointSources:
        """The sources inside the contents together, whatever owner they claim."""
        return EndpointSources.from_descriptions(
            [content.description for content in self.contents if content.description is not None]
        )


def _parse_reason(element: Element | None) -> Reason | None:
    if element is None:
        return None
    text = element.find("text")
    condition = next(
        (e.name for e in element.elements() if e.name != "text"), "undefined-condition"
    )
    return Reason(condition, text.text if text is not None else "")


def _one_of(kind: type[_E], text: str, what: str) -> _E:
    try:
        return kind(text)
    except ValueError:
        raise MalformedInput(f"unknown {what} {text[:40]!r}") from None
