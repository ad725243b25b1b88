"""Servers and browsers in namespaces, for tests of networks that let little through."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Playwright
from tests.browser.people import CHROMIUM, FLAGS, Person
from tests.conftest import RunningServer
from tests.network.namespaces import DIE_WITH_PARENT, Namespace, are_possible, entered

PORT = 8443
MEDIA_PORT = 10000

# The path that carries the media of the bridge session now.
_PATH = """
async () => {
  const report = await window.tertulia.peerConnections().bridge.getStats();
  for (const row of report.values()) {
    if (row.type !== 'transport') continue;
    const pair = report.get(row.selectedCandidatePairId);
    if (!pair) continue;
    const local = report.get(pair.localCandidateId), remote = report.get(pair.remoteCandidateId);
    return {
      protocol: local.protocol, local: local.candidateType, relay: local.relayProtocol,
      address: remote.address, port: remote.port,
    };
  }
  return null;
}
"""


def why_not() -> str:
    """Why such tests cannot run here, or ""."""
    if not are_possible():
        return "namespaces need root and /dev/net/tun"
    missing = [each for each in ("ip", "nft", "nsenter", "setpriv") if shutil.which(each) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def filter_with(namespace: Namespace, *rules: str) -> None:
    """Let only through what the rules accept; loopback always passes.

    Args:
        rules: nft rules of the hooks `output` and `input`, such as "tcp dport 8443 accept".
    """
    for hook, direction in (("output", "oifname"), ("input", "iifname")):
        chain = f"type filter hook {hook} priority 0; policy drop;"
        namespace.call("nft", f"add table inet on_{hook}")
        namespace.call("nft", f"add chain inet on_{hook} every {{ {chain} }}")
        for rule in (f"{direction} lo accept", "ct state established,related accept", *rules):
            namespace.call("nft", f"add rule inet on_{hook} every {rule}")


@contextlib.asynccontextmanager
async def serving(
    namespace: Namespace, data: Path, addresses: Sequence[str], *arguments: str
) -> AsyncIterator[RunningServer]:
    """A server inside, on its usual ports, that sends media from `addresses`."""
    settings = {
        "TERTULIA_HOST": "meet.example",
        "TERTULIA_HTTP_LISTEN": "0.0.0.0,::",
        "TERTULIA_HTTP_PORT": str(PORT),
        "TERTULIA_MEDIA_PORT": str(MEDIA_PORT),
        "TERTULIA_MEDIA_ADDRESSES": ",".join(addresses),
    }
    with entered(namespace):
        server = await RunningServer.start(data, arguments, settings)
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def browsing(
    namespace: Namespace, playwright: Playwright, folder: Path, *flags: str
) -> AsyncIterator[Browser]:
    """A Chromium inside; we talk to it through a pipe, which no network is between."""
    command = " ".join((*DIE_WITH_PARENT, "nsenter", f"--net={namespace.path}", "--", CHROMIUM))
    wrapper = folder / "chromium-inside"
    wrapper.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="ascii")
    wrapper.chmod(0o755)
    browser = await playwright.chromium.launch(executable_path=str(wrapper), args=[*FLAGS, *flags])
    try:
        yield browser
    finally:
        await browser.close()


async def path_of(one: Person) -> dict[str, Any]:
    """Protocol, kind and addresses of the pair that carries a person's media of the bridge."""
    found: dict[str, Any] = await one.page.evaluate(_PATH)
    return found
