"""What people of a meeting know of it, and ways in which they move about in it, for comparisons."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

from tertulia.client import Participant
from tertulia.client.call import Call
from tertulia.client.stay import Stay
from tertulia.xmpp import ns as NS
from tertulia.xmpp.client import XmppClient
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.stanza import iq
from tertulia.xmpp.xml import Element, parse_document, serialise

_WITHIN_S = 30.0
MUC = Element("x", ns=NS.MUC)


@dataclass
class Line:
    """Somebody's connection, listened to. `person` need not be a participant with media."""

    xmpp: XmppClient
    room: Jid
    nick: str

    def __post_init__(self) -> None:
        self.got: list[Element] = []
        self._news = asyncio.Event()
        self._others = self.xmpp.on_stanza
        self.xmpp.on_stanza = self._arrived

    @classmethod
    def of(cls, person: Participant) -> Line:
        stay = stay_of(person)
        return cls(stay._xmpp, stay._site.room, stay.endpoint)

    def _arrived(self, stanza: Element) -> None:
        self.got.append(stanza)
        self._news.set()
        self._others(stanza)

    async def until(self, what: str, found: Any) -> Element:
        """The first stanza, of those that came already too, that is what was wanted."""
        try:
            async with asyncio.timeout(_WITHIN_S):
                while True:
                    for stanza in self.got:
                        if found(stanza):
                            return stanza
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            got = [serialise(each)[:500] for each in self.got[-5:]]
            raise AssertionError(f"{self.nick} did not get {what}: {got}") from None

    def send(self, text: str) -> None:
        self.xmpp.send(parse_document(text.replace(" ", f" xmlns='{NS.CLIENT}' ", 1)))

    async def asks(self, to: Jid | str, payload: str) -> Element:
        return await self.xmpp.request(iq("set", to, parse_document(payload)), _WITHIN_S)

    async def view(self) -> list[str]:
        """All that somebody in the room can know of it: it joins again, and is told everything."""
        self.got.clear()
        own = str(self.room.with_resource(self.nick))
        presence = Element("presence", {"to": own}, MUC, ns=NS.CLIENT)
        self.xmpp.send(presence)

        def is_over(stanza: Element) -> bool:
            return stanza.name == "message" and stanza.find("subject") is not None

        await self.until("the subject", is_over)
        return sorted(told(each) for each in self.got if told(each))


def told(stanza: Element) -> str:
    """A stanza without what may differ: order of attributes and elements, and to whom it goes."""
    if stanza.name == "presence" and not stanza.get("from").endswith("/focus"):
        children = sorted(serialise(_sorted(each)) for each in stanza.elements())
        return f"{stanza.get('from')} {stanza.get('type')} {' '.join(children)}"
    payload = stanza.find("json-message", "*")
    if stanza.name == "message" and payload is not None:
        return f"{stanza.get('from')} {json.dumps(json.loads(payload.text), sort_keys=True)}"
    return ""


def _sorted(element: Element) -> Element:
    element.attrs = dict(sorted(element.attrs.items()))
    element.children.sort(key=lambda each: each if isinstance(each, str) else serialise(each))
    return element


def stay_of(person: Participant) -> Stay:
    assert person._stay is not None
    return person._stay


async def opened(ana: Line, *names: str) -> list[Jid]:
    """A moderator opens breakout rooms of these names."""
    for name in names:
        order = f"type='features/breakout-rooms/add' subject='{name}'"
        ana.send(f"<message to='breakout.localhost'><breakout_rooms {order}/></message>")

    def has_all(stanza: Element) -> bool:
        return all(f'"name": "{name}"' in told(stanza) for name in names)

    update = json.loads(told(await ana.until("its rooms", has_all)).partition(" ")[2])
    rooms = {each.get("name"): Jid.parse(each["jid"]) for each in update["rooms"].values()}
    return [rooms[name] for name in names]


def real_jid(line: Line, endpoint: str) -> Jid:
    """Of somebody in the room, as its presence told it."""
    for stanza in line.got:
        x = stanza.find("x", NS.MUC_USER)
        item = None if x is None else x.find("item")
        if item is not None and stanza.get("from").endswith(f"/{endpoint}"):
            return Jid.parse(item.get("jid"))
    raise AssertionError(f"{endpoint} is not in the room")


def send_away(ana: Line, whom: Jid, room: Jid) -> None:
    """A moderator asks somebody, by the real address, to go to another room; browsers do."""
    order = "type='features/breakout-rooms/move-to-room'"
    ana.send(
        "<message to='breakout.localhost'>"
        f"<breakout_rooms participantJid='{whom}' roomJid='{room}' {order}/></message>"
    )


async def moves(person: Participant, room: Jid) -> None:
    """Go to another room of the same meeting, as clients do: the connection stays the same."""
    stay, former = stay_of(person), stay_of(person)._site.room
    arrived = stay._xmpp.on_stanza

    def from_here(stanza: Element) -> None:
        if stanza.get("from").partition("/")[0] != str(former):
            arrived(stanza)

    stay._xmpp.on_stanza = from_here
    if person._call is not None:
        await person._call.close()
    status = Element("status", {}, "switch_room")
    to = str(former.with_resource(stay.endpoint))
    leaving = Element("presence", {"to": to, "type": "unavailable"}, status, ns=NS.CLIENT)
    stay._xmpp.send(leaving)
    for other in list(person.people.values()):
        person._gone(other.id)
    stay._site = replace(stay._site, room=room)
    person._call = Call(
        person._hub,
        stay,
        person._trust,
        tracks=lambda: list(person._tracks),
        wanted=person._wanted,
        tell=person._tell,
        transport=person._transport,
        connect_timeout_s=person._media_timeout_s,
    )
    await stay._ask_focus()
    stay._admitted = asyncio.get_running_loop().create_future()
    stay.send_presence((MUC, *person._presence_as(stay.endpoint)))
    async with asyncio.timeout(_WITHIN_S):
        answer = await stay._admitted
    assert answer.get("type") != "error", serialise(answer)
