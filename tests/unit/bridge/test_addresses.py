"""Which candidates clients are told."""

import pytest

from tertulia.bridge.addresses import Addresses
from tertulia.errors import ConfigError
from tertulia.public_address import PublicAddress
from tertulia.xmpp.jingle_ice import Candidate

INSIDE = ("10.0.3.7", 10000)
PUBLIC = PublicAddress("198.51.100.7")


def told(addresses: Addresses, *, private: bool = False) -> list[str]:
    return [
        f"{each.ip}:{each.port}/{each.protocol} {each.type}"
        for each in addresses.candidates(private=private)
    ]


def only(addresses: Addresses) -> Candidate:
    (one,) = addresses.candidates(private=False)
    return one


def test_without_a_public_address_every_address_is_told() -> None:
    addresses = Addresses(udp=(INSIDE, ("fd00::1", 10000)), tcp=(("10.0.3.7", 8443),))

    assert told(addresses) == [
        "10.0.3.7:10000/udp host",
        "fd00::1:10000/udp host",
        "10.0.3.7:8443/tcp host",
    ]


def test_a_public_address_hides_the_private_ones_and_what_they_are() -> None:
    public = only(Addresses(udp=(INSIDE,), public=(PUBLIC,)))

    assert (public.ip, public.port, public.type) == ("198.51.100.7", 10000, "srflx")
    assert (public.rel_addr, public.rel_port) == ("0.0.0.0", 9)


def test_a_hidden_ipv6_address_is_masked_in_its_own_family() -> None:
    addresses = Addresses(udp=(("fd00::1", 10000),), public=(PublicAddress("2001:db8::7"),))

    assert (only(addresses).rel_addr, only(addresses).rel_port) == ("::", 9)


def test_an_endpoint_beside_the_bridge_is_told_both() -> None:
    addresses = Addresses(udp=(INSIDE,), public=(PUBLIC,))

    host, public = addresses.candidates(private=True)

    assert (host.ip, host.type) == ("10.0.3.7", "host")
    assert (public.rel_addr, public.rel_port) == INSIDE


def test_an_operator_may_tell_everybody_the_private_ones_too() -> None:
    addresses = Addresses(udp=(INSIDE,), public=(PUBLIC,), hides_private=False)

    assert told(addresses) == ["10.0.3.7:10000/udp host", "198.51.100.7:10000/udp srflx"]


def test_a_bound_public_address_stays_beside_a_mapped_one() -> None:
    addresses = Addresses(udp=(INSIDE, ("2001:db8::9", 10000)), public=(PUBLIC,))

    assert told(addresses) == ["2001:db8::9:10000/udp host", "198.51.100.7:10000/udp srflx"]


def test_ports_may_be_other_ones_outside() -> None:
    addresses = Addresses(
        udp=(INSIDE,),
        tcp=(("10.0.3.7", 8443),),
        public=(PublicAddress("198.51.100.7", "10.0.3.7", 20000),),
        tcp_public_port=443,
    )

    assert told(addresses) == ["198.51.100.7:20000/udp srflx", "198.51.100.7:443/tcp srflx"]


def test_several_public_addresses_of_one_machine_are_all_told() -> None:
    addresses = Addresses(
        udp=(INSIDE, ("10.0.4.7", 10000)),
        public=(
            PublicAddress("198.51.100.7", "10.0.3.7"),
            PublicAddress("203.0.113.7", "10.0.4.7"),
            PublicAddress("203.0.113.8", "10.0.4.7"),
        ),
    )

    assert [each.ip for each in addresses.candidates(private=False)] == [
        "198.51.100.7",
        "203.0.113.7",
        "203.0.113.8",
    ]


def test_a_public_address_that_is_bound_itself_is_told_once() -> None:
    addresses = Addresses(udp=(("198.51.100.7", 10000),), public=(PUBLIC,))

    assert told(addresses) == ["198.51.100.7:10000/udp host"]


def test_candidates_by_tcp_are_passive_and_come_after_all_by_udp() -> None:
    addresses = Addresses(
        udp=(INSIDE,), tcp=(("10.0.3.7", 443),), public=(PUBLIC,), hides_private=False
    )
    candidates = addresses.candidates(private=False)

    assert [(each.protocol, each.tcptype) for each in candidates] == [
        ("udp", ""),
        ("udp", ""),
        ("tcp", "passive"),
        ("tcp", "passive"),
    ]
    priorities = [each.priority for each in candidates]
    assert priorities == sorted(priorities, reverse=True)
    assert len({each.foundation for each in candidates}) == 4
    assert all(0 < each < 2**31 for each in priorities)


@pytest.mark.parametrize(
    ("public", "mistake"),
    [
        (PublicAddress("198.51.100.7", "10.0.9.9"), "not sent from 10.0.9.9 but from 10.0.3.7"),
        (PublicAddress("2001:db8::7"), "no IPv6 address but from 10.0.3.7"),
    ],
)
def test_a_public_address_of_nothing_is_the_operators_mistake(
    public: PublicAddress, mistake: str
) -> None:
    with pytest.raises(ConfigError, match=mistake):
        Addresses(udp=(INSIDE,), public=(public,)).check()
