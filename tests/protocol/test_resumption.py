"""Sessions go on by whatever way their client comes back, and only for whom they are."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path

import pytest
from tests.protocol.backends import Assembly, MemoryWire, OwnBosh, OwnServer, own_server
from tests.protocol.transcript import FRAMING, SM, WITHIN_S, Wire, authenticate, log_in

from tertulia.xmpp.limits import XmppLimits

ENABLE = f"<enable xmlns='{SM}' resume='true'/>"


async def until(wire: Wire, pattern: str) -> re.Match[str]:
    """The first frame that matches."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = re.search(pattern, await wire.receive())
            if found:
                return found


@pytest.mark.parametrize("back_by", ["bosh", "websocket"])
async def test_a_session_changes_its_transport(back_by: str, tmp_path: Path) -> None:
    async with own_server(tmp_path, kind=OwnBosh) as server:
        ways = {
            "bosh": server.connect,
            "websocket": lambda *arguments: OwnServer.connect(server, *arguments),
        }
        first = await ways["websocket" if back_by == "bosh" else "bosh"]("ana")
        jid = await log_in(first, server.host)
        await first.send(ENABLE)
        sm_id = (await until(first, "<enabled [^>]*id='([^']*)'"))[1]
        await first.drop()

        second = await ways[back_by]("ana", sm_id)
        await authenticate(second, server.host)
        await second.send(f"<resume xmlns='{SM}' h='0' previd='{sm_id}'/>")
        await until(second, "<resumed ")
        await second.send(
            f"<message xmlns='jabber:client' to='{jid}' type='chat'><body>it is me</body></message>"
        )

        assert (await until(second, "<message [^>]*from='([^']*)'"))[1] == jid
        await second.drop()


async def log_in_as(server: Assembly, user: str, previd: str = "") -> MemoryWire:
    wire = MemoryWire(server, XmppLimits(), previd)
    domain = f"auth.{server.host}"
    proof = base64.b64encode(f"\0{user}\0secret".encode()).decode()
    auth = f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{proof}</auth>"
    opening = f"<open xmlns='{FRAMING}' to='{domain}' version='1.0'/>"
    for frame in (opening, auth, opening):
        await wire.send(frame)
    wire.taken()
    return wire


async def test_the_session_of_an_account_is_resumed_by_that_account_alone() -> None:
    server = Assembly()
    accounts = server.credentials.domains[f"auth.{server.host}"].accounts
    assert accounts is not None
    accounts.add("eve", "secret")
    bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>desk</resource></bind>"
    first = await log_in_as(server, "bridge")
    await first.send(f"<iq xmlns='jabber:client' type='set' id='b'>{bind}</iq>")
    await first.send(ENABLE)
    sm_id = (await until(first, "<enabled [^>]*id='([^']*)'"))[1]
    await first.drop()
    resume = f"<resume xmlns='{SM}' h='0' previd='{sm_id}'/>"

    eve = await log_in_as(server, "eve", sm_id)
    await eve.send(resume)
    assert "item-not-found" in await eve.receive()
    # Nor does she end it by beginning anew in its name.
    await eve.send(f"<iq xmlns='jabber:client' type='set' id='b'>{bind}</iq>")
    assert "eve@auth" in await eve.receive()
    guest = MemoryWire(server, XmppLimits(), sm_id)
    await authenticate(guest, server.host)
    await guest.send(resume)
    assert "item-not-found" in await guest.receive()

    again = await log_in_as(server, "bridge", sm_id)
    await again.send(resume)
    assert "<resumed " in await again.receive()
