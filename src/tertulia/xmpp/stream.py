"""The server's side of a client stream, without sockets (RFC 6120, RFC 7395, RFC 6122 bind).

    BEGINNING ─open→ NEGOTIATING ─starttls→ SECURING ─tls→ BEGINNING
                          └─────── success → BEGINNING ─open→ BINDING ─bind→ READY ─→ OVER

Feed it what arrives; it returns what has to happen, in order. A stream error (§4.9) ends the
stream and costs nobody else anything. It neither reads the clock nor counts stanzas per second.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp import resumption
from tertulia.xmpp.credentials import Credentials
from tertulia.xmpp.errors import BadRequest, Refused
from tertulia.xmpp.framing import (
    Broken,
    Ended,
    Framing,
    Incoming,
    Opened,
    Received,
    stream_element,
)
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.resumption import CountTooHigh, Resumable, Resumptions, read_count
from tertulia.xmpp.router import Origin
from tertulia.xmpp.sasl import Challenge, SaslFailure, ServerMechanism, Success, decode, encode
from tertulia.xmpp.stamping import FalseSender, bare, stamp
from tertulia.xmpp.stanza import STANZAS, refusal
from tertulia.xmpp.stream_events import (
    Arrived,
    Bound,
    CountAsked,
    Enabled,
    Event,
    Over,
    Reply,
    Resumed,
    Send,
    StartTls,
)
from tertulia.xmpp.xml import Element, iq_result, serialise


class State(Enum):
    """Where a stream stands."""

    BEGINNING = "waits for the stream to be opened"
    NEGOTIATING = "TLS (on TCP) and SASL"
    SECURING = "waits for the TLS handshake"
    BINDING = "logged in, without a resource"
    READY = "bound: stanzas are exchanged"
    OVER = "closed by either side"


class ServerStream:
    """One client's stream, from the first byte to the last."""

    def __init__(
        self,
        framing: Framing,
        credentials: Credentials,
        *,
        default_domain: str,
        limits: XmppLimits | None = None,
        secure: bool,
        starttls: bool = False,
        origin: Origin | None = None,
        resumptions: Resumptions | None = None,
        new_uuid: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        """
        Args:
            default_domain: speaks for us when a stream goes wrong before it named a domain.
            secure: the transport is inside TLS already.
            starttls: TLS has to be negotiated in the stream before anything else (§5.3.1).
            origin: how the client came here.
            resumptions: where sessions can be resumed; without it that is not offered.
        """
        self.state = State.BEGINNING
        self.kept: Resumable | None = None  # once stanzas are counted
        self.origin = origin or Origin()  # from the login on with what that has shown
        self._resumptions = resumptions
        self.jid: Jid | None = None
        self._framing = framing
        self._credentials = credentials
        self._domain = default_domain
        self._limits = limits or XmppLimits()
        self._secure = secure
        self._starttls = starttls
        self._new_uuid = new_uuid
        self._opened = False  # we have answered the current opening
        self._username: str | None = None  # set by SASL; "" for a guest
        self._login_domain = ""
        self._mechanism: ServerMechanism | None = None
        self._failures = 0
        self._framing.limits = self._limits.before_login()

    # What happens to the stream

    @property
    def is_account(self) -> bool:
        """True once somebody logged in with an account, not as a guest."""
        return bool(self._username)

    def receive(self, data: Incoming) -> list[Event]:
        """Take a frame, bytes of any cut or a body of BOSH. Never raises for what a peer sends."""
        events: list[Event] = []
        if self.is_over:
            return events
        for item in self._framing.receive(data):
            events += self._take(item)
            if self.is_over:
                break
        return events

    @property
    def is_over(self) -> bool:
        return self.state is State.OVER

    def secured(self) -> None:
        """The TLS handshake is done; a new stream follows (§5.4.3.3)."""
        self._secure = True
        self._starttls = False
        self._begin_again()

    def fail(self, condition: str, text: str = "", *extra: Element) -> list[Event]:
        """End the stream with an error of §4.9.3, opening it first if need be (§4.9.1.2)."""
        if self.state is State.OVER:
            return []
        events: list[Event] = []
        if not self._opened:
            events.append(Send(self._opening()))
        children = [Element(condition, ns=NS.STREAM_ERRORS)]
        if text:
            children.append(Element("text", {}, text, ns=NS.STREAM_ERRORS))
        children += extra
        events.append(Send(stream_element("error", *children)))
        events.append(Send(self._framing.closing()))
        events.append(Over(condition, text))
        self.state = State.OVER
        return events

    def close(self) -> list[Event]:
        """End the stream without blame."""
        if self.state is State.OVER:
            return []
        self.state = State.OVER
        return [Send(self._framing.closing()), Over()]

    # Its steps

    def _take(self, item: Received) -> list[Event]:
        if isinstance(item, Element):
            return self._element(item)
        if isinstance(item, Opened):
            return self._open(item)
        if isinstance(item, Ended):
            return self.close()
        assert isinstance(item, Broken)
        return self.fail(item.condition, str(item.error))

    def _open(self, opened: Opened) -> list[Event]:
        if self.state is not State.BEGINNING:
            return self.fail("bad-format", "the stream is open already")
        wanted = opened.attrs.get("to", "").lower()
        known = wanted in self._credentials.domains
        if known:
            self._domain = wanted
        if not opened.namespaces_right:
            return self.fail("invalid-namespace")
        if opened.attrs.get("version", "").partition(".")[0] != "1":
            return self.fail("unsupported-version", "XMPP version 1.0 is spoken here")
        if not known:
            return self.fail("host-unknown", "this server does not serve that domain")
        if self._username is not None and wanted != self._login_domain:
            return self.fail("host-unknown", "the login was for another domain")
        events: list[Event] = [Send(self._opening()), Send(self._features())]
        self.state = State.NEGOTIATING if self._username is None else State.BINDING
        return events

    def _opening(self) -> str:
        self._opened = True
        attrs = {"from": self._domain, "id": self._new_uuid().hex, "version": "1.0"}
        return self._framing.opening({**attrs, "xml:lang": "en"})

    def _features(self) -> str:
        if self._starttls:
            # §5.3.1: the only feature when it is mandatory.
            return stream_element(
                "features", Element("starttls", {}, Element("required"), ns=NS.TLS)
            )
        if self._username is not None:
            features = [Element("bind", ns=NS.BIND)]
            if self._resumptions is not None:
                features.append(Element("sm", ns=NS.SM))
            return stream_element("features", *features)
        names = self._mechanisms()
        mechanisms = [Element("mechanism", {}, name) for name in names]
        return stream_element("features", Element("mechanisms", {}, *mechanisms, ns=NS.SASL))

    def _begin_again(self) -> None:
        self.state = State.BEGINNING
        self._opened = False
        self._framing.restart()

    def _element(self, element: Element) -> list[Event]:
        if self.state is State.READY and element.ns == NS.CLIENT and element.name in STANZAS:
            return self._stanza(element)
        if self.state is State.BEGINNING:
            return self.fail("not-authorized", "the stream is not open")
        if self.state is State.SECURING:
            # Anything that came along with <starttls/> was not protected: never act on it (§5.3.4).
            return self.fail("policy-violation", "data before the TLS handshake")
        if element.ns == NS.TLS and self.state is State.NEGOTIATING:
            return self._tls(element)
        if element.ns == NS.SASL and self.state is State.NEGOTIATING:
            return self._sasl(element)
        if element.ns == NS.SM and self._resumptions is not None:
            return self._manage(element, self._resumptions)
        if element.ns in (NS.CLIENT, "") and element.name in STANZAS:
            if self.state is State.BINDING:
                return self._bind(element)
            if self.state is State.READY:
                return self.fail("invalid-namespace", f"stanzas are of {NS.CLIENT}")
            return self.fail("not-authorized", "log in first")
        return self.fail("unsupported-stanza-type", f"unexpected <{element.name[:40]}/>")

    def _tls(self, element: Element) -> list[Event]:
        if element.name != "starttls" or not self._starttls:
            return self.fail("unsupported-stanza-type", "TLS is not to be negotiated here")
        self.state = State.SECURING
        return [Send(serialise(Element("proceed", ns=NS.TLS))), StartTls()]

    def _sasl(self, element: Element) -> list[Event]:
        if self._starttls:
            return self.fail("policy-violation", "TLS is required before SASL")
        try:
            outcome = self._sasl_step(element)
            if isinstance(outcome, Success):
                self._admit(outcome.username)
        except SaslFailure as failure:
            self._mechanism = None
            self._failures += 1
            reasons = [Element(failure.failure)]
            if str(failure):
                reasons.append(Element("text", {}, str(failure)))
            events: list[Event] = [Send(serialise(Element("failure", {}, *reasons, ns=NS.SASL)))]
            if self._failures >= self._limits.login_attempts:
                events += self.fail("policy-violation", "too many failed logins (login_attempts)")
            return events
        if isinstance(outcome, Challenge):
            return [Send(serialise(Element("challenge", {}, encode(outcome.data), ns=NS.SASL)))]
        self._mechanism = None
        self._username = outcome.username
        self._login_domain = self._domain
        self._framing.limits = self._limits.after_login(is_account=self.is_account)
        proof = () if outcome.data is None else (encode(outcome.data),)
        self._begin_again()
        return [Send(serialise(Element("success", {}, *proof, ns=NS.SASL)))]

    def _mechanisms(self) -> list[str]:
        return self._credentials.mechanisms(self._domain, secure=self._secure, origin=self.origin)

    def _admit(self, username: str) -> None:
        """Find out as whom somebody logged in. Raises: SaslFailure."""
        former = self._former(self._domain, username)
        earlier = None if former is None else former.origin
        admission = self._credentials.admit(self._domain, username, self.origin, earlier)
        self.origin = replace(self.origin, admission=admission)

    def _sasl_step(self, element: Element) -> Challenge | Success:
        if element.name == "abort":
            raise SaslFailure("aborted")
        if element.name == "auth":
            if self._mechanism is not None:
                raise SaslFailure("malformed-request", "a login is under way")
            name = element.get("mechanism")
            if name not in self._mechanisms():
                raise SaslFailure("invalid-mechanism", "that mechanism was not offered")
            self._mechanism = self._credentials.begin(self._domain, name, self.origin)
            if not element.text and name != "ANONYMOUS":
                return Challenge(b"")  # no initial response: ask for it (§6.4.2)
        elif element.name != "response" or self._mechanism is None:
            raise SaslFailure("malformed-request", "no login is under way")
        return self._mechanism.step(decode(element.text))

    def _bind(self, stanza: Element) -> list[Event]:
        bind = stanza.find("bind", NS.BIND)
        if stanza.name != "iq" or stanza.get("type") != "set" or bind is None:
            return self.fail("not-authorized", "bind a resource first")
        guest = not self._username
        wanted = bind.find("resource")
        # Somebody who had a session before and begins anew: the old one must not stay as a ghost,
        # and whoever knows its id keeps its name.
        former = self._former(self._login_domain, self._username or "")
        # Guests get a UUID as name, whose first 8 digits become their nickname, and a random
        # resource; accounts may name theirs, so that a bridge is known by it.
        node = self._username or ""
        if guest:
            node = str(self._new_uuid()) if former is None else former.jid.node
        resource = "" if guest or wanted is None else wanted.text.strip()
        try:
            jid = Jid.parse(f"{node}@{self._login_domain}/{resource or self._new_uuid().hex[:12]}")
        except MalformedInput:
            return _refused(stanza, BadRequest("that resource is not allowed"))
        self.jid = jid
        self.state = State.READY
        bound = Element("bind", {}, Element("jid", {}, str(jid)), ns=NS.BIND)
        replaces = "" if former is None else former.id
        greeting = [Send(serialise(each)) for each in self._credentials.greeting(jid)]
        return [Bound(jid, replaces), *greeting, Send(serialise(iq_result(bare(stanza), bound)))]

    def _former(self, domain: str, username: str) -> Resumable | None:
        """The session that this client says and proves to have had (`previd`)."""
        if self._resumptions is None or not self.origin.previd:
            return None
        return self._resumptions.proven(self.origin.previd, domain=domain, username=username)

    # XEP-0198

    def _manage(self, element: Element, resumptions: Resumptions) -> list[Event]:
        if self.state is State.NEGOTIATING:
            return self.fail("not-authorized", "log in first")
        kept, own = self.kept, self.jid
        try:
            if element.name == "resume" and self.state is State.BINDING:
                return self._resume(element, resumptions)
            if element.name == "enable" and own is not None and kept is None:
                return self._enable(element, own, resumptions)
            if element.name == "a" and kept is not None:
                kept.acknowledge(read_count(element.get("h")))
                return []
        except CountTooHigh as error:
            return self.fail("undefined-condition", str(error), error.element())
        except MalformedInput as error:
            return self.fail("invalid-xml", str(error))
        if element.name == "r" and kept is not None:
            return [CountAsked(kept.received)]
        # §3, §5: enabled twice, or resumed after a bind.
        return [Send(resumption.failed("unexpected-request"))]

    def _enable(self, element: Element, own: Jid, resumptions: Resumptions) -> list[Event]:
        kept = self.kept = resumptions.enable(
            own,
            self.origin,
            is_account=bool(self._username),
            resume=element.get("resume") in ("true", "1"),
        )
        return [Enabled(kept), Send(resumption.enabled(kept, resumptions.max_s))]

    def _resume(self, element: Element, resumptions: Resumptions) -> list[Event]:
        h = read_count(element.get("h"))
        kept = resumptions.claim(
            element.get("previd"),
            domain=self._login_domain,
            username=self._username or "",
            origin=self.origin,
        )
        if kept is None:
            return [Send(resumption.failed("item-not-found"))]
        kept.resume_at(h)
        resumptions.resuming(kept)
        self.kept = kept
        self.jid = kept.jid
        self.state = State.READY
        return [Resumed(kept)]

    # Stanzas

    def _stanza(self, stanza: Element) -> list[Event]:
        assert self.jid is not None
        if self.kept is not None:
            self.kept.took()
        try:
            stamp(stanza, self.jid)
        except FalseSender as error:
            return self.fail("invalid-from", str(error))
        except Refused as error:
            return _refused(stanza, error)
        return [Arrived(stanza)]


def _refused(stanza: Element, error: Refused) -> list[Event]:
    answer = refusal(bare(stanza), error)
    return [] if answer is None else [Reply(serialise(answer))]
