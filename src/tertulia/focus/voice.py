"""The focus user as a sender: presences, requests and refusals leave through the router."""

from __future__ import annotations

import itertools

from tertulia.errors import PeerError
from tertulia.focus.conference import FOCUS_NICK
from tertulia.xmpp import ns as NS
from tertulia.xmpp.disco import DiscoInfo
from tertulia.xmpp.errors import ServiceUnavailable
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Router
from tertulia.xmpp.stanza import iq, refusal
from tertulia.xmpp.xml import Element, iq_result


class Voice:
    """Sends at once, in the order of the calls."""

    def __init__(self, router: Router, jid: Jid) -> None:
        self._router = router
        self._jid = jid
        self._ids = itertools.count(1)

    def join(self, room: Jid, *children: Element) -> None:
        self.presence(room, "", Element("x", ns=NS.MUC), *children)

    def leave(self, room: Jid) -> None:
        self.presence(room, "unavailable")

    def presence(self, room: Jid, kind: str, *children: Element) -> None:
        attrs = {"type": kind} if kind else {}
        attrs |= {"to": str(room.with_resource(FOCUS_NICK)), "from": str(self._jid)}
        self.send(Element("presence", attrs, *children, ns=NS.CLIENT))

    def iq(self, kind: str, to: Jid, payload: Element) -> Element:
        """A request, to be sent or asked."""
        stanza = iq(kind, to, payload, stanza_id=f"f{next(self._ids)}")
        stanza.attrs["from"] = str(self._jid)
        return stanza

    def refuse(self, request: Element, error: PeerError) -> None:
        answer = refusal(request, error)
        if answer is not None:
            self.send(answer)

    def answer(self, request: Element, payload: Element, disco: DiscoInfo) -> None:
        """Answer what everybody is asked: XEP-0199 and XEP-0030; refuse anything else."""
        is_get = request.get("type") == "get"
        if is_get and (payload.name, payload.ns) == ("ping", NS.PING):
            self.send(iq_result(request))
        elif is_get and (payload.name, payload.ns) == ("query", NS.DISCO_INFO):
            self.send(iq_result(request, disco.build(payload.get("node"))))
        else:
            self.refuse(request, ServiceUnavailable("the focus does not offer that"))

    def send(self, stanza: Element) -> None:
        self._router.route(stanza)
