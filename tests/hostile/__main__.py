"""Hostile participants as a process of their own: `python -m tests.hostile URL ROOM ...`.

They enter a meeting and say `ready`; told to go on, they do their worst, print for each act what
was to come of it and what came of it (one JSON list a line), and say `over`. A process of its own,
so that what they cost themselves is not counted as what they cost others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Iterable

from aiohttp import ClientSession
from bench.synthetic import connections
from tests.hostile import acts, packets
from tests.hostile.acts import Act, Victim
from tests.hostile.channels import NONSENSE, channel, refused, to_all
from tests.hostile.crook import Crook
from tests.hostile.crossing import stolen_channels, through_the_wall
from tests.hostile.media import Oscar

TOO_LARGE = 64 * 1024 + 1


class Gang:
    """All of them in one room, but for two next door."""

    def __init__(self, http: ClientSession, arguments: argparse.Namespace) -> None:
        self._http = http
        self._url = arguments.url.replace("https", "wss") + "xmpp-websocket"
        self._host = "localhost"
        self._room = arguments.room
        self._media = ("127.0.0.1", arguments.media_port)
        self._long_s = arguments.long
        self.oscar = Oscar(f"{arguments.url}{arguments.room}")
        self._inside: list[Crook] = []

    def report(self, act: str, wanted: str, got: str) -> None:
        print(json.dumps([act, wanted, got]), flush=True)

    async def enters(self) -> Crook:
        one = self._crook()
        await one.join()
        await one.until_accepted()
        return one

    def _crook(self, room: str = "") -> Crook:
        return Crook(self._http, self._url, domain=self._host, room=room or self._room)

    async def gather(self, victim_name: str) -> None:
        """Come in and learn who is there."""
        self.mallory, self.trudy = await self.enters(), await self.enters()
        self._inside += [self.mallory, self.trudy]
        self.iago, self.cassio = self._crook("next-door"), self._crook("next-door")
        for each in (self.iago, self.cassio):
            await each.join()
            self._inside.append(each)
        for each in (self.iago, self.cassio):
            await each.until_accepted()
        await self.oscar.enter()
        nick = self.oscar.endpoint_of(victim_name)
        await self.mallory._until(lambda: nick in self.mallory.lines)
        jid, line = self.mallory.real_jids[nick], self.mallory.lines[nick]
        self.victim = Victim(nick, jid, line)

    async def disperse(self) -> None:
        for each in self._inside:
            await each.close()
        await self.oscar.leave()

    async def do_their_worst(self) -> None:
        first: Iterable[Awaitable[None]] = (
            self.is_refused(),
            self.is_cut_off(),
            self.channels(),
            self.floods(),
            self.media(),
            self.comes_and_goes(),
            self.comes_through_the_wall(),
        )
        await asyncio.gather(*first)
        if self._long_s:
            await asyncio.gather(self.never_stops(), self.shouts())

    # -- stanzas

    async def is_refused(self) -> None:
        one, victim, host = self.mallory, self.victim, self._host
        every: list[Act] = [
            *acts.forbidden(one, victim, host),
            *acts.false_names(one, victim, host),
            *acts.malformed(one, host),
        ]
        for act in every:
            await one.say(act.frame())
        for act in every:
            self.report(act.name, act.answer, await one.refusal(act.name))

    async def is_cut_off(self) -> None:
        for name, (make, word) in acts.fatal().items():
            one = await self.enters()
            await one.say(make(one, self.victim))
            self.report(name, word, await one.end())
            await one.close()
        one = await self.enters()
        await one.say_bytes(b"\x00\x01")
        self.report("binary", "bad-format", await one.end())
        await one.close()

    async def floods(self) -> None:
        one, its = self.trudy, self.trudy.own(self.victim.nick)
        line = Act("line", "", "message", one.muc, "<body>spam</body>", acts.TO_ALL)
        names = [f"line{n}" for n in range(75)]
        for name in names:
            await one.say(line.frame(name))
        await one.say(
            Act("whisper", "", "message", its, "<body>spam</body>", "type='chat'").frame()
        )
        for n in range(60):
            await one.say(one._presence("", "{}"))
            await one.say(Act("", "", "iq", self._host, acts.PING, "type='get'").frame(f"ping{n}"))
            await one.say(Act("", "", "iq", its, acts.CALL).frame(f"call{n}"))
            await one.say(Act("", "", "iq", one.own("focus"), acts.CALL).frame(f"sid{n}"))
        for n in range(60):
            self.report("flood-of-pings", "result", await one.refusal(f"ping{n}"))
            self.report("flood-of-jingle", "item-not-found", await one.refusal(f"sid{n}"))
            self.report("flood-at-another", "result", await one.refusal(f"call{n}"))
        refused = [one.errors[name] for name in names if name in one.errors]  # in order: all came
        self.report("flood-of-lines", "40 not-allowed", f"{len(refused) // 10 * 10} {refused[0]}")

    async def never_stops(self) -> None:
        """More than any client may, until somebody ends it (`stanzas_per_s`, `overload_s`)."""
        one = await self.enters()

        async def pings() -> None:
            ping = Act("p", "", "iq", self._host, acts.PING, "type='get'").frame()
            while True:
                await one.say(ping)

        flood = asyncio.create_task(pings())
        word = await one.end(within_s=60.0)
        self.report("never-stops", "policy-violation", word)
        flood.cancel()
        await asyncio.gather(flood, return_exceptions=True)
        await one.close()

    async def comes_and_goes(self) -> None:
        for n in range(20):
            one = self._crook()
            await one.join()
            if n % 2:
                one.vanish()
            else:
                await one.close()

    async def comes_through_the_wall(self) -> None:
        """Who leads the meeting next door attacks this one; somebody of this one its groups."""
        people = (self.trudy, self.mallory)
        said = {"line": self.victim.line, "host": self._host, "report": self.report}
        await through_the_wall(self.iago, self.cassio, people, **said)
        await stolen_channels(self._http, self.iago, self.trudy, self.report)

    # -- channels

    async def channels(self) -> None:
        http, own = self._http, self.mallory.channel
        await self._nonsense(own)
        base, _, query = own.partition("?")
        another = f"{base.rpartition('/')[0]}/{self.victim.nick}?{query}"
        self.report("channel-of-another", "403", await refused(http, another))
        elsewhere = own.replace("/colibri-ws/", "/colibri-ws/no")
        self.report("channel-of-no-bridge", "404", await refused(http, elsewhere))
        async with channel(http, own) as one:
            await one.say(to_all("x" * TOO_LARGE))
            # With 1009, which is lost where the rest of the message is still on its way.
            self.report("channel-large", "closed", (await one.end()).split()[0])
        async with channel(http, own) as one:
            await one.say(*[to_all("x")] * 300)
            self.report("channel-flood", "closed with 1008", await one.end())

    async def _nonsense(self, own: str) -> None:
        async with channel(self._http, own) as one, channel(self._http, self.trudy.channel) as two:
            await one.say(*NONSENSE, '{"colibriClass":"ClientHello"}')
            found = await one.until("ServerHello")
            self.report("channel-nonsense", "ServerHello", str(found["colibriClass"]))
            await one.say(to_all("in another's name"))
            heard = await two.until("EndpointMessage")
            self.report("channel-in-anothers-name", self.mallory.endpoint, str(heard["from"]))

    async def shouts(self) -> None:
        """More for all others than anybody may, again and again (`relayed_bytes_per_s`)."""
        end = asyncio.get_running_loop().time() + self._long_s
        while asyncio.get_running_loop().time() < end:
            async with channel(self._http, self.trudy.channel) as one:
                await one.say(*[to_all("x" * 60_000)] * 20)
                self.report("shouting", "closed", (await one.end()).split()[0])
            await asyncio.sleep(0.2)

    # -- packets

    async def media(self) -> None:
        await packets.throw(self._media)
        if packets.may_forge():
            heard = await packets.overhear(self._media, 300)
            await packets.say_again(heard, self._media)
        await self.oscar.does_its_worst(self.victim.nick)


async def main(arguments: argparse.Namespace) -> None:
    async with connections() as http:
        gang = Gang(http, arguments)
        try:
            await gang.gather(arguments.victim)
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            await gang.do_their_worst()
            print("over", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
        finally:
            await gang.disperse()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("room")
    parser.add_argument("victim", help="the name of somebody in the room")
    parser.add_argument("media_port", type=int)
    parser.add_argument("--long", type=float, default=0.0, help="seconds, for what takes long")
    asyncio.run(main(parser.parse_args()))
