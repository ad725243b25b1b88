"""What this machine is and is not, as far as it can be said of any machine."""

import ctypes
import ipaddress
import subprocess
import sys

import pytest

from tertulia import machine

INTERFACES = ["127.0.0.1", "10.0.0.5", "169.254.0.7", "::1", "fe80::1", "2001:db8::5", "10.0.0.5"]


@pytest.fixture(autouse=True)
def interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a network, whatever this one has."""
    monkeypatch.setattr(machine, "_ipv4_addresses", lambda: [a for a in INTERFACES if "." in a])
    monkeypatch.setattr(machine, "_ipv6_addresses", lambda: [a for a in INTERFACES if ":" in a])


def test_others_reach_us_at_what_is_neither_loopback_nor_link_local() -> None:
    assert machine.own_addresses() == ["10.0.0.5", "2001:db8::5"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "app.localhost", "127.0.0.1"])
def test_a_host_that_means_this_machine_has_media_on_loopback_too(host: str) -> None:
    found = machine.media_addresses((), host)

    assert found == ("10.0.0.5", "2001:db8::5", "127.0.0.1", "::1")


@pytest.mark.parametrize("host", ["meet.example", "localhost.example", "10.0.0.5", "192.0.2.1"])
def test_any_other_host_offers_nobody_a_loopback_candidate(host: str) -> None:
    assert not any(ipaddress.ip_address(a).is_loopback for a in machine.media_addresses((), host))


def test_without_a_network_loopback_is_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_ipv4_addresses", lambda: ["127.0.0.1"])
    monkeypatch.setattr(machine, "_ipv6_addresses", list)

    assert machine.media_addresses((), "localhost") == ("127.0.0.1",)
    assert machine.media_addresses((), "meet.example") == ("127.0.0.1",)


def test_configured_addresses_are_taken_as_they_are() -> None:
    assert machine.media_addresses(("192.0.2.9",), "localhost") == ("192.0.2.9",)


LARGE_BLOCKS = """
import ctypes
from tertulia import machine

class Found(ctypes.Structure):
    _fields_ = [(f"f{n}", ctypes.c_size_t) for n in range(10)]  # mallinfo2(3)

mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Found
machine.return_large_blocks()
del bytearray(1_000_000)[:]  # glibc's own threshold follows what is freed
before = mallinfo2().f4  # bytes in blocks of their own
block = bytearray(256 * 1024)
print(mallinfo2().f4 - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="the C library of others")
def test_large_blocks_stay_apart_from_small_ones() -> None:
    found = subprocess.run(
        [sys.executable, "-c", LARGE_BLOCKS], capture_output=True, text=True, check=True
    )

    assert int(found.stdout) >= 256 * 1024


def test_the_collector_leaves_alone_what_was_there_before() -> None:
    look = (
        "import gc; from tertulia import machine; machine.rest_the_collector(); "
        "rests = not gc.isenabled(); machine.spare_the_collector(); "
    )
    count = "print(len(gc.get_objects()), gc.get_freeze_count(), rests and gc.isenabled())"
    found = subprocess.run(
        [sys.executable, "-c", look + count], capture_output=True, text=True, check=True
    )

    left, spared, rested = found.stdout.split()
    assert int(left) < 100
    assert int(spared) > 1000
    assert rested == "True"
