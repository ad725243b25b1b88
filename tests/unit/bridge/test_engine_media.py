"""Orders that the engine does not take are refused in the bridge's terms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tertulia._engine import Engine
from tertulia.bridge.addresses import Addresses
from tertulia.bridge.engine_media import EngineMedia
from tertulia.bridge.errors import MediaRefused
from tertulia.xmpp.colibri2 import MediaOffer
from tertulia.xmpp.jingle_rtp import Media, PayloadType


@pytest.fixture
def media() -> Iterator[EngineMedia]:
    engine = Engine([("127.0.0.1", 0)])
    yield EngineMedia(engine, Addresses(udp=tuple(engine.addresses)))
    engine.close()


def test_a_payload_type_that_looks_like_rtcp_is_refused(media: EngineMedia) -> None:
    # RFC 5761 section 4: 64 to 95 cannot be told from RTCP on the same port.
    opus = PayloadType(id=72, name="opus", clockrate=48_000)
    offers = [MediaOffer(type=Media.AUDIO, payload_types=(opus,))]

    with pytest.raises(MediaRefused, match="RFC 5761"):
        media.add_endpoint(1, "ufrag", "p" * 24, offers, controlling=True)

    media.add_endpoint(1, "ufrag", "p" * 24, [], controlling=True)
