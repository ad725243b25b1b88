"""What a domain answers by itself: ping, discovery, version, external services.

`IqTable` is the dispatch that other services on a domain use too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import tertulia
from tertulia.errors import PeerError
from tertulia.xmpp import ns as NS
from tertulia.xmpp.disco import DiscoInfo, Identity
from tertulia.xmpp.errors import BadRequest, Forbidden, ItemNotFound, ServiceUnavailable
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Router
from tertulia.xmpp.stanza import address, payload_of, refusal
from tertulia.xmpp.xml import Element, iq_result

# Takes the request's payload and the whole request; gives the payload of the result.
IqHandler = Callable[[Element, Element], Element | None]


class IqTable:
    """IQ handlers by type and payload."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[str, str, str], IqHandler] = {}

    def on(self, kind: str, name: str, ns: str, handler: IqHandler) -> None:
        self._handlers[kind, name, ns] = handler

    def answer(self, request: Element) -> Element | None:
        """The answer to an IQ; None for results and errors, which get none.

        Raises: nothing; what a handler refuses with a PeerError becomes the error answer.
        """
        kind = request.get("type")
        if kind not in ("get", "set"):
            return None
        payload = payload_of(request)
        try:
            if payload is None:
                raise BadRequest("a request has one child element")
            handler = self._handlers.get((kind, payload.name, payload.ns))
            if handler is None:
                raise ServiceUnavailable(f"{payload.ns[:200]} is not offered here")
            result = handler(payload, request)
        except PeerError as error:
            return refusal(request, error)
        return iq_result(request, *(() if result is None else (result,)))


def pong(_: Element, __: Element) -> None:
    """XEP-0199: an empty result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalService:
    """One STUN or TURN server to tell clients of (XEP-0215; signalling reference 1.11)."""

    type: str
    host: str
    port: int
    transport: str = "udp"
    username: str = ""
    password: str = ""
    expires: str = ""  # UTC, as in XEP-0082

    def build(self) -> Element:
        attrs = {
            "type": self.type,
            "host": self.host,
            "port": str(self.port),
            "transport": self.transport,
        }
        if self.username:
            attrs |= {"username": self.username, "password": self.password, "restricted": "1"}
        if self.expires:
            attrs["expires"] = self.expires
        return Element("service", attrs)

    def as_json(self) -> dict[str, str]:
        """As the metadata of rooms has it (signalling reference 6.8)."""
        return dict(self.build().attrs)


ShortLivedToken = Callable[[str, Jid], ExternalService]


def _no_tokens(service: str, sender: Jid) -> ExternalService:
    raise ItemNotFound("there are no tokens for that")


def no_external_services(name: str) -> Sequence[ExternalService]:
    return ()


class DomainServices:
    """A domain that clients log in to: its own answers, and its users' when they are not there."""

    def __init__(
        self,
        router: Router,
        domain: str,
        *,
        identities: Sequence[Identity] = (),
        features: Sequence[str] = (),
        items: Sequence[str] = (),
        external_services: Callable[[str], Sequence[ExternalService]] = no_external_services,
        short_lived_token: ShortLivedToken = _no_tokens,
        also: Sequence[str] = (),
        part_features: Sequence[str] = (),
    ) -> None:
        """
        Args:
            part_features: those of components, told together with ours where discovery is pushed.
            also: other domains whose users are told of external services here.
            identities: more of them than `server/im`: the addresses of components.
            items: the addresses that disco#items lists.
            external_services: asked at each request with the name of the account, since
                    credentials are made for it and for the moment.
            short_lived_token: asked with the name of a service and the real full JID; raises
                PeerError.
        """
        self._router = router
        self._domain = domain
        self._items = tuple(items)
        self._users_at = frozenset((domain, *also))
        self._external_services = external_services
        self._short_lived_token = short_lived_token
        self._info = DiscoInfo(
            identities=(
                Identity(category="server", type="im", name="Tertulia"),
                *identities,
            ),
            features=(
                NS.DISCO_INFO,
                NS.DISCO_ITEMS,
                NS.PING,
                NS.VERSION,
                NS.EXTDISCO_1,
                NS.EXTDISCO_2,
                *features,
            ),
        )
        self._all_info = replace(self._info, features=(*self._info.features, *part_features))
        self._iqs = IqTable()
        self._iqs.on("get", "ping", NS.PING, pong)
        self._iqs.on("get", "query", NS.DISCO_INFO, self._disco_info)
        self._iqs.on("get", "query", NS.DISCO_ITEMS, self._disco_items)
        self._iqs.on("get", "query", NS.VERSION, self._version)
        for ns in (NS.EXTDISCO_1, NS.EXTDISCO_2):
            self._iqs.on("get", "services", ns, self._services)
        self._iqs.on("get", "credentials", NS.EXTDISCO_2, self._credentials)

    def handle(self, stanza: Element) -> None:
        """Everything addressed to the domain or to a user without a session of that address."""
        to = address(stanza.get("to"))
        if to is None:
            return
        own = address(stanza.get("from"))
        for_own_account = own is not None and own.bare == to and stanza.name == "iq"
        if to.node and not for_own_account:
            self._router.to_account(stanza, to)
            return
        # Presences to the domain and messages to it mean nothing here: nobody keeps a roster.
        if stanza.name == "iq" and (answer := self._iqs.answer(stanza)) is not None:
            self._router.route(answer)

    def services_for(self, user: Jid) -> Sequence[ExternalService]:
        """STUN and TURN servers, with credentials for this user; none for users of others."""
        return self._external_services(user.node) if user.domain in self._users_at else ()

    def pushed_discovery(self, user: Jid) -> Element:
        """What a stock client takes instead of asking for it (signalling reference 1.8).

        It asks for `external_services` no more either, since they come with a room's metadata.
        """
        attrs = {"from": self._domain, "to": str(user)}
        return Element("message", attrs, self._all_info.build(), ns=NS.CLIENT)

    def _disco_info(self, query: Element, request: Element) -> Element:
        node = query.get("node")
        if node:
            raise ItemNotFound("no such node")
        return self._info.build()

    def _disco_items(self, query: Element, request: Element) -> Element:
        if query.get("node"):
            raise ItemNotFound("no such node")
        items = [Element("item", {"jid": each}) for each in self._items]
        return Element("query", {}, *items, ns=NS.DISCO_ITEMS)

    def _version(self, query: Element, request: Element) -> Element:
        name = Element("name", {}, "Tertulia")
        return Element("query", {}, name, Element("version", {}, tertulia.__version__), ns=query.ns)

    def _services(self, query: Element, request: Element) -> Element:
        wanted = query.get("type")
        sender = address(request.get("from"))
        if sender is None or sender.domain not in self._users_at:
            raise Forbidden("only for those who log in here")
        found = [s.build() for s in self.services_for(sender) if wanted in ("", s.type)]
        return Element("services", {"type": wanted} if wanted else None, *found, ns=query.ns)

    def _credentials(self, query: Element, request: Element) -> Element:
        """XEP-0215 §3.3, as clients ask for short-lived tokens (signalling reference 1.11)."""
        wanted, sender = query.find("service"), address(request.get("from"))
        if wanted is None or sender is None or wanted.get("type") != "short-lived-token":
            raise ItemNotFound("credentials are given with the services")
        found = self._short_lived_token(wanted.get("host"), sender)
        return Element("credentials", {}, found.build(), ns=query.ns)
