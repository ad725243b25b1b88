"""Public addresses as operators write them."""

import pytest

from tertulia.public_address import PublicAddress, is_private, split_port, with_port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.7", PublicAddress("203.0.113.7")),
        ("203.0.113.7:20000", PublicAddress("203.0.113.7", port=20000)),
        ("10.0.0.5=203.0.113.7", PublicAddress("203.0.113.7", "10.0.0.5")),
        ("10.0.0.5=203.0.113.7:9", PublicAddress("203.0.113.7", "10.0.0.5", 9)),
        ("2001:db8:0::7", PublicAddress("2001:db8::7")),
        ("[2001:db8::7]:443", PublicAddress("2001:db8::7", port=443)),
        ("fd00::5=[2001:db8::7]:443", PublicAddress("2001:db8::7", "fd00::5", 443)),
    ],
)
def test_each_form_is_read(text: str, expected: PublicAddress) -> None:
    assert PublicAddress.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "=", "meet.example.org", "203.0.113.7:0", "203.0.113.7:65536", "203.0.113.7:x"),
        *("10.0.0.5=", "=203.0.113.7", "10.0.0.5=2001:db8::7", "10.0.0.5", "fe80::1", "1.2.3"),
    ],
)
def test_what_is_no_public_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        PublicAddress.parse(text)


@pytest.mark.parametrize("address", ["192.168.1.2", "100.64.0.1", "fd12::1", "::1", "169.254.0.9"])
def test_addresses_nobody_outside_can_send_to_are_private(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize("address", ["172.32.0.1", "100.128.0.1", "203.0.113.1", "2001:db8::1"])
def test_others_are_not(address: str) -> None:
    assert not is_private(address)


@pytest.mark.parametrize("pair", [("192.0.2.1", 5), ("2001:db8::1", 5)])
def test_an_address_with_its_port_is_split_as_it_was_joined(pair: tuple[str, int]) -> None:
    assert split_port(with_port(*pair)) == pair
