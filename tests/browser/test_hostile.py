"""What a stranger throws at the server costs the people in a meeting nothing.

A meeting of three is under way while packets, stanzas and channel requests of the worst kind
arrive; nobody freezes, nobody is thrown out, and each attack is refused in its own way.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import ssl

import aiohttp
import pytest
from playwright.async_api import Browser
from tests.browser.people import Person, person
from tests.conftest import RunningServer
from tests.heavy import heavy
from tests.hostile.packets import throw

pytestmark = pytest.mark.browser

_TRUSTING = ssl.create_default_context()
_TRUSTING.check_hostname = False
_TRUSTING.verify_mode = ssl.CERT_NONE

_ENTITY_BOMB = (
    '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]>'
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'>&y;</open>"
)
_OPEN = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>"
_BEFORE_LOGIN = "<message xmlns='jabber:client' to='focus.localhost'><body>hi</body></message>"


async def media_address(server: RunningServer) -> tuple[str, int]:
    await server.logged("Media sockets:")
    line = next(line for line in server.log if "Media sockets:" in line)
    found = re.search(r"Media sockets: ([\d.]+):(\d+)", line)
    assert found is not None, line
    return found[1], int(found[2])


async def first_refusal(session: aiohttp.ClientSession, url: str, *frames: str) -> str:
    """Everything the server says to these frames until it closes."""
    said = []
    async with session.ws_connect(url, protocols=("xmpp",)) as ws:
        for frame in frames:
            await ws.send_str(frame)
        async with asyncio.timeout(30):
            async for message in ws:
                said.append(str(message.data))
    return "".join(said)


@heavy  # with everything else the same is done to participants of the Python client (F24)
async def test_three_people_notice_nothing_of_the_attacks(
    browser: Browser, server: RunningServer
) -> None:
    where = f"plaza-{secrets.token_hex(4)}"
    people: list[Person] = []
    for name in ("Ana", "Bea", "Carla"):
        people.append(someone := await person(browser, name))
        await someone.open_directly(server.url, where)
    for someone in people:
        await someone.until_transport("bridge")
        await someone.until_seeing_and_hearing(2)
    (bridge,) = server.bridge_pids()
    ids = [await someone.endpoint for someone in people]

    await throw(await media_address(server))

    base = server.url.replace("https", "wss")
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=_TRUSTING), headers={"Host": f"localhost:{server.port}"}
    ) as session:
        xmpp = base + "xmpp-websocket"
        assert "restricted-xml" in await first_refusal(session, xmpp, _ENTITY_BOMB)
        assert "not-authorized" in await first_refusal(session, xmpp, _OPEN, _BEFORE_LOGIN)
        assert "policy-violation" in await first_refusal(session, xmpp, _OPEN, "<a>" * 70)
        assert "policy-violation" in await first_refusal(
            session, xmpp, _OPEN, f"<auth>{'x' * 70_000}</auth>"
        )
        for path in (
            "colibri-ws/nobody/0000000000000000/aaaaaaaa?pwd=x",
            f"colibri-ws/local/0000000000000000/{ids[0]}?pwd=wrong",
        ):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(base + path)
            assert refused.value.status in (403, 404)

    assert server.bridge_pids() == [bridge]
    for someone in people:
        await someone.until_seeing_and_hearing(2)
        assert (await someone.survey())["participants"] == 3
    assert [await someone.endpoint for someone in people] == ids
