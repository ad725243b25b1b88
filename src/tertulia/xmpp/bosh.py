"""BOSH without sockets (XEP-0124, XEP-0206): XMPP as bodies of HTTP requests, in their order.

`BoshFraming` makes the items of a stream out of a `<body/>`; `Window` knows which request is next,
what to answer to one that is repeated, and which of those that wait is answered first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from tertulia.errors import MalformedInput, PeerError
from tertulia.xmpp import ns as NS
from tertulia.xmpp.framing import Broken, Ended, Incoming, Opened, Received
from tertulia.xmpp.xml import Element, XmlLimits, serialise

HOLD = 1  # requests that wait for something to say (§7.1); what every client asks for
REQUESTS = HOLD + 1  # that may be under way at a time
_RID_LIMIT = 2**53  # §14.1


class BoshError(PeerError):
    """The session ends; `condition` is one of §17.2."""

    def __init__(self, condition: str, text: str = "") -> None:
        super().__init__(text or condition)
        self.terminates_with = condition


class BoshFraming:
    """One body at a time, parsed already. A stream is opened by the first one and after a login.

    Streams are not opened and closed by elements here: attributes of the bodies do that.
    """

    def __init__(self, limits: XmlLimits) -> None:
        self.limits = limits
        self._begins = True

    def receive(self, data: Incoming) -> list[Received]:
        if not isinstance(data, Element):
            return [Broken(MalformedInput("a body was expected"))]
        items: list[Received] = []
        if self._begins and data.get("to"):
            self._begins = False
            items.append(Opened({"to": data.get("to"), "version": "1.0"}))
        items += data.elements()
        if data.get("type") == "terminate":
            items.append(Ended())
        return items

    def opening(self, attrs: Mapping[str, str]) -> str:
        return ""

    def closing(self) -> str:
        return ""

    def restart(self) -> None:
        # XEP-0206 §5: the client asks for it in a body with `to` (and an attribute of a namespace
        # that parsers of ours do not keep).
        self._begins = True


def pieces(body: Element) -> list[Element]:
    """Bodies with one stanza each that say the same as one with many."""
    children = list(body.elements())
    if len(children) < 2:
        return [body]
    made = [Element(body.name, {}, each, ns=body.ns) for each in children]
    made[0].attrs = {key: value for key, value in body.attrs.items() if key != "type"}
    if body.get("type"):
        made[-1].attrs["type"] = body.get("type")
    return made


@dataclass(frozen=True, slots=True)
class Begun:
    """What a client wants of a new session, within our limits."""

    rid: int
    wait_s: int
    lang: str

    @classmethod
    def read(cls, body: Element, max_wait_s: int) -> Begun:
        """Raises: BoshError."""
        wait = body.get("wait", "60")
        wait_s = min(int(wait), max_wait_s) if wait.isascii() and wait.isdigit() else max_wait_s
        return cls(read_rid(body), max(1, wait_s), body.get("xml:lang", "en")[:20])


def read_rid(body: Element) -> int:
    """The number of a request. Raises: BoshError."""
    text = body.get("rid")
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) < _RID_LIMIT):
        raise BoshError("bad-request", "a body has a rid below 2^53")
    return int(text)


class Window:
    """The requests of one session: their order in, their answers out."""

    def __init__(self, rid: int) -> None:
        """`rid`: of the request that created the session, which is the first that waits."""
        self._next = rid + 1
        self._early: dict[int, Element] = {}  # came before their predecessors
        self._waiting: list[int] = [rid]  # oldest first
        self._answers: OrderedDict[int, str] = OrderedDict()  # for requests that are repeated

    def arrived(self, rid: int, body: Element) -> list[Element]:
        """Take a request; the bodies whose turn it is now, in order.

        Raises: BoshError when its number is not one of those that may be under way (§14.2).
        """
        if not self._next <= rid < self._next + REQUESTS:
            raise BoshError("item-not-found", "the rid is not in the window")
        self._early[rid] = body
        bodies = []
        while self._next in self._early:
            bodies.append(self._early.pop(self._next))
            self._waiting.append(self._next)
            self._next += 1
        return bodies

    def is_repeated(self, rid: int) -> bool:
        """Whether that request came before, and waits or has been answered (§14.3)."""
        return rid < self._next or rid in self._early

    def answer_to(self, rid: int) -> str | None:
        """What a repeated request was answered; None while it waits. Raises: BoshError."""
        if rid in self._answers:
            return self._answers[rid]
        if rid in self._waiting or rid in self._early:
            return None
        raise BoshError("item-not-found", "that request is too old to be repeated")

    @property
    def waiting(self) -> int:
        """How many requests could be answered."""
        return len(self._waiting)

    def answered(self, text: str) -> int:
        """The oldest request that waits is answered; its number."""
        rid = self._waiting.pop(0)
        self._answers[rid] = text
        if len(self._answers) > REQUESTS:
            self._answers.popitem(last=False)
        return rid


def answer(content: str, attrs: Mapping[str, str] | None = None) -> str:
    """A body for the client around serialised elements."""
    shell = serialise(Element("body", attrs or {}, ns=NS.HTTPBIND))
    return shell if not content else f"{shell[:-2]}>{content}</body>"


def created(begun: Begun, sid: str, domain: str, inactivity_s: int, content: str) -> str:
    """The answer that tells a client of its session (§7.2)."""
    attrs = {
        "sid": sid,
        "from": domain,
        "wait": str(begun.wait_s),
        "hold": str(HOLD),
        "requests": str(REQUESTS),
        "inactivity": str(inactivity_s),
        "ver": "1.6",
        "xml:lang": begun.lang,
    }
    shell = serialise(Element("body", attrs, ns=NS.HTTPBIND))[: -len("/>")]
    # XEP-0206 §4: attributes of another namespace, which `Element` does not have.
    xbosh = f" xmlns:xmpp='{NS.XBOSH}' xmpp:version='1.0' xmpp:restartlogic='true'"
    return f"{shell}{xbosh}>{content}</body>"


def terminated(condition: str = "", content: str = "", *, reason: str = "") -> str:
    """The last body of a session (§13, §17.2); `reason` is for people, clients pass it over."""
    if reason:
        content += serialise(Element("text", {"xml:lang": "en"}, reason, ns=NS.STREAM_ERRORS))
    attrs = {"type": "terminate"}
    if condition:
        attrs["condition"] = condition
    return answer(content, attrs)
