"""focus.H: who asks for a conference is told of one before it enters the room (signalling 3)."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable

from tertulia.errors import PeerError
from tertulia.focus.component import (
    Asked,
    Creators,
    Entrance,
    Ready,
    Visit,
    creator_of,
    requested_room,
)
from tertulia.focus.conference import Conference
from tertulia.focus.orders import Order
from tertulia.focus.settings import FocusAddresses, FocusSettings
from tertulia.focus.totals import Totals
from tertulia.focus.voice import Voice
from tertulia.xmpp import ns as NS
from tertulia.xmpp.disco import DiscoInfo, Identity
from tertulia.xmpp.errors import BadRequest, ItemNotFound, NotAuthorized, ServiceUnavailable
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.stanza import address, payload_of
from tertulia.xmpp.xml import Element, iq_result

log = logging.getLogger("tertulia.focus")

_DISCO = DiscoInfo(
    identities=(Identity(category="component", type="focus", name="focus"),),
    features=(NS.DISCO_INFO, NS.PING, NS.FOCUS),
)


def no_breakouts(room: Jid, asked_by: Jid | None) -> None:
    """Breakout rooms are not held here. Raises: ItemNotFound."""
    raise ItemNotFound("there are no breakout rooms")


class Reception:
    """Says who may have which conference, and sees to it that the focus is in the room first."""

    def __init__(
        self,
        *,
        router: Router,
        voice: Voice,
        addresses: FocusAddresses,
        settings: FocusSettings,
        conferences: dict[Jid, Conference],
        totals: Totals,
        entrance: Entrance,
        meeting_id_of: Callable[[Jid], str | None],
        may_hold_breakout: Callable[[Jid, Jid | None], None],
        on_asked: Callable[[Jid, str], None],
        on_created: Callable[[Jid, int | None, int | None], None],
        new_conference: Callable[[Jid, str, int], Conference],
        carry_out: Callable[[Conference, list[Order]], None],
    ) -> None:
        """
        Args:
            conferences: all there are, by room; new ones are put into it.
            meeting_id_of, may_hold_breakout, on_asked, on_created: as `Focus` has them.
            new_conference: makes one of a room, an id and when it was created (ms).
        """
        self._router = router
        self._voice = voice
        self._addresses = addresses
        self._settings = settings
        self._conferences = conferences
        self._totals = totals
        self._entrance = entrance
        self._meeting_id_of = meeting_id_of
        self._may_hold_breakout = may_hold_breakout
        self._on_asked = on_asked
        self._on_created = on_created
        self._new_conference = new_conference
        self._carry_out = carry_out
        self._creators = Creators(settings.rooms_per_creator)

    def handle(self, stanza: Element) -> None:
        """Take what is addressed to focus.H (`Router.serve`)."""
        if stanza.name != "iq" or stanza.get("type") not in ("get", "set"):
            return
        payload = payload_of(stanza)
        if payload is None:
            self._voice.refuse(stanza, BadRequest("one payload was expected"))
        elif (payload.name, payload.ns) == ("logout", NS.FOCUS) and stanza.get("type") == "set":
            self._log_out(stanza, payload)
        elif (payload.name, payload.ns) != ("conference", NS.FOCUS):
            self._voice.answer(stanza, payload, _DISCO)
        else:
            try:
                answer = self.ask(Asked.of(payload), address(stanza.get("from")))
            except PeerError as error:
                self._voice.refuse(stanza, error)
            else:
                self._voice.send(iq_result(stanza, answer.build()))

    def ask(self, asked: Asked, by: Jid | None, origin: Origin | None = None) -> Ready:
        """Have a conference, and hear when one may come in.

        Args:
            by: a client that is logged in; None when it asks over HTTP.
            origin: how it came then.
        Raises: PeerError.
        """
        self._totals.conference_requests += 1
        try:
            room = requested_room(asked.room, self._addresses.rooms, self._addresses.breakouts)
            if by is not None:
                origin = self._router.origin(by)
            visit = self._let_in(room, by, asked, origin)
            if by is not None:
                self._on_asked(by, asked.machine_uid)
            if not visit.is_refused_by_room:
                is_new = not self._goes_on(room)
                self._open(room, by, origin)
                if is_new:
                    self._on_created(room, asked.audio_muted_from, asked.video_muted_from)
        except PeerError as error:
            # Guests who wait for their host ask again and again.
            level = logging.DEBUG if isinstance(error, NotAuthorized) else logging.INFO
            log.log(level, "Conference refused: room=%r reason=%s", asked.room[:200], error)
            raise
        log.debug("Conference requested: room=%s", room)
        return Ready(
            room=asked.room,
            focus=self._addresses.jid.bare,
            visit=visit,
            has_logins=self._entrance.has_logins,
        )

    def _let_in(self, room: Jid, by: Jid | None, asked: Asked, origin: Origin | None) -> Visit:
        if by is None and origin is None:
            raise BadRequest("the request has no sender")
        is_main = room.domain == self._addresses.rooms
        return self._entrance.ask(
            room if is_main else None,
            by,
            asked,
            is_open=not is_main or self._goes_on(room),
            origin=origin,
        )

    def _goes_on(self, room: Jid) -> bool:
        """Whether there is a meeting, though everybody may be in its breakout rooms."""
        return room in self._conferences or self._meeting_id_of(room) is not None

    def _log_out(self, request: Element, payload: Element) -> None:
        try:
            self._entrance.log_out(payload.get("session-id"))
        except PeerError as error:
            self._voice.refuse(request, error)
        else:
            self._voice.send(iq_result(request, Element("logout", ns=NS.FOCUS)))

    def _open(self, room: Jid, asked_by: Jid | None, origin: Origin | None) -> None:
        """Be in the room before its first occupant may enter (reference signalling 4.3)."""
        is_breakout = room.domain == self._addresses.breakouts
        if is_breakout:
            self._may_hold_breakout(room, asked_by)
        conference = self._conferences.get(room)
        if conference is None:
            if len(self._conferences) >= self._settings.max_conferences:
                raise ServiceUnavailable("no more conferences can be held here (max_conferences)")
            # Breakout rooms have a limit of their own, and whoever comes back opens nothing.
            if not is_breakout and not self._goes_on(room):
                creator = "" if origin is None else creator_of(origin.remote_ip)
                self._creators.count(creator, asyncio.get_running_loop().time())
            conference = self._new_conference(room, str(uuid.uuid4()), time.time_ns() // 1_000_000)
            self._conferences[room] = conference
            self._totals.conferences_created += 1
            self._voice.join(room, *conference.presence())
            conference.meeting_id = self._meeting_id_of(room) or conference.meeting_id
            log.info("Conference created: room=%s meeting=%s", room, conference.meeting_id)
        conference.requested(asyncio.get_running_loop().time(), asked_by)
        self._carry_out(conference, [])
