"""IQs to rooms and between their occupants (XEP-0045 §6.4, §9, §10, §17.4).

Finds the room and hands on what is asked; whether that may be is decided there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tertulia.rooms.administration import Configuration, read_items
from tertulia.rooms.discovery import room_info
from tertulia.rooms.errors import NotInRoom
from tertulia.rooms.events import Delivery
from tertulia.rooms.occupant import Affiliation, Occupant
from tertulia.rooms.room import Room
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import BadRequest, ItemNotFound, JidMalformed
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Router
from tertulia.xmpp.services import IqTable, pong
from tertulia.xmpp.stanza import address
from tertulia.xmpp.xml import Element


class RoomRequests:
    """The IQs of one MUC domain."""

    def __init__(
        self,
        router: Router,
        rooms: Mapping[str, Room],
        *,
        carry_out: Callable[[Room, Sequence[Delivery], Sequence[Occupant]], None],
        configured: Callable[[Room, Configuration, Occupant], None],
        relayed: Callable[[Room, Occupant, Occupant, Element], None],
    ) -> None:
        """
        Args:
            rooms: the open ones, by node.
            carry_out: sends what a room said, and accounts for who left or changed since.
            configured: told the room, its configuration of before and who has changed it.
            relayed: told the room, who asked whom, and the request.
        """
        self._router = router
        self._rooms = rooms
        self._carry_out = carry_out
        self._configured = configured
        self._relayed = relayed
        self._afterwards: list[Callable[[], None]] = []  # what follows the result of an IQ
        self._iqs = iqs = IqTable()
        iqs.on("get", "ping", NS.PING, pong)
        iqs.on("get", "query", NS.DISCO_INFO, self._disco_info)
        iqs.on("get", "query", NS.DISCO_ITEMS, lambda *_: Element("query", ns=NS.DISCO_ITEMS))
        iqs.on("get", "query", NS.MUC_ADMIN, self._list_affiliated)
        iqs.on("set", "query", NS.MUC_ADMIN, self._administer)
        iqs.on("get", "query", NS.MUC_OWNER, self._get_form)
        iqs.on("set", "query", NS.MUC_OWNER, self._configure)

    def take(self, request: Element) -> None:
        """An IQ to a room itself."""
        answer = self._iqs.answer(request)
        if answer is not None:
            self._router.route(answer)
        # First the result, then what it changed (reference 4.7, 4.8).
        afterwards, self._afterwards = self._afterwards, []
        for each in afterwards:
            each()

    def relay(self, sender: Jid, to: Jid, stanza: Element) -> None:
        """Pass an IQ, or its answer, between two occupants with the sender's name in the room.

        XEP-0045 §17.4: nothing is kept about it, since an answer goes the same way back. Nothing
        in it is changed either (Jingle between two clients is theirs alone).

        Raises: NotInRoom, ItemNotFound.
        """
        is_answer = stanza.get("type") in ("result", "error")
        room = self._rooms.get(to.node)
        occupant = None if room is None else room.occupant_of(sender)
        peer = None if room is None else room.occupant(to.resource)
        if room is None or occupant is None or peer is None:
            if is_answer:
                return
            if room is not None and occupant is None:
                raise NotInRoom
            raise ItemNotFound("no such occupant")
        if peer is occupant and not is_answer and stanza.find("ping", NS.PING) is not None:
            answer = self._iqs.answer(stanza)  # XEP-0410: "am I still in the room?"
            if answer is not None:
                self._router.route(answer)
            return
        attrs = {"from": f"{room.jid}/{occupant.nick}", "to": str(peer.jid)}
        relayed = Element("iq", {**stanza.attrs, **attrs}, ns=NS.CLIENT)
        relayed.children = stanza.children
        self._router.route(relayed)
        if not is_answer:
            self._relayed(room, occupant, peer, stanza)

    def _disco_info(self, query: Element, request: Element) -> Element:
        room, sender = self._addressed(request)
        if query.get("node"):
            raise ItemNotFound("no such node")
        return room_info(room, for_occupant=room.occupant_of(sender) is not None).build()

    def _list_affiliated(self, query: Element, request: Element) -> Element:
        room, sender = self._addressed(request)
        item = query.find("item")
        try:
            affiliation = Affiliation("" if item is None else item.get("affiliation"))
        except ValueError:
            raise BadRequest("one item with an affiliation was expected") from None
        items = [
            Element("item", {"affiliation": str(affiliation), "jid": str(jid)})
            for jid in room.affiliated(sender, affiliation)
        ]
        return Element("query", {}, *items, ns=NS.MUC_ADMIN)

    def _administer(self, query: Element, request: Element) -> None:
        room, sender = self._addressed(request)
        items = read_items(query)
        before = room.occupants()
        self._answer_first(room, room.administer(sender, items), before)

    def _get_form(self, query: Element, request: Element) -> Element:
        room, sender = self._addressed(request)
        room.may_configure(sender)
        return room.configuration.form()

    def _configure(self, query: Element, request: Element) -> None:
        room, sender = self._addressed(request)
        destroy = query.find("destroy")
        if destroy is not None:
            reason = destroy.find("reason")
            before = room.occupants()
            text = "" if reason is None else reason.text
            alternate = address(destroy.get("jid"))
            goes_to = "" if alternate is None else str(alternate)
            deliveries = room.destroy(sender, reason=text, alternate=goes_to)
            self._answer_first(room, deliveries, before)
            return
        form = query.find("x", NS.DATA_FORMS)
        if form is None or form.get("type") not in ("submit", "cancel"):
            raise BadRequest("a submitted form was expected")
        if form.get("type") == "submit":
            actor, old = room.may_configure(sender), room.configuration
            deliveries = room.configure(sender, old.changed(form))
            self._answer_first(room, deliveries, ())
            self._afterwards.append(lambda: self._configured(room, old, actor))

    def _answer_first(
        self, room: Room, deliveries: Sequence[Delivery], before: Sequence[Occupant]
    ) -> None:
        self._afterwards.append(lambda: self._carry_out(room, deliveries, before))

    def _addressed(self, request: Element) -> tuple[Room, Jid]:
        sender, to = address(request.get("from")), address(request.get("to"))
        if sender is None or to is None:
            raise JidMalformed("a room's address was expected")
        room = self._rooms.get(to.node)
        if room is None:
            raise ItemNotFound("no such room")
        return room, sender
