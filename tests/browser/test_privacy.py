"""What people say stays between them and the server: no third party is asked, nothing is written.

Rows A5.21 (no contact with third parties by default) and A1.12 (media never reaches the disk) of
the requirements.
"""

from __future__ import annotations

import os
import secrets
import urllib.parse
from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests.browser.people import person
from tests.conftest import RunningServer

pytestmark = pytest.mark.browser

LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
NOWHERE = {"00000000", "0" * 32}


def peers_of(pid: int) -> set[str]:
    """The remote addresses (as the kernel writes them) of a process's TCP and UDP sockets."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    peers = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = row.split()
            if columns[9] in inodes:
                peers.add(columns[2].partition(":")[0])
    return peers


def bytes_written(pid: int) -> int:
    """Bytes a process caused to be sent to storage, ever."""
    rows = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(rows["write_bytes"])


def regular_files_open(pid: int) -> set[str]:
    """Files (not sockets, pipes or devices) a process has open for writing."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            flags = int(descriptor.read_text().split("flags:")[1].split()[0], 8)
            target = str(Path(f"/proc/{pid}/fd/{descriptor.name}").readlink())
        except FileNotFoundError:
            continue
        if flags & os.O_ACCMODE != os.O_RDONLY and target.startswith("/"):
            found.add(target)
    return {each for each in found if not each.startswith(("/dev/", "/proc/"))}


async def test_no_third_party_is_asked_and_no_media_reaches_the_disk(
    browser: Browser, server: RunningServer
) -> None:
    where = f"plaza-{secrets.token_hex(4)}"
    people = []
    hosts: set[str | None] = set()
    for name in ("Ana", "Bea", "Carla"):
        people.append(someone := await person(browser, name))
        someone.page.on(
            "request", lambda request: hosts.add(urllib.parse.urlsplit(request.url).hostname)
        )
        someone.page.on(
            "websocket", lambda socket: hosts.add(urllib.parse.urlsplit(socket.url).hostname)
        )
        await someone.enter(server.url, where)
    for someone in people:
        await someone.until_transport("bridge")
    (bridge,) = server.bridge_pids()
    before = bytes_written(bridge)

    for someone in people:
        await someone.until_seeing(2, more_frames=30)
        await someone.until_hearing(2)

    assert bytes_written(bridge) == before
    assert regular_files_open(bridge) == set()
    assert hosts - {None} == {"localhost"}
    for pid in (server.process.pid, bridge):
        assert peers_of(pid) <= LOOPBACK | NOWHERE
    ice = await people[0].page.evaluate(
        "() => Object.values(window.tertulia.peerConnections()).filter(Boolean)"
        ".flatMap(pc => pc.getConfiguration().iceServers ?? [])"
    )
    assert ice == []
