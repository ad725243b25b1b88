"""One stay in the room: from the connection to the server to leaving (reference signalling 1 to 4).

Says what arrives; what it means is decided by `participant`. For the next stay a new one is made.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tertulia.client.capabilities import CAPABILITIES, NODE
from tertulia.client.errors import JoinFailed
from tertulia.client.people import FOCUS_NICK
from tertulia.client.site import Site
from tertulia.client.tracks import Track
from tertulia.errors import ConfigError, MalformedInput, TertuliaError
from tertulia.xmpp import ns as NS
from tertulia.xmpp.client import XmppClient
from tertulia.xmpp.errors import ServiceUnavailable
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle import Jingle
from tertulia.xmpp.stanza import iq, read_error, refusal
from tertulia.xmpp.trust import Trust
from tertulia.xmpp.xml import Element, iq_result

log = logging.getLogger("tertulia.client")

_ASK_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ears:
    """Who hears what arrives in the room."""

    presence: Callable[[Element], None]
    message: Callable[[Element], None]
    jingle: Callable[[str, Jingle], None]  # the sender's occupant JID


class Stay:
    def __init__(self, site: Site, trust: Trust, ears: Ears) -> None:
        self._site = site
        self._trust = trust
        self._ears = ears
        self._xmpp = XmppClient(self._arrived, resumes=True)
        self._admitted: asyncio.Future[Element] | None = None
        self.endpoint = ""  # our nickname in the room
        # Done when the stay is over; True: for good (removed, or the room is gone).
        self.over: asyncio.Future[tuple[str, bool]] = asyncio.get_running_loop().create_future()

    @property
    def jid(self) -> Jid:
        return self._xmpp.jid

    @property
    def focus(self) -> Jid:
        return self._site.room.with_resource(FOCUS_NICK)

    async def enter(self, presence: Callable[[str], Iterable[Element]], password: str) -> None:
        """Connect, ask the focus, enter the room.

        Args:
            presence: the children of our presence, for the endpoint id it is given.
        Raises: JoinFailed; nothing stays open then.
        """
        try:
            await self._enter(presence, password)
        except BaseException:
            await self._xmpp.close()
            raise
        self._xmpp.closed.add_done_callback(lambda closed: self._end(closed.result(), False))

    async def _enter(self, presence: Callable[[str], Iterable[Element]], password: str) -> None:
        site = self._site
        try:
            await self._xmpp.connect(site.web_socket, domain=site.domain, trust=self._trust)
        except (TertuliaError, OSError) as error:
            if isinstance(error, ConfigError):
                raise
            text = f"{site.web_socket}: {error or type(error).__name__}"
            raise JoinFailed("signalling", text) from None
        await self._ask_focus()
        node = self._xmpp.jid.node
        nick = node[:8] if all(each in "0123456789abcdef-" for each in node[:8]) else ""
        while True:
            self.endpoint = nick or secrets.token_hex(4)
            muc = Element("x", ns=NS.MUC)
            if password:
                muc.append(Element("password", {}, password))
            self._admitted = asyncio.get_running_loop().create_future()
            self.send_presence((muc, *presence(self.endpoint)))
            try:
                async with asyncio.timeout(_ASK_S):
                    answer = await self._admitted
            except TimeoutError:
                raise JoinFailed("room", f"{site.room} does not answer") from None
            if answer.get("type") != "error":
                return
            refused = read_error(answer)
            if refused.condition != "conflict" or not nick:
                raise JoinFailed("room", f"not admitted to {site.room}: {refused}")
            nick = ""  # somebody has that nickname: take a random one

    async def _ask_focus(self) -> None:
        ask = Element(
            "conference",
            {"room": str(self._site.room), "machine-uid": secrets.token_hex(16)},
            ns=NS.FOCUS,
        )
        for name in ("rtcstatsEnabled", "visitors-version"):
            value = "1" if name == "visitors-version" else "false"
            ask.append(Element("property", {"name": name, "value": value}))
        try:
            answer = await self._xmpp.request(iq("set", self._site.focus, ask), _ASK_S)
        except TertuliaError as error:
            raise JoinFailed("focus", f"{self._site.focus}: {error}") from None
        found = answer.find("conference", NS.FOCUS)
        if found is None or found.get("ready") != "true":
            raise JoinFailed("focus", f"{self._site.focus} is not ready for {self._site.room}")

    async def leave(self) -> None:
        self._xmpp.send(
            Element(
                "presence",
                {"to": str(self._site.room.with_resource(self.endpoint)), "type": "unavailable"},
                ns=NS.CLIENT,
            )
        )
        await self._xmpp.close()
        self._end("left", True)

    def send_presence(self, children: Iterable[Element]) -> None:
        to = str(self._site.room.with_resource(self.endpoint))
        self._xmpp.send(Element("presence", {"to": to}, *children, ns=NS.CLIENT))

    def say(self, text: str, to: str = "") -> None:
        """A text for the room, or for one occupant."""
        address = self._site.room.with_resource(to) if to else self._site.room
        attrs = {
            "to": str(address),
            "type": "chat" if to else "groupchat",
            "id": secrets.token_hex(8),
        }
        self._xmpp.send(Element("message", attrs, Element("body", {}, text), ns=NS.CLIENT))

    async def ask(self, to: Jid | str, jingle: Jingle) -> None:
        """Send a Jingle action and wait for its result. Raises: StanzaError, IqTimeout, ..."""
        await self._xmpp.request(iq("set", to, jingle.element()), _ASK_S)

    def _end(self, reason: str, is_final: bool) -> None:
        if not self.over.done():
            self.over.set_result((reason, is_final))

    # -- what arrives

    def _arrived(self, stanza: Element) -> None:
        match stanza.name:
            case "presence":
                self._presence(stanza)
            case "message":
                self._ears.message(stanza)
            case "iq" if stanza.get("type") in ("get", "set"):
                self._request(stanza)

    def _presence(self, stanza: Element) -> None:
        nick = stanza.get("from").partition("/")[2]
        kind = stanza.get("type")
        is_own = nick == self.endpoint
        if is_own and self._admitted is not None and not self._admitted.done():
            if kind == "error" or 110 in status_codes(stanza):
                self._admitted.set_result(stanza)
        elif is_own and kind == "unavailable":
            self._end(why_gone(stanza), True)
        if not is_own and kind in ("", "unavailable"):
            self._ears.presence(stanza)

    def _request(self, stanza: Element) -> None:
        query = stanza.find("query", NS.DISCO_INFO)
        found = stanza.find("jingle", NS.JINGLE)
        if query is not None:
            self._xmpp.send(iq_result(stanza, CAPABILITIES.build(query.get("node"))))
        elif found is not None:
            try:
                jingle = Jingle.parse(found)
            except MalformedInput as error:
                self._refuse(stanza, error)
                return
            self._xmpp.send(iq_result(stanza))
            self._ears.jingle(stanza.get("from"), jingle)
        else:
            self._refuse(stanza, ServiceUnavailable())

    def _refuse(self, stanza: Element, error: MalformedInput | ServiceUnavailable) -> None:
        answer = refusal(stanza, error)
        if answer is not None:
            self._xmpp.send(answer)


def status_codes(presence: Element) -> frozenset[int]:
    """The status codes of a MUC presence (XEP-0045 §15.6)."""
    x = presence.find("x", NS.MUC_USER)
    found = () if x is None else x.find_all("status")
    return frozenset(int(each.get("code")) for each in found if each.get("code").isdigit())


def why_gone(presence: Element) -> str:
    """Why the room takes our occupant away, in words."""
    x = presence.find("x", NS.MUC_USER)
    if x is not None and x.find("destroy") is not None:
        return "the meeting has ended"
    return "removed from the meeting" if 307 in status_codes(presence) else "left"


def own_presence(name: str, tracks: Iterable[Track], codecs: str) -> list[Element]:
    """What our presence says besides joining (reference signalling 4.1)."""
    states = {
        track.name: {"muted": track.muted} | ({"videoType": "desktop"} if track.is_screen else {})
        for track in tracks
    }
    return [
        Element("SourceInfo", {}, json.dumps(states, separators=(",", ":"))),
        Element("jitsi_participant_codecList", {}, codecs),
        CAPABILITIES.caps(NODE),
        Element("nick", {}, name, ns=NS.NICK),
    ]
