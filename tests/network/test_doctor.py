"""The doctor behind a firewall that lets no UDP through names the hop, and finds the way by TCP."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from tests.network.namespaces import Namespace, connect
from tests.network.people import MEDIA_PORT, PORT, filter_with, serving, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


async def test_blocked_udp_is_named_with_port_and_address(tmp_path: Path) -> None:
    with Namespace() as there, Namespace() as office:
        connect(there, office, "10.9.1")
        filter_with(office, f"tcp dport {PORT} accept")
        async with serving(there, tmp_path, ["10.9.1.1"]):
            command = (sys.executable, "-m", "tertulia", "doctor", "--json")
            program = await asyncio.create_subprocess_exec(
                *office.inside([*command, "--server", f"https://10.9.1.1:{PORT}"]),
                stdout=asyncio.subprocess.PIPE,
                cwd=tmp_path,
            )
            output, _ = await program.communicate()
    checks = {each["check"]: each for each in json.loads(output)["checks"]}

    udp = checks["call by UDP"]
    assert program.returncode == 2
    assert udp["text"] == f"UDP port {MEDIA_PORT} blocked between here and 10.9.1.1"
    assert "firewall" in udp["fix"]
    assert checks["call by TCP"]["state"] == "good"
