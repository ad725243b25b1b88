"""Links that carry little at once: tunnels, old lines, lost fragments (security F9)."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import async_playwright
from tests.browser.people import person
from tests.heavy import heavy
from tests.network.namespaces import Namespace, connect
from tests.network.people import PORT, browsing, path_of, serving, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")

# Every fragment, the first one too, before anything could put them together again.
_FRAGMENT = "ip frag-off & 0x3fff != 0"


def watch_fragments(namespace: Namespace, *, drop: bool) -> None:
    namespace.call("nft", "add table ip fragments")
    namespace.call("nft", "add counter ip fragments seen")
    chain = "{ type filter hook prerouting priority -450; }"
    namespace.call("nft", f"add chain ip fragments every {chain}")
    verdict = "drop" if drop else "accept"
    rule = f"add rule ip fragments every {_FRAGMENT} counter name seen {verdict}"
    namespace.call("nft", rule)


def fragments(namespace: Namespace) -> int:
    shown = namespace.call("nft", "list counter ip fragments seen")
    return int(shown.split("packets")[1].split()[0])


@pytest.mark.parametrize(("mtu", "drop"), [(1280, True), pytest.param(576, False, marks=heavy)])
async def test_a_meeting_fits_through_a_narrow_link(
    tmp_path: Path, mtu: int, *, drop: bool
) -> None:
    with Namespace() as there, Namespace() as homes:
        connect(there, homes, "10.9.1", mtu=mtu)
        for each in (there, homes):
            watch_fragments(each, drop=drop)
        async with (
            serving(there, tmp_path, ["10.9.1.1"], "--set", "p2p.enabled=false"),
            async_playwright() as playwright,
            browsing(homes, playwright, tmp_path) as browser,
        ):
            ana, bea = await person(browser, "Ana"), await person(browser, "Bea")
            for person_here in (ana, bea):
                await person_here.open_directly(f"https://10.9.1.1:{PORT}/", "plaza")
            for person_here in (ana, bea):
                await person_here.until_seeing_and_hearing(1)
            assert (await path_of(ana))["protocol"] == "udp"
            print(f"mtu {mtu}: fragments", fragments(there), fragments(homes))
            if drop:  # what we send fits, handshake and pictures alike
                assert fragments(homes) == 0
