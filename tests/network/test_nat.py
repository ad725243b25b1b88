"""A server behind NAT: with its public address people meet, without it the log says why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import async_playwright
from tests.browser.people import person
from tests.heavy import heavy
from tests.network.namespaces import Namespace, connect
from tests.network.people import MEDIA_PORT, PORT, browsing, path_of, serving, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")

INSIDE, PUBLIC = "10.9.1.2", "203.0.113.1"
NO_P2P = ("--set", "p2p.enabled=false")


def nat(router: Namespace, server: Namespace) -> None:
    """Forward the ports of the pages and of media, and masquerade what goes out."""
    router.call("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    server.call("ip", "route", "add", "default", "via", "10.9.1.1")
    router.call("nft", "add table ip nat")
    router.call("nft", "add chain ip nat in { type nat hook prerouting priority -100; }")
    router.call("nft", "add chain ip nat out { type nat hook postrouting priority 100; }")
    for rule in (f"tcp dport {PORT}", f"udp dport {MEDIA_PORT}"):
        router.call("nft", f"add rule ip nat in ip daddr {PUBLIC} {rule} dnat to {INSIDE}")
    router.call("nft", f"add rule ip nat out ip saddr {INSIDE} snat to {PUBLIC}")


@pytest.mark.parametrize(
    "is_told",
    [pytest.param(True, id="with-public"), pytest.param(False, id="without", marks=heavy)],
)
async def test_behind_nat_the_public_address_decides(tmp_path: Path, *, is_told: bool) -> None:
    with Namespace() as there, Namespace() as router, Namespace() as homes:
        connect(router, there, "10.9.1")
        connect(router, homes, "203.0.113")
        nat(router, there)
        advertise = ("--set", f"media.advertise={PUBLIC}") if is_told else ()
        async with (
            serving(there, tmp_path, [INSIDE], *NO_P2P, *advertise) as server,
            async_playwright() as playwright,
            browsing(homes, playwright, tmp_path) as browser,
        ):
            ana, bea = await person(browser, "Ana"), await person(browser, "Bea")
            for each in (ana, bea):
                await each.open_directly(f"https://{PUBLIC}:{PORT}/", "plaza")
            if is_told:
                for each in (ana, bea):
                    await each.until_seeing_and_hearing(1)
                path = await path_of(ana)
                assert (path["protocol"], path["address"]) == ("udp", PUBLIC)
                assert not any("No media arrived" in line for line in server.log)
            else:
                # Nothing of the way back is open either: people inside a NAT are not called.
                line = await server.logged("No media arrived", within_s=40)
                assert f"told={INSIDE}:{MEDIA_PORT}/udp" in server.log[line - 1]
                assert "set media.advertise to the public address" in server.log[line - 1]
