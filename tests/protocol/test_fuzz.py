"""Almost right stanzas from one client into a whole server: nobody else pays for them.

Three clients in memory on router, rooms and parts. What one of them sends is made of the stanzas of
all transcripts, cut, doubled, spliced and with wrong bytes; now and then its connection breaks and
it resumes or comes anew. It may be refused or sent away. The other two hear nothing that is no
stanza, stay in the room, and are answered at once.

FUZZ_SECONDS (3) says for how long; a failure names its seed, and FUZZ_SEED repeats it.
"""

from __future__ import annotations

import os
import random
import re
import time
from pathlib import Path

from tests.protocol.backends import Assembly, MemoryWire
from tests.protocol.transcript import SM, log_in, read

from tertulia.xmpp.jid import Jid
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.xml import parse_document

HERE = Path(__file__).parent
SECONDS = float(os.environ.get("FUZZ_SECONDS", "3"))
ROOM = "plaza@conference.meet.example"
STANZAS_EACH = 40
TOKENS = (
    "<", ">", "/>", "'", '"', "&", "&amp;", "&#0;", "\x00", "\ufffe", "]]>", "<![CDATA[", "<!--",
    " xmlns=''", " xmlns='jabber:client'", " type='set'", " to=''", " from='x@y/z'", " id=''",
    "<body/>", "<x xmlns='http://jabber.org/protocol/muc'/>", "\U0001f600", "9" * 30, "-1",
    "x" * 999,
)  # fmt: skip
FRAMES = (
    f"<enable xmlns='{SM}' resume='true'/>",
    f"<r xmlns='{SM}'/>",
    f"<a xmlns='{SM}' h='0'/>",
    f"<a xmlns='{SM}' h='4294967295'/>",
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='meet.example' version='1.0'/>",
    "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
)


def corpus() -> list[str]:
    """What clients say in the transcripts, with their variables filled in."""
    found: list[str] = []
    for path in sorted(HERE.glob("*.txt")):
        for step in read(path):
            said = re.fullmatch(r"\w+ > (.*)", step.text, re.DOTALL)
            if said:
                text = said[1].replace("{room}", ROOM).replace("{host}", "meet.example")
                text = re.sub(r"\{\w+\.id\}", "ana", text)
                found.append(re.sub(r"\{[\w.]+\}", ROOM, text))
    return [*found, *FRAMES]


CORPUS = corpus()


def mutated(rng: random.Random) -> str:
    text = rng.choice(CORPUS)
    if "jabber:client" not in text:
        text = re.sub(r"<(iq|message|presence)\b", r"<\1 xmlns='jabber:client'", text, count=1)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
        at, to = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        match rng.randrange(6):
            case 0:
                text = text[:at] + rng.choice(TOKENS) + text[at:]
            case 1:
                text = text[:at] + text[to:]
            case 2:
                text = text[:to] + text[at:]
            case 3:
                text = text[:at] + chr(rng.randrange(0xD800)) + text[at + 1 :]
            case 4:
                other = rng.choice(CORPUS)
                text = text[:at] + other[rng.randrange(len(other)) :]
            case _:
                found = re.findall(r"'[^']*'", text)
                if found:
                    text = text.replace(rng.choice(found), f"'{rng.choice(TOKENS)}'", 1)
    return text[:100_000]


class House:
    """A server, its room, and three clients in it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.server = Assembly()
        self.server.focus.open(Jid.parse(ROOM))
        self.sm_id = ""

    async def connect(self, nick: str, previd: str = "") -> MemoryWire:
        wire = MemoryWire(self.server, XmppLimits(), previd)
        await log_in(wire, self.server.host)
        await self.join(wire, nick)
        return wire

    async def join(self, wire: MemoryWire, nick: str) -> None:
        x = "<x xmlns='http://jabber.org/protocol/muc'/>"
        await wire.send(f"<presence xmlns='jabber:client' to='{ROOM}/{nick}'>{x}</presence>")

    async def misbehave(self) -> None:
        wire = await self.connect("ana")
        for _ in range(STANZAS_EACH):
            chance = self.rng.random()
            if wire.is_over or chance < 0.02:
                await wire.drop()
                self.server.sessions.check(self.rng.choice((5.0, 11.0, 70.0)))
                wire = await self.connect("ana", self.sm_id if self.rng.random() < 0.5 else "")
            elif chance < 0.05 and self.sm_id:
                await wire.send(f"<resume xmlns='{SM}' previd='{self.sm_id}' h='0'/>")
            else:
                await wire.send(mutated(self.rng))
            for text in wire.taken():
                found = re.search(r"<enabled [^>]*\bid='([^']*)'", text)
                self.sm_id = found[1] if found else self.sm_id
        await wire.drop()

    async def is_whole(self, wire: MemoryWire, nick: str) -> None:
        """What came is XML, the client is in the room, and it is answered."""
        for text in wire.taken():
            parse_document(text)
        assert not wire.is_over, f"{nick} was sent away"
        ping = "<ping xmlns='urn:xmpp:ping'/>"
        for to in (self.server.host, f"{ROOM}/{nick}"):
            await wire.send(f"<iq xmlns='jabber:client' type='get' id='p' to='{to}'>{ping}</iq>")
            answers = [e for e in map(parse_document, wire.taken()) if e.get("id") == "p"]
            assert [e.get("type") for e in answers] == ["result"], f"{nick}: {answers}"


async def test_fuzz_nobody_else_pays_for_what_one_client_sends() -> None:
    seed = int(os.environ.get("FUZZ_SEED", str(random.SystemRandom().randrange(2**32))))
    until = time.monotonic() + SECONDS
    while True:
        house = House(seed)
        bea, cai = await house.connect("bea"), await house.connect("cai")
        try:
            await house.misbehave()
            await house.is_whole(bea, "bea")
            await house.is_whole(cai, "cai")
        except Exception as error:
            raise AssertionError(f"FUZZ_SEED={seed}: {type(error).__name__}: {error}") from error
        if time.monotonic() > until or "FUZZ_SEED" in os.environ:
            return
        seed += 1
