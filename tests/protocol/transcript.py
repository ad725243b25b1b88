"""Transcripts: who says what, and what everybody gets, as text that anybody in the field can read.

    # muc-leave.txt: the others are told, and then oneself (XEP-0045 §7.14)
    room {room} is open
    ana > <presence to="{room}/ana"><x xmlns="http://jabber.org/protocol/muc"/></presence>
    ana < <presence from="{room}/ana"> ... <status code="110"/> ... </presence>

A line that begins with white space continues the one before; other lines that begin with `#` are
comments. The lines:

    NAME > STANZA           NAME sends it. Stanzas get their namespace when none is written.
    NAME < PATTERN          the next thing NAME gets matches (see `pattern`)
    NAME gets nothing       nothing is under way to NAME (shown by a ping that is answered first)
    NAME ignores what came  whatever is under way to NAME is of no interest here
    NAME connects           a fresh connection without a login, to talk about the login itself
    NAME is closed          the server ends NAME's connection
    NAME vanishes           NAME's connection breaks without a word
    NAME enables resumption and gets an id for it, {NAME.sm} (XEP-0198)
    NAME is cut off         NAME's connection breaks, and NAME means to come back
    NAME comes back         on a new connection, logged in, without having bound or resumed
    NAME comes back by SM   the same with somebody's id in the address
    room ROOM is open       the focus is in it
    N seconds pass          for those who are cut off (only where time is made up)

Whoever speaks without having connected is logged in first, as a guest. Variables: `{host}`,
`{room}` (an address that is new for each run) and `{room.node}`, `{NAME}` the full JID of somebody,
`{NAME.bare}`, `{NAME.id}` the endpoint id (first 8 digits), `{NAME.h}` how many stanzas NAME got
since it enabled resumption, `{long}` 4001 characters, and those kept by patterns.

What the focus says besides (offers, its own presence) is skipped unless a pattern asks for it, so
the same transcript runs with the real focus and without; so are the updates of breakout rooms,
which come when they come, what everybody is told of the meeting as a whole (room metadata), and
that the room is another one now (status 104), as the first person hears when the second comes.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.protocol.pattern import Token, match, parse_pattern

from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element, parse_document

FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
SM = "urn:xmpp:sm:3"
WITHIN_S = 30.0
_LINE = re.compile(r"(\w+) ([<>]) (.*)", re.DOTALL)
_DEED = re.compile(
    r"(\w+) (connects|vanishes|is closed|gets nothing|ignores what came|enables resumption"
    r"|is cut off|comes back)(?: by (\S+))?"
)
_ROOM = re.compile(r"room (\S+) is open")
_PASSES = re.compile(r"(\d+) seconds pass")
_VARIABLE = re.compile(r"\{([\w.]+)\}")
_NO_NS = re.compile(r"<(iq|message|presence)(?![^>]*\sxmlns=)")


class Closed(Exception):
    """The server has ended the connection."""


class Wire(Protocol):
    """One connection, as a backend gives it: frames as text, without a login."""

    async def send(self, text: str) -> None: ...

    async def receive(self) -> str:
        """The next frame. Raises: Closed."""

    async def drop(self) -> None:
        """End the connection without a word."""


class Backend(Protocol):
    """Something that transcripts run against."""

    host: str

    async def connect(self, name: str, previd: str = "") -> Wire:
        """A connection; `previd` goes into its address."""

    async def open_room(self, room: Jid) -> None:
        """Have the focus enter a room."""

    async def pass_time(self, seconds: float) -> None:
        """Have time pass for the server."""


@dataclass
class Person:
    """Somebody in a transcript."""

    wire: Wire
    jid: str = ""
    kept: deque[Element] = field(default_factory=deque)  # read while something else was awaited
    got: int = 0  # stanzas

    async def next(self) -> Element:
        if self.kept:
            return self.kept.popleft()
        async with asyncio.timeout(WITHIN_S):
            element = parse_document(await self.wire.receive())
        self.got += element.name in ("iq", "message", "presence")
        return element


@dataclass(frozen=True)
class Step:
    number: int
    text: str


def read(path: Path) -> list[Step]:
    """The steps of a transcript; its first line is its title."""
    steps: list[Step] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace() and steps:
            before = steps.pop()
            steps.append(Step(before.number, f"{before.text}\n{line.strip()}"))
        else:
            steps.append(Step(number, line.strip()))
    return steps


async def log_in(wire: Wire, host: str) -> str:
    """Log in as a guest and bind; the full JID."""
    await authenticate(wire, host)
    return await bind(wire)


async def bind(wire: Wire) -> str:
    """After a login; the full JID. What is told before the answer (1.8) is passed over."""
    request = (
        "<iq xmlns='jabber:client' type='set' id='b'>"
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
    )
    answer = await ask(wire, request, 1)
    while answer.startswith("<message"):
        answer = await ask(wire, "", 1)
    found = re.search("<jid>(.*)</jid>", answer)
    assert found, f"no address was bound: {answer}"
    return found[1]


async def authenticate(wire: Wire, host: str) -> None:
    """Log in as a guest; what follows is to bind or to resume."""
    opening = f"<open xmlns='{FRAMING}' to='{host}' version='1.0'/>"
    anonymous = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>"
    for request, answers in ((opening, 2), (anonymous, 1), (opening, 2)):
        await ask(wire, request, answers)


async def ask(wire: Wire, request: str, answers: int) -> str:
    """Send a request, unless it is empty; the last of so many answers."""
    if request:
        await wire.send(request)
    answer = ""
    for _ in range(answers):
        async with asyncio.timeout(WITHIN_S):
            answer = await wire.receive()
    return answer


class Performance:
    """One run of one transcript."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._people: dict[str, Person] = {}
        room = f"plaza-{uuid.uuid4().hex[:8]}@conference.{backend.host}"
        self._names = {"host": backend.host, "room": room, "long": "x" * 4001}
        self._names["room.node"] = room.partition("@")[0]
        self._pings = 0

    async def run(self, path: Path) -> None:
        """Raises: AssertionError that names the line."""
        try:
            for step in read(path):
                try:
                    await self._step(step.text)
                except TimeoutError:
                    raise AssertionError(
                        f"{path.name}:{step.number}: nothing came: {step.text}"
                    ) from None
                except (AssertionError, Closed) as error:
                    raise AssertionError(f"{path.name}:{step.number}: {error}") from None
        finally:
            for person in self._people.values():
                await person.wire.drop()

    async def _step(self, text: str) -> None:
        if line := _LINE.fullmatch(text):
            name, direction, stanza = line.groups()
            person = await self._person(name)
            if direction == ">":
                await person.wire.send(self._outgoing(stanza))
            else:
                await self._expect(name, person, stanza)
        elif deed := _DEED.fullmatch(text):
            await self._DEEDS[deed[2]](self, deed[1], self._filled(deed[3] or ""))
        elif room := _ROOM.fullmatch(text):
            await self._backend.open_room(Jid.parse(self._filled(room[1])))
        elif passes := _PASSES.fullmatch(text):
            await self._backend.pass_time(int(passes[1]))
        else:
            raise AssertionError(f"not a line of a transcript: {text}")

    def _outgoing(self, stanza: str) -> str:
        return _NO_NS.sub(r"<\1 xmlns='jabber:client'", self._filled(stanza), count=1)

    async def _person(self, name: str) -> Person:
        if name not in self._people:
            wire = await self._backend.connect(name)
            person = self._people[name] = Person(wire)
            jid = Jid.parse(await log_in(wire, self._backend.host))
            person.jid = str(jid)
            self._names |= {
                name: str(jid),
                f"{name}.bare": str(jid.bare),
                f"{name}.id": jid.node[:8],
            }
        return self._people[name]

    async def _expect(self, name: str, person: Person, source: str) -> None:
        pattern = parse_pattern(self._filled(source))
        while True:
            element = await person.next()
            names = match(pattern, element)
            if names is not None:
                self._names |= names
                return
            assert _is_noise(element, pattern), f"{name} got\n{element}\ninstead of\n{source}"

    async def _enables(self, name: str, _: str) -> None:
        person = await self._person(name)
        await person.wire.send(f"<enable xmlns='{SM}' resume='true'/>")
        enabled = await person.next()
        assert (enabled.name, enabled.get("resume")) == ("enabled", "true"), f"{name} got {enabled}"
        self._names[f"{name}.sm"] = enabled.get("id")
        person.got = 0

    async def _is_cut_off(self, name: str, _: str) -> None:
        person = self._people[name]
        await person.wire.drop()
        person.kept.clear()

    async def _comes_back(self, name: str, sm_id: str) -> None:
        person = self._people[name]
        person.wire = await self._backend.connect(name, sm_id or self._names[f"{name}.sm"])
        await authenticate(person.wire, self._backend.host)

    async def _connects(self, name: str, _: str) -> None:
        self._people[name] = Person(await self._backend.connect(name))

    async def _vanishes(self, name: str, _: str) -> None:
        await self._people.pop(name).wire.drop()

    async def _is_closed(self, name: str, _: str) -> None:
        person = self._people.pop(name)
        try:
            element = await person.next()
        except Closed:
            return
        raise AssertionError(f"{name} got {element} instead of the end")

    async def _gets_nothing(self, name: str, _: str) -> None:
        for element in await self._under_way(name):
            assert _is_noise(element, None), f"{name} got\n{element}\ninstead of nothing"

    async def _ignores(self, name: str, _: str) -> None:
        await self._under_way(name)

    async def _under_way(self, name: str) -> list[Element]:
        """What comes before the answer to a ping."""
        person = await self._person(name)
        self._pings += 1
        mark = f"runner-{self._pings}"
        await person.wire.send(
            f"<iq xmlns='jabber:client' type='get' to='{self._backend.host}' id='{mark}'>"
            "<ping xmlns='urn:xmpp:ping'/></iq>"
        )
        found = []
        while (element := await person.next()).get("id") != mark:
            found.append(element)
        return found

    def _filled(self, text: str) -> str:
        def value(variable: re.Match[str]) -> str:
            name, _, asked = variable[1].partition(".")
            if asked == "h" and name in self._people:
                return str(self._people[name].got)
            assert variable[1] in self._names, f"{variable[0]} is not known"
            return self._names[variable[1]]

        return _VARIABLE.sub(value, text)

    _DEEDS: dict[str, Callable[[Performance, str, str], Awaitable[None]]] = {  # noqa: RUF012
        "connects": _connects,
        "vanishes": _vanishes,
        "is closed": _is_closed,
        "gets nothing": _gets_nothing,
        "ignores what came": _ignores,
        "enables resumption": _enables,
        "is cut off": _is_cut_off,
        "comes back": _comes_back,
    }


def _is_noise(element: Element, pattern: list[Token] | None) -> bool:
    """Something the focus says of its own accord, how breakout rooms stand by now, or a question
    for our count."""
    if (element.name, element.ns) == ("r", SM):
        return True
    sender = element.get("from")
    if sender.startswith("breakout.") and element.name == "message":
        return any("breakout-rooms/update" in child.text for child in element.elements())
    if element.name == "message" and (sender.startswith("metadata.") or _is_notice(element)):
        return True
    return sender.endswith("/focus") and element.name in ("iq", "presence")


def _is_notice(message: Element) -> bool:
    x = message.find("x", "http://jabber.org/protocol/muc#user")
    status = None if x is None else x.find("status")
    return status is not None and status.get("code") == "104"
