"""The client's side of a stream, without sockets (RFC 6120, RFC 7395): log in, bind, exchange.

Like `stream`, the server's side: input in, events out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp.framing import Broken, Ended, Framing, Opened, Received
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.sasl import SCRAM_HASHES, ClientScram, SaslFailure, decode, encode
from tertulia.xmpp.stanza import STANZAS, read_error
from tertulia.xmpp.stream_events import Arrived, Over, Send, StartTls
from tertulia.xmpp.xml import Element, serialise

_BIND_ID = "bind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who logs in where. Without a user name: as a guest (SASL ANONYMOUS)."""

    domain: str
    user: str = ""
    password: str = field(default="", repr=False)
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """Logged in and bound."""

    jid: Jid


@dataclass(frozen=True, slots=True)
class Counted:
    """The server speaks of the counts of stanzas (XEP-0198): `enabled`, `resumed`, `failed`, `r`
    or `a`."""

    element: Element


ClientEvent = Send | StartTls | Ready | Arrived | Counted | Over


class ClientStream:
    """One stream to a server. Call `begin` once the transport is connected."""

    def __init__(
        self, framing: Framing, login: Login, *, secure: bool, resume: Element | None = None
    ) -> None:
        """
        Args:
            resume: sent instead of binding an address; its answer comes as `Counted`.
            secure: the transport is protected already (or is the loopback); else STARTTLS is
                required of the server before anything secret is sent.
        """
        self.jid: Jid | None = None
        self._framing = framing
        self._login = login
        self._secure = secure
        self._resume = resume
        self._scram: ClientScram | None = None
        self._answered = False  # the SCRAM challenge was
        self._logged_in = False
        self._over = False

    def begin(self) -> list[ClientEvent]:
        return [Send(self._framing.opening({"to": self._login.domain, "version": "1.0"}))]

    def secured(self) -> list[ClientEvent]:
        """The TLS handshake is done and the certificate is accepted."""
        self._secure = True
        self._framing.restart()
        return self.begin()

    def receive(self, data: str | bytes) -> list[ClientEvent]:
        """Take what the server sent. Never raises; what is wrong ends the stream."""
        events: list[ClientEvent] = []
        for item in [] if self._over else self._framing.receive(data):
            try:
                events += self._take(item)
            except (SaslFailure, MalformedInput) as error:
                condition = error.failure if isinstance(error, SaslFailure) else "not-well-formed"
                events += self.close(condition, str(error))
            if events and isinstance(events[-1], Over):
                break
        return events

    def close(self, condition: str = "", text: str = "") -> list[ClientEvent]:
        """End the stream, for the reason given if there is one."""
        if self._over:
            return []
        self._over = True
        return [Send(self._framing.closing()), Over(condition, text)]

    def _take(self, item: Received) -> list[ClientEvent]:
        match item:
            case Opened():
                return []
            case Ended(see_other_uri):
                return self.close("see-other-uri" if see_other_uri else "", see_other_uri)
            case Broken(error):
                raise error
            case Element(name="features", ns=NS.STREAM):
                return self._features(item)
            case Element(name="error", ns=NS.STREAM):
                return self.close(*_stream_error(item))
            case Element(ns=NS.TLS) if not self._secure:
                if item.name == "proceed":
                    return [StartTls()]
                return self.close("policy-violation", "the server refused TLS")
            case Element(ns=NS.SASL) if not self._logged_in:
                return self._sasl(item)
            case Element(name=name, ns=NS.CLIENT) if name in STANZAS and self._is_bound:
                return [Arrived(item)]
            case Element(name="message", ns=NS.CLIENT) if self._logged_in:
                return []  # what a server tells stock clients before it answers the bind request
            case Element(ns=NS.SM) if self._logged_in:
                return [Counted(item)]
            case Element(name="iq") if self._logged_in and item.get("id") == _BIND_ID:
                return self._bound(item)
        return self.close("unsupported-stanza-type", f"unexpected <{item.name[:40]}/>")

    @property
    def _is_bound(self) -> bool:
        return self.jid is not None or (self._resume is not None and self._logged_in)

    def _features(self, features: Element) -> list[ClientEvent]:
        if not self._secure:
            if features.find("starttls", NS.TLS) is None:
                return self.close("policy-violation", "the server offers no TLS")
            return [Send(serialise(Element("starttls", ns=NS.TLS)))]
        if self._logged_in:
            if self._resume is not None:
                return [Send(serialise(self._resume))]
            return self._bind(features)
        offered = features.find("mechanisms", NS.SASL)
        names = {} if offered is None else {m.text: m for m in offered.find_all("mechanism")}
        if not self._login.user:
            if "ANONYMOUS" not in names:
                return self.close("invalid-mechanism", "the server admits no guests")
            return [_auth("ANONYMOUS", "")]
        for name in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
            if name in names:
                hash_name = SCRAM_HASHES[name]
                self._scram = ClientScram(hash_name, self._login.user, self._login.password)
                return [_auth(name, encode(self._scram.first()))]
        return self.close("invalid-mechanism", "the server offers no SCRAM")

    def _sasl(self, element: Element) -> list[ClientEvent]:
        if element.name == "failure":
            reasons = [child for child in element.elements() if child.name != "text"]
            text = element.find("text")
            condition = reasons[0].name if reasons else "not-authorized"
            return self.close(condition, "" if text is None else text.text)
        if element.name == "challenge" and self._scram is not None and not self._answered:
            self._answered = True
            answer = encode(self._scram.final(decode(element.text)))
            return [Send(serialise(Element("response", {}, answer, ns=NS.SASL)))]
        if element.name != "success":
            raise SaslFailure("malformed-request", "the server broke off the login")
        if self._scram is not None:
            self._scram.verify(decode(element.text))
        self._logged_in = True
        self._framing.restart()
        return self.begin()

    def _bind(self, features: Element) -> list[ClientEvent]:
        if features.find("bind", NS.BIND) is None:
            return self.close("undefined-condition", "the server offers no resource binding")
        bind = Element("bind", ns=NS.BIND)
        if self._login.resource:
            bind.append(Element("resource", {}, self._login.resource))
        request = Element("iq", {"type": "set", "id": _BIND_ID}, bind, ns=NS.CLIENT)
        return [Send(serialise(request))]

    def _bound(self, answer: Element) -> list[ClientEvent]:
        if answer.get("type") == "error":
            error = read_error(answer)
            return self.close(error.condition, error.text)
        bind = answer.find("bind", NS.BIND)
        jid = None if bind is None else bind.find("jid")
        if jid is None:
            raise MalformedInput("the server bound no address")
        self.jid = Jid.parse(jid.text)
        return [Ready(self.jid)]


def _auth(mechanism: str, initial: str) -> Send:
    children = (initial,) if initial else ()
    return Send(serialise(Element("auth", {"mechanism": mechanism}, *children, ns=NS.SASL)))


def _stream_error(error: Element) -> tuple[str, str]:
    condition, text = "undefined-condition", ""
    for child in error.elements():
        if child.name == "text":
            text = child.text
        elif child.ns == NS.STREAM_ERRORS:
            condition = child.name
    return condition, text
