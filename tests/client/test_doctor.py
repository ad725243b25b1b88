"""The doctor on real servers: a healthy one, and one with each of the usual illnesses."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.conftest import RunningServer
from tests.unit.doctor.certificates import write_expired

from tertulia.doctor import Finding, Report, examine
from tertulia.doctor import call as call_module
from tertulia.doctor.server import Address

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not work on the loopback in this time does not work."""
    monkeypatch.setattr(call_module, "MEDIA_WITHIN_S", 5.0)


async def report_on(server: RunningServer) -> Report:
    return await examine(Address("localhost", server.port), None)


def row(report: Report, check: str) -> Finding:
    return next(finding for finding in report.findings if finding.check == check)


async def test_a_healthy_server_holds_the_call_by_udp_and_by_tcp(house: RunningServer) -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tertulia", "doctor", "--json"),
        *("--server", f"https://localhost:{house.port}"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await program.communicate()
    checks = {
        each["check"]: each for each in json.loads(output)["checks"] if each["state"] != "warning"
    }

    # The certificate is self-signed, which is a warning.
    assert program.returncode == 1
    assert {each["state"] for each in checks.values()} == {"good"}
    assert "udp to 127.0.0.1" in checks["call by UDP"]["text"]
    assert "tcp to 127.0.0.1" in checks["call by TCP"]["text"]


async def test_a_wrong_advertised_address_is_named(tmp_path: Path) -> None:
    wrong = {"TERTULIA_MEDIA_ADVERTISE": "198.51.100.7", "TERTULIA_MEDIA_TCP": "false"}
    server = await RunningServer.start(tmp_path, (), wrong)
    try:
        found = await report_on(server)
    finally:
        await server.stop()

    udp = row(found, "call by UDP")
    assert found.exit_status == 2
    assert "advertised address 198.51.100.7 cannot be reached" in udp.text
    assert "media.advertise" in udp.fix
    assert row(found, "call by TCP").state == "skipped"


async def test_an_expired_certificate_is_named_and_does_not_hide_the_rest(tmp_path: Path) -> None:
    chain, key = write_expired(tmp_path, "localhost")
    files = {"TERTULIA_HTTP_CERTIFICATE": str(chain), "TERTULIA_HTTP_PRIVATE_KEY": str(key)}
    server = await RunningServer.start(tmp_path, (), files)
    try:
        found = await report_on(server)
    finally:
        await server.stop()

    certificate = row(found, "certificate")
    assert (certificate.state, certificate.text[:10]) == ("broken", "expired on")
    assert "http.certificate" in certificate.fix
    assert row(found, "call by UDP").state == "good"


async def test_a_bridge_that_does_not_answer_is_named(tmp_path: Path) -> None:
    server = await RunningServer.start(tmp_path)
    try:
        [bridge] = server.bridge_pids()
        os.kill(bridge, signal.SIGSTOP)
        found = await report_on(server)
        os.kill(bridge, signal.SIGCONT)
    finally:
        await server.stop()

    assert row(found, "page").state == "good"
    assert "no bridge has joined, or it does not answer" in row(found, "bridge").text
    assert row(found, "call by TCP").state == "skipped"
    assert found.exit_status == 2


async def test_a_server_that_is_not_there_is_named() -> None:
    found = await examine(Address("localhost", 1), None)

    assert row(found, "https").state == "broken"
    assert "TCP port 1 of localhost cannot be reached" in row(found, "https").text
    assert [row(found, f"call by {each}").state for each in ("UDP", "TCP")] == ["skipped"] * 2
