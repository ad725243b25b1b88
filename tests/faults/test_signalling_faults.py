"""Clients that arrive all at once, do not read, or vanish, and who are with them in the room.

Figures: security reference A4, rows F13 and F19.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from bench.synthetic import SyntheticClient, connections
from tests.conftest import RunningServer
from tests.faults.conftest import SLACK, within
from tests.faults.site import Cut, bridge_statistics, site
from tests.heavy import ALL, heavy

CROWD = 200


class Guest(SyntheticClient):
    """A client that can be told to misbehave."""

    async def shout(self, characters: int) -> None:
        """Send a presence of about that size, which goes to everybody."""
        await self._send(self._presence(f"<stuff>{'x' * characters}</stuff>", "{}"))

    async def ping_s(self) -> float:
        """How long the server takes to answer."""
        began = time.monotonic()
        await self._ask("get", self._domain, "<ping xmlns='urn:xmpp:ping'/>", "ping")
        (name,) = [name for name, meaning in self._pending.items() if meaning == "ping"]
        await self._until(lambda: name not in self._pending)
        return time.monotonic() - began


def guest(http: ClientSession, server: RunningServer, room: str, port: int = 0) -> Guest:
    url = f"wss://localhost:{port or server.port}/xmpp-websocket"
    return Guest(http, url, domain=server.host, room=room)


@contextlib.asynccontextmanager
async def present(*guests: Guest) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for each in guests:
            stack.push_async_callback(each.close)
            async with asyncio.timeout(30):
                await each.join()
        yield


@heavy
async def test_f19_a_bell_rings_and_200_people_enter_one_room(tmp_path: Path) -> None:
    async with site(tmp_path) as (server, _), connections() as http:
        crowd = [guest(http, server, "f19") for _ in range(CROWD)]
        began = time.monotonic()

        async def arrive(number: int) -> None:
            await asyncio.sleep(number / CROWD)  # all within one second
            await crowd[number].join()
            await crowd[number].until_accepted()

        try:
            async with asyncio.timeout(90):
                await asyncio.gather(*map(arrive, range(CROWD)))
            within(time.monotonic() - began, 15.0, "F19, 200 people in, sessions accepted")
            assert (await until_statistics(server, "endpoints", CROWD))["conferences"] == 1
        finally:
            await asyncio.gather(*(each.close() for each in crowd))
        statistics = await until_statistics(server, "endpoints", 0)
        assert statistics["conferences"] == 0


async def until_statistics(server: RunningServer, key: str, value: int) -> dict[str, object]:
    deadline = time.monotonic() + 60.0
    while (found := await bridge_statistics(server))[key] != value:
        assert time.monotonic() < deadline, f"{key} is {found[key]}, not {value}"
        await asyncio.sleep(0.25)
    return found


@pytest.mark.parametrize("bytes_per_s", [1000, pytest.param(0, marks=heavy)])
async def test_f13_who_does_not_read_is_cut_off_and_costs_the_others_nothing(
    tmp_path: Path, bytes_per_s: int
) -> None:
    async with (
        site(tmp_path) as (server, _),
        connections() as http,
        Cut(server.port) as line,
    ):
        deaf = guest(http, server, "f13", line.port)
        ana, *loud = (guest(http, server, "f13") for _ in range(1 + LOUD))
        async with present(deaf, ana, *loud):
            for each in (deaf, ana, *loud):
                async with asyncio.timeout(30):
                    await each.until_accepted()
            before = [s for _ in range(10) for s in await shouted_and_answered(ana, loud)]
            heard, logged = ana.traffic.characters, len(server.log)

            line.slow(bytes_per_s)
            during: list[float] = []
            began = time.monotonic()
            while deaf.endpoint in ana.others.present:
                assert time.monotonic() - began < 60.0, "it is still there"
                during += await shouted_and_answered(ana, loud)
            within(time.monotonic() - began, 60.0, "F13, who does not read is cut off")
            # Its queue was full; or else nothing came of it for `silence_s`.
            line_after = await server.logged(f", disconnecting: jid={deaf.jid}", after=logged)
            reason = server.log[line_after - 1].partition("Client ")[2].partition(",")[0]
            assert "outgoing_bytes" in reason or not ALL  # a busy machine may take 10 s for so much
            relayed = ana.traffic.characters - heard
            assert relayed > SHOUT * LOUD * (len(during) / PINGS - 1)  # she heard it all
            assert all(each.endpoint in ana.others.present for each in loud)
            quiet_ms, loud_ms = p99(before) * 1000, p99(during) * 1000
            print(
                f"F13, reads {bytes_per_s} bytes/s: cut off because it {reason}, after"
                f" {relayed / 2**20:.1f} MiB for everybody; ping p99 of another {quiet_ms:.1f} ms"
                f" before, {loud_ms:.1f} ms meanwhile ({loud_ms / quiet_ms:.2f} x)"
            )
            # With other work on the machine only a queue, which would be seconds, is told apart.
            assert loud_ms < quiet_ms * 1.2 + 250 * SLACK
            line.drop()


LOUD, SHOUT, PINGS = 8, 12_000, 5  # people, characters, questions between two rounds of shouting


async def shouted_and_answered(ana: Guest, loud: list[Guest]) -> list[float]:
    """How long one waits for answers while others say as much as they may, a fifth of a second."""
    began = time.monotonic()
    for each in loud:
        await each.shout(SHOUT)
    waited = [await ana.ping_s() for _ in range(PINGS)]
    await asyncio.sleep(max(0.0, began + 0.2 - time.monotonic()))
    return waited


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


@heavy
async def test_f13_a_client_that_vanished_is_no_ghost_after_a_minute(tmp_path: Path) -> None:
    async with (
        site(tmp_path) as (server, _),
        connections() as http,
        Cut(server.port) as line,
    ):
        ana, bea = guest(http, server, "f13x"), guest(http, server, "f13x", line.port)
        async with present(ana, bea):
            async with asyncio.timeout(30):
                await ana.until_accepted()
            cut = time.monotonic()

            line.cut()

            async with asyncio.timeout(60):
                await ana._until(lambda: bea.endpoint not in ana.others.present)
            within(time.monotonic() - cut, 60.0, "F13, a half-open connection is found")
            line.mend()
