"""Meetings through Debian's coturn, with the configuration that deploy/coturn recommends."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from playwright.async_api import async_playwright
from tests.browser.people import person
from tests.network.namespaces import Namespace, connect, entered
from tests.network.people import PORT, browsing, filter_with, path_of, serving, why_not

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "-"),
    pytest.mark.skipif(shutil.which("turnserver") is None, reason="not installed: coturn"),
]

RECIPE = Path(__file__).parents[2] / "deploy" / "coturn" / "turnserver.conf"
SECRET = "a-secret-of-this-test-alone"
START_WITHIN_S = 15.0


def recipe(folder: Path, *, bridge: str) -> Path:
    """The recommended configuration with its examples filled in."""
    text = RECIPE.read_text(encoding="utf-8")
    for example, value in (
        ("EXAMPLE-SECRET", SECRET),
        ("EXAMPLE-REALM", "meet.example"),
        ("EXAMPLE-BRIDGE", bridge),
    ):
        assert f"={example}\n" in text
        text = text.replace(example, value)
    # Browsers trust no certificate made for a test, so this one goes without TLS.
    text = re.sub(r"^(tls-listening-port|cert|pkey)=.*\n", "", text, flags=re.MULTILINE)
    file = folder / "turnserver.conf"
    file.write_text(f"{text}no-tls\nno-dtls\n", encoding="utf-8")
    return file


def start_relay(namespace: Namespace, folder: Path, address: str, *, bridge: str) -> None:
    command = ["turnserver", "-c", str(recipe(folder, bridge=bridge)), "--log-file=stdout"]
    command += [
        "--relay-ip=10.9.3.2",
        "--simple-log",
        f"--pidfile={folder}/pid",
        f"--userdb={folder}/users",
    ]
    with (folder / "coturn.log").open("wb") as log:
        namespace.start(*command, stdout=log, stderr=subprocess.STDOUT)
    until = time.monotonic() + START_WITHIN_S
    while True:
        try:
            with entered(namespace), socket.create_connection((address, 3478), timeout=1):
                return
        except OSError:
            if time.monotonic() > until:
                log_text = (folder / "coturn.log").read_text(encoding="utf-8", errors="replace")
                raise AssertionError(f"coturn does not listen:\n{log_text}") from None
            time.sleep(0.05)


async def test_a_relay_reaches_the_bridge_for_who_cannot(tmp_path: Path) -> None:
    secret = tmp_path / "turn.secret"
    secret.write_text(SECRET, encoding="ascii")
    with Namespace() as there, Namespace() as relay, Namespace() as office:
        connect(there, office, "10.9.1")  # pages and signalling, and no media: no UDP, no ICE-TCP
        connect(relay, office, "10.9.2")
        connect(there, relay, "10.9.3")
        filter_with(office, f"ip daddr 10.9.1.1 tcp dport {PORT} accept", "tcp dport 3478 accept")
        start_relay(relay, tmp_path, "10.9.2.1", bridge="10.9.3.1")
        settings = (
            *("--set", "turn.servers=turn:10.9.2.1:3478?transport=tcp"),
            *("--set", f"turn.secret_file={secret}"),
            *("--set", "media.tcp=false", "--set", "p2p.enabled=false"),
        )
        async with (
            serving(there, tmp_path, ["10.9.3.1"], *settings),
            async_playwright() as playwright,
            browsing(office, playwright, tmp_path) as browser,
        ):
            ana, bea = await person(browser, "Ana"), await person(browser, "Bea")
            for each in (ana, bea):
                await each.open_directly(f"https://10.9.1.1:{PORT}/", "plaza")
            for each in (ana, bea):
                await each.until_seeing_and_hearing(1)

            path = await path_of(ana)
            assert (path["local"], path["relay"], path["address"]) == ("relay", "tcp", "10.9.3.1")
