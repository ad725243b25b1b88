"""Addresses: normalised, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.errors import MalformedInput
from tertulia.xmpp.jid import Jid


def test_node_and_domain_are_lower_case_and_the_resource_is_not() -> None:
    assert str(Jid.parse("Ana@Meet.Example/Xy12")) == "ana@meet.example/Xy12"


@pytest.mark.parametrize(
    "text", ["", "@", "a@", "@b", "a@b/", "/r", "a b@c", "a@b@c@d", "a<b@c", "a@b/\x00", "a" * 1024]
)
def test_malformed_addresses_are_refused(text: str) -> None:
    with pytest.raises(MalformedInput):
        Jid.parse(text)


@given(st.text(max_size=80))
def test_fuzz_text_gives_an_address_or_our_error(text: str) -> None:
    try:
        jid = Jid.parse(text)
    except MalformedInput:
        return
    assert Jid.parse(str(jid)) == jid
