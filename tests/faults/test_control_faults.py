"""The control process is killed under a meeting that listens, and started again.

Figures: security reference A4, row F2.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

from tests.conftest import RunningServer
from tests.faults.conftest import within
from tests.faults.meeting import Meeting, meeting
from tests.faults.seats import Line, moves, opened, send_away, stay_of, told
from tests.faults.site import bridge_statistics, killed, site, started_again, written_down
from tests.heavy import heavy

from tertulia import certificates
from tertulia.client import Disconnected
from tertulia.xmpp.client import XmppClient
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.trust import Trust
from tertulia.xmpp.xml import Element, serialise


async def test_f2_a_killed_control_process_costs_neither_media_nor_seats(tmp_path: Path) -> None:
    async with site(tmp_path) as (server, _), meeting(f"{server.url}f2") as held:
        (bridge,) = server.bridge_pids()
        endpoints = {name: person.id for name, person in held.people.items()}
        mark, began = held.mark(), time.monotonic()

        await killed(server)

        await held.until_all_hear_all(since=time.monotonic())
        again = await started_again(server)
        try:
            await again.logged(f"Adopted process: bridge local pid={bridge}")
            await seated(again, len(held.people))
            await held.until_all_hear_all(since=time.monotonic())
            within(held.gap(began, time.monotonic()), 1.0, "F2, longest silence")
            assert held.moves(mark) == dict.fromkeys(held.people, 0)
            assert {name: person.id for name, person in held.people.items()} == endpoints
            held.assert_nobody_left()
        finally:
            assert await again.stop() == 0
        assert not (server.data / "bridge.sock").exists()  # it has ended too


async def test_a_restart_on_purpose_costs_neither_media_nor_seats(tmp_path: Path) -> None:
    async with site(tmp_path) as (first, _):
        pass  # it has chosen its port
    server = await started_again(first)
    try:
        async with meeting(f"{server.url}usr2", ("Ana", "Bea")) as held:
            (bridge,) = server.bridge_pids()
            mark, line = held.mark(), len(server.log)

            server.process.send_signal(signal.SIGUSR2)

            line = await server.logged(f"Adopted process: bridge local pid={bridge}", after=line)
            for _ in held.people:
                line = await server.logged("Occupant is back: room=", after=line, within_s=60.0)
            await held.until_all_hear_all(since=time.monotonic())
            assert held.moves(mark) == {"Ana": 0, "Bea": 0}
            held.assert_nobody_left()
    finally:
        assert await server.stop() == 0


async def seated(server: RunningServer, people: int) -> float:
    """Wait until so many are back in their seats; return when the last one was (`time.time`)."""
    line = 0
    for _ in range(people):
        line = await server.logged("Occupant is back: room=", after=line, within_s=60.0)
    found = re.match(r"time=(\S+) ", server.log[line - 1])
    assert found is not None
    return datetime.fromisoformat(found[1]).timestamp()


TEN = ("Ana", "Bea", "Cyd", "Dan", "Eva", "Fay", "Gus", "Hal", "Ida", "Jan")
GROUPS = (TEN[:4], TEN[4:7], TEN[7:])


@heavy
async def test_f2_ten_people_with_breakout_rooms_and_all_that_hangs_on_a_room(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as (server, _), meeting(f"{server.url}f2ten", TEN) as held:
        ana = Line.of(held.people["Ana"])
        await into_groups(held, ana)
        await arranged(held, ana)
        zoe = await knocking(server, ana.room)
        await held.until_all_hear_all(since=time.monotonic(), groups=GROUPS, silent=("Dan",))
        lines = [Line.of(held.people[group[0]]) for group in GROUPS]
        before = [await line.view() for line in lines]
        await written_down(server)
        mark, began = held.mark(), time.monotonic()

        await killed(server)

        await asyncio.sleep(2.0)
        started = time.time()
        again = await started_again(server)
        try:
            back = await seated(again, len(TEN))
            within(back - started, 10.0, "F2, ten people, all are seated again after the start")
            await zoe.until("an answer", answered(zoe))
            assert [await line.view() for line in lines] == before
            await held.until_all_hear_all(since=time.monotonic(), groups=GROUPS, silent=("Dan",))
            gap = held.gap(began, time.monotonic(), held.pairs(GROUPS, ("Dan",)))
            within(gap, 1.0, "F2, ten people, longest silence")
            assert held.moves(mark) == dict.fromkeys(TEN, 0)
            assert held.happened(Disconnected) == []
        finally:
            await zoe.xmpp.close()
            assert await again.stop() == 0


async def into_groups(held: Meeting, ana: Line) -> None:
    """Ana opens two breakout rooms and sends three people into each; they go."""
    rooms = await opened(ana, "Tables", "Chairs")
    there = [(name, room) for group, room in zip(GROUPS[1:], rooms, strict=True) for name in group]
    for name, room in there:
        send_away(ana, stay_of(held.people[name]).jid, room)
    for name, room in there:
        await moves(held.people[name], room)


async def arranged(
    held: Meeting,
    ana: Line,
    groups: Sequence[Sequence[str]] = GROUPS,
    *,
    moderated: str = "video",
) -> None:
    """A password, a lobby, media one asks for, a poll with a vote, a raised hand, a muted one."""
    await ana.asks(
        ana.room,
        "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data'"
        " type='submit'><field var='muc#roomconfig_roomsecret'><value>s3cret</value></field>"
        "<field var='muc#roomconfig_membersonly'><value>true</value></field></x></query>",
    )
    ana.send(
        "<message to='avmoderation.localhost'><av_moderation xmlns='http://jitsi.org/jitmeet'"
        f" mediaType='{moderated}' enable='true'/></message>"
    )
    ana.send(polls({"command": "new-poll", "question": "Tea?", "answers": TEA}))
    bea = Line.of(held.people["Bea"])
    await bea.until("the poll", lambda stanza: "new-poll" in told(stanza))
    bea.send(polls({"command": "answer-poll", "answers": [True, False]}))
    stay = stay_of(held.people["Bea"])
    hand = Element("jitsi_participant_raisedHand", {}, "1700000000000")
    stay.send_presence((*held.people["Bea"]._presence(), hand))
    await ana.until("the hand", lambda stanza: "raisedHand" in told(stanza))
    dan = ana.room.with_resource(held.people["Dan"].id)
    await ana.asks(
        ana.room.with_resource("focus"),
        f"<mute xmlns='http://jitsi.org/jitmeet/audio' jid='{dan}'>true</mute>",
    )
    quiet = time.monotonic()
    await held.until_all_hear_all(since=quiet, groups=groups, silent=("Dan",))


TEA = [{"name": "yes"}, {"name": "no"}]


def polls(command: dict[str, object]) -> str:
    text = escape(json.dumps({"type": "polls", "pollId": "p1", **command}))
    payload = f"<json-message xmlns='http://jitsi.org/jitmeet'>{text}</json-message>"
    return f"<message type='chat' to='polls.localhost'>{payload}</message>"


async def knocking(server: RunningServer, room: Jid) -> Line:
    """Somebody who waits in the lobby."""
    xmpp = XmppClient(resumes=True)
    certificate = certificates.kept(server.data, ["localhost"])
    trust = Trust.pinned(certificate.fingerprint)
    url = f"wss://localhost:{server.port}/xmpp-websocket"
    await xmpp.connect(url, domain="localhost", trust=trust)
    lobby = Jid(room.node, "lobby.localhost")
    zoe = Line(xmpp, lobby, "zoe")
    nick = "<nick xmlns='http://jabber.org/protocol/nick'>Zoe</nick>"
    muc = "<x xmlns='http://jabber.org/protocol/muc'/>"
    zoe.send(f"<presence to='{lobby}/zoe'>{muc}{nick}</presence>")
    await zoe.until("into the lobby", lambda stanza: "110" in serialise(stanza))
    return zoe


def answered(zoe: Line) -> Callable[[Element], bool]:
    """Zoe says something more about herself: only who is in the lobby still may."""
    zoe.got.clear()
    nick = "<nick xmlns='http://jabber.org/protocol/nick'>Zoe Z</nick>"
    zoe.send(f"<presence to='{zoe.room}/zoe'>{nick}</presence>")
    return lambda stanza: stanza.get("type") != "error" and "Zoe Z" in serialise(stanza)


async def test_a_bridge_whose_server_does_not_come_back_ends(tmp_path: Path) -> None:
    async with site(tmp_path, settings={"TERTULIA_BRIDGE_ALONE_S": "1"}) as (server, _):
        place = server.data / "bridge.sock"
        assert place.exists()

        await killed(server)

        deadline = time.monotonic() + 30.0
        while place.exists():  # it is no child of ours
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_a_bridge_of_other_settings_is_replaced_when_nobody_is_on_it(tmp_path: Path) -> None:
    async with site(tmp_path) as (server, _):
        (bridge,) = server.bridge_pids()
        await killed(server)
        again = await started_again(server, None, "--set", "bridge.region=elsewhere")
        try:
            line = await again.logged(f"Adopted process: bridge local pid={bridge}")
            line = await again.logged("Started process: bridge local", after=line)
            await again.logged("region=elsewhere", after=line)
            assert (await bridge_statistics(again, after=line))["region"] == "elsewhere"
        finally:
            assert await again.stop() == 0
