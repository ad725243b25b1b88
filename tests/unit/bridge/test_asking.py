"""The public addresses that STUN servers tell of; the servers' place is taken by their answers."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from tertulia.bridge import stun
from tertulia.bridge.addresses import Address, Addresses
from tertulia.bridge.asking import Asking
from tertulia.bridge.engine_media import EngineMedia
from tertulia.public_address import PublicAddress

SERVERS = (("192.0.2.9", 3478),)
INSIDE = Addresses(udp=(("10.0.3.7", 10000), ("198.51.100.9", 10000)))


def media_at(addresses: Addresses) -> EngineMedia:
    return cast("EngineMedia", SimpleNamespace(addresses=addresses))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What is answered for each local address; asking for another one is a mistake."""
    told: dict[str, str | None] = {}

    async def ask_any(servers: Sequence[Address], local: str) -> tuple[str | None, str]:
        assert servers == SERVERS
        return told[local], "" if told[local] else "no answer"

    monkeypatch.setattr(stun, "ask_any", ask_any)
    return told


async def test_what_is_found_is_told_and_an_address_that_changes_too(
    answers: dict[str, str | None],
) -> None:
    media = media_at(INSIDE)
    asking = Asking(media, SERVERS)
    for public in ("203.0.113.7", "203.0.113.8"):
        answers["10.0.3.7"] = public

        assert await asking.ask()
        assert media.addresses.public == (PublicAddress(public, "10.0.3.7"),)


async def test_without_an_answer_what_was_found_before_stays(
    answers: dict[str, str | None], caplog: pytest.LogCaptureFixture
) -> None:
    media = media_at(INSIDE)
    asking = Asking(media, SERVERS)
    answers["10.0.3.7"] = "203.0.113.7"
    await asking.ask()
    for answer in (None, "192.168.0.9"):  # a second NAT answers with an address of its own
        answers["10.0.3.7"] = answer

        assert not await asking.ask()
        assert media.addresses.public == (PublicAddress("203.0.113.7", "10.0.3.7"),)
    assert "STUN found no public address: no answer" in caplog.text


async def test_an_address_with_a_configured_public_one_is_not_asked_for(
    answers: dict[str, str | None],
) -> None:
    configured = (PublicAddress("203.0.113.7", "10.0.3.7"),)
    media = media_at(Addresses(udp=(("10.0.3.7", 1), ("10.0.4.7", 1)), public=configured))
    answers["10.0.4.7"] = "203.0.113.8"

    assert await Asking(media, SERVERS).ask()
    assert media.addresses.public == (*configured, PublicAddress("203.0.113.8", "10.0.4.7"))


async def test_an_answer_that_is_configured_already_is_told_once(
    answers: dict[str, str | None],
) -> None:
    configured = (PublicAddress("203.0.113.7"),)
    media = media_at(Addresses(udp=INSIDE.udp, public=configured))
    answers["10.0.3.7"] = "203.0.113.7"

    assert await Asking(media, SERVERS).ask()
    assert media.addresses.public == configured


async def test_nobody_is_asked_unless_configured(answers: dict[str, str | None]) -> None:
    media = media_at(INSIDE)

    assert await Asking(media, ()).ask()
    assert media.addresses is INSIDE
