"""Clients that arrive all at once, do not read, or vanish, and who are with them in the room.

Figures: security reference A4, rows F13 and F19.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector
from bench.synthetic import SyntheticClient, connections
from tests.conftest import RunningServer
from tests.faults.conftest import within
from tests.faults.site import Cut, bridge_statistics, site
from tests.heavy import heavy

CROWD = 200


class Guest(SyntheticClient):
    """A client that can be told to misbehave."""

    def stop_reading(self) -> None:
        """Leave what comes in the socket: its window closes."""
        assert self._reader is not None
        self._reader.cancel()

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


def small_window(address: tuple[Any, ...]) -> socket.socket:
    """A socket in which little fits, so that what is not read waits at the server at once."""
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    made.setblocking(False)
    return made


async def test_f13_who_does_not_read_is_cut_off_and_costs_the_others_nothing(
    tmp_path: Path,
) -> None:
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    connector = TCPConnector(ssl=unverified, socket_factory=small_window)
    async with (
        site(tmp_path) as (server, _),
        connections() as http,
        ClientSession(connector=connector) as narrow,
    ):
        deaf = guest(narrow, server, "f13")
        ana, bea = guest(http, server, "f13"), guest(http, server, "f13")
        async with present(deaf, ana, bea):
            for each in (deaf, ana, bea):
                async with asyncio.timeout(30):
                    await each.until_accepted()
            quiet = [await ana.ping_s() for _ in range(30)]
            heard = ana.traffic.characters

            deaf.stop_reading()
            pings: list[float] = []
            began = time.monotonic()
            while deaf.endpoint in ana.others.present:
                assert time.monotonic() - began < 60.0, "it is still there"
                await bea.shout(12_000)
                pings.append(await ana.ping_s())
            within(time.monotonic() - began, 60.0, "F13, who does not read is cut off")
            assert ana.traffic.characters - heard > 12_000 * len(pings) * 0.9  # she heard it all
            assert bea.endpoint in ana.others.present
            before, during = p99(quiet), p99(pings)
            print(f"F13, ping p99: {before * 1000:.1f} ms before, {during * 1000:.1f} ms during")
            # A fan-out of 12 kB between two pings is work of its own; a queue would be seconds.
            assert during < before * 1.2 + 0.25


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
