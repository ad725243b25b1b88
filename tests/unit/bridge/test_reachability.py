"""The line that tells an operator why nobody hears anybody."""

from tertulia.bridge.addresses import Addresses
from tertulia.bridge.reachability import SILENT_S, Reachability
from tertulia.public_address import PublicAddress

INSIDE = Addresses(udp=(("10.0.3.7", 10000),))


def test_an_endpoint_never_heard_is_reported_once() -> None:
    reachability = Reachability()

    assert reachability.observe([(7, SILENT_S - 1, 0)], INSIDE) == []
    (line,) = reachability.observe([(7, SILENT_S, 0)], INSIDE)
    assert "told=10.0.3.7:10000/udp" in line
    assert "set media.advertise to the public address and forward UDP 10000" in line
    assert reachability.observe([(7, SILENT_S + 1, 0)], INSIDE) == []


def test_an_endpoint_that_was_heard_is_not() -> None:
    assert Reachability().observe([(7, SILENT_S, 1)], INSIDE) == []


def test_with_a_public_address_the_firewall_is_suspected() -> None:
    addresses = Addresses(udp=(("10.0.3.7", 10000),), public=(PublicAddress("203.0.113.7"),))

    (line,) = Reachability().observe([(7, SILENT_S, 0)], addresses)

    assert "told=203.0.113.7:10000/udp" in line
    assert "let UDP 10000 in" in line
