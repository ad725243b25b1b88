"""Meetings through Debian's coturn, with the configuration that deploy/coturn recommends."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from playwright.async_api import async_playwright
from tests.browser.people import person
from tests.network.namespaces import Namespace, connect, entered
from tests.network.people import PORT, browsing, filter_with, path_of, serving, why_not
from tests.network.turn_client import TurnClient

from tertulia import certificates
from tertulia.turn import credentials

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "-"),
    pytest.mark.skipif(shutil.which("turnserver") is None, reason="not installed: coturn"),
]

RECIPE = Path(__file__).parents[2] / "deploy" / "coturn" / "turnserver.conf"
SECRET = "a-secret-of-this-test-alone"
START_WITHIN_S = 30.0


def recipe(folder: Path, *, bridge: str, certificate: Path | None) -> Path:
    """The recommended configuration with its examples filled in."""
    text = RECIPE.read_text(encoding="utf-8")
    for example, value in (
        ("EXAMPLE-SECRET", SECRET),
        ("EXAMPLE-REALM", "meet.example"),
        ("EXAMPLE-BRIDGE", bridge),
    ):
        assert f"={example}\n" in text
        text = text.replace(example, value)
    if certificate is None:
        # Browsers trust no certificate made for a test, so this one goes without TLS.
        text = re.sub(r"^(tls-listening-port|cert|pkey)=.*\n", "", text, flags=re.MULTILINE)
        text += "no-tls\nno-dtls\n"
    else:
        for name in ("fullchain", "privkey"):
            text = text.replace(f"/etc/coturn/EXAMPLE-{name}.pem", str(certificate))
    file = folder / "turnserver.conf"
    file.write_text(text, encoding="utf-8")
    return file


def start_relay(
    namespace: Namespace,
    folder: Path,
    address: str,
    *relays: str,
    bridge: str,
    certificate: Path | None = None,
) -> None:
    """Start coturn; `certificate` holds certificate and key for TLS, None goes without."""
    file = recipe(folder, bridge=bridge, certificate=certificate)
    command = ["turnserver", "-c", str(file), "--log-file=stdout"]
    command += ["--simple-log", f"--pidfile={folder}/pid", f"--userdb={folder}/users"]
    command += [f"--listening-ip={address}", *(f"--relay-ip={each}" for each in relays)]
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
        start_relay(relay, tmp_path, "10.9.2.1", "10.9.3.2", bridge="10.9.3.1")
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


# Ways to say "an address inside" that relays have taken for one outside (security A2.4).
INSIDE_V4 = (
    *("0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.1", "10.255.255.255", "10.8.0.1"),
    *("100.64.0.1", "100.127.255.254", "127.0.0.1", "127.0.0.53", "127.1.2.3", "127.255.255.254"),
    *("169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.254", "192.0.0.1", "192.0.0.8"),
    *("192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.254", "198.18.0.1", "198.19.255.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.0.0.1"),
    *("255.255.255.254", "255.255.255.255", "8.8.8.8", "10.8.0.8", "10.8.0.10"),
)
INSIDE_V6 = (
    *("::", "::1", "::2", "::127.0.0.1", "::10.0.0.1", "::ffff:0.0.0.0", "::ffff:127.0.0.1"),
    *("::ffff:10.0.0.1", "::ffff:10.8.0.1", "::ffff:169.254.169.254", "::ffff:172.16.0.1"),
    *("::ffff:192.168.0.1", "::ffff:100.64.0.1", "::ffff:224.0.0.1", "::ffff:255.255.255.255"),
    *("::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254"),
    *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1"),
    *("2002:a9fe:a9fe::1", "fc00::1", "fd00::1", "fd08::1", "fdff:ffff::1", "fe80::1", "febf::1"),
    *("fec0::1", "ff02::1", "ff0e::1", "2606:4700::1111"),
)
BRIDGE = "10.8.0.9"


def test_the_recommended_relay_reaches_the_bridge_and_nothing_else(tmp_path: Path) -> None:
    assert len(INSIDE_V4) + len(INSIDE_V6) >= 60
    until = int(time.time()) + 600
    with Namespace() as relay:
        for address in ("10.8.0.1/24", "fd08::1/64"):
            relay.call("ip", "address", "add", address, "dev", "lo")
        start_relay(relay, tmp_path, "127.0.0.1", "10.8.0.1", "fd08::1", bridge=BRIDGE)
        for family, peers in ((4, INSIDE_V4), (6, INSIDE_V6)):
            with entered(relay):
                name = credentials(SECRET.encode(), f"ana{family}", until)
                client = TurnClient(("127.0.0.1", 3478), *name)
            try:
                assert client.allocate(family) == 0
                allowed = [
                    peer
                    for number, peer in enumerate(peers)
                    if client.permission(peer) == 0 or client.channel(0x4000 + number, peer) == 0
                ]
                assert allowed == []
                if family == 4:
                    assert client.permission(BRIDGE) == 0
                    assert client.channel(0x4FFF, BRIDGE) == 0
            finally:
                client.close()


def test_by_tls_the_relay_shows_its_certificate_and_reaches_the_bridge(tmp_path: Path) -> None:
    made = certificates.kept(tmp_path, ["127.0.0.1"])
    both = tmp_path / "both.pem"
    both.write_bytes(made.chain.read_bytes() + made.private_key.read_bytes())
    trusting = ssl.create_default_context(cafile=str(made.chain))
    with Namespace() as relay:
        relay.call("ip", "address", "add", "10.8.0.1/24", "dev", "lo")
        start_relay(relay, tmp_path, "127.0.0.1", "10.8.0.1", bridge=BRIDGE, certificate=both)
        name = credentials(SECRET.encode(), "ana", int(time.time()) + 600)
        with entered(relay):
            client = TurnClient(("127.0.0.1", 5349), *name, tls=trusting)
        try:
            assert client.allocate(4) == 0
            assert client.permission(BRIDGE) == 0
            assert client.permission("10.8.0.1") != 0
        finally:
            client.close()


@pytest.mark.parametrize("spoiled", ["expired", "name", "secret"])
def test_the_relay_takes_only_credentials_that_we_made_and_that_last(
    tmp_path: Path, spoiled: str
) -> None:
    until = int(time.time()) + (-60 if spoiled == "expired" else 600)
    secret = b"another" if spoiled == "secret" else SECRET.encode()
    username, password = credentials(secret, "ana", until)
    if spoiled == "name":
        username = f"{until + 1}:ana"
    with Namespace() as relay:
        relay.call("ip", "address", "add", "10.8.0.1/24", "dev", "lo")
        start_relay(relay, tmp_path, "127.0.0.1", "10.8.0.1", bridge=BRIDGE)
        with entered(relay):
            client = TurnClient(("127.0.0.1", 3478), username, password)
        try:
            assert client.allocate(4) == 401
        finally:
            client.close()
