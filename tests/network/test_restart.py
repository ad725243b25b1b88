"""The path of a running call dies: ICE is restarted in place, and the same session goes on."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.async_api import async_playwright
from tests.browser.people import person
from tests.network.namespaces import Namespace, connect
from tests.network.people import PORT, browsing, path_of, serving, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")

WITHIN_S = 30.0
_CONNECTED = re.compile(r"ICE connected: .* remote=10\.9\.1\.2:(\d+)")


def close_flows(namespace: Namespace, ports: set[int]) -> None:
    """From now on datagrams of these ports are lost, as when a router forgets its connections."""
    namespace.call("nft", "add table inet closed")
    listed = ", ".join(map(str, sorted(ports)))
    for hook, side in (("output", "sport"), ("input", "dport")):
        chain = f"on_{hook} {{ type filter hook {hook} priority 0; }}"
        namespace.call("nft", f"add chain inet closed {chain}")
        namespace.call("nft", f"add rule inet closed on_{hook} udp {side} {{ {listed} }} drop")


async def test_a_path_that_died_is_replaced_and_the_same_session_goes_on(tmp_path: Path) -> None:
    with Namespace() as there, Namespace() as office:
        connect(there, office, "10.9.1")
        # Without TCP, which browsers may have in reserve: only new sockets help.
        alone = ("--set", "p2p.enabled=false", "--set", "media.tcp=false")
        async with (
            serving(there, tmp_path, ["10.9.1.1"], *alone) as server,
            async_playwright() as playwright,
            browsing(office, playwright, tmp_path) as browser,
        ):
            ana, bea = await person(browser, "Ana"), await person(browser, "Bea")
            for each in (ana, bea):
                await each.open_directly(f"https://10.9.1.1:{PORT}/", "plaza")
            for each in (ana, bea):
                await each.until_seeing_and_hearing(1)
            used = [int(found[1]) for line in server.log if (found := _CONNECTED.search(line))]
            logged = len(server.log)

            close_flows(office, set(used))
            began = time.monotonic()
            done = await server.logged("ICE restarted", after=logged, within_s=WITHIN_S)
            await server.logged("ICE restarted", after=done, within_s=WITHIN_S)
            for each in (ana, bea):
                await each.until_seeing(1)
            print(f"paths dead to pictures again: {time.monotonic() - began:.1f} s")

            assert (await path_of(ana))["protocol"] == "udp"
            # Nobody was invited anew: that is the last resort.
            assert not any("Endpoint connected" in line for line in server.log[logged:])
