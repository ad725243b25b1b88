"""Candidates and encodings for the engine."""

from tertulia.bridge.media import candidates_of, encodings_of
from tertulia.xmpp.colibri2 import MediaSource
from tertulia.xmpp.jingle_rtp import Media, Semantics, Source, SsrcGroup


def test_a_public_address_stands_beside_the_local_one() -> None:
    local, public, other = candidates_of(
        [("10.0.3.7", 10000), ("fd00::1", 10000)], [("10.0.3.7", "198.51.100.7")]
    )

    assert (local.type, local.ip, local.priority) == ("host", "10.0.3.7", 2130706431)
    assert (public.type, public.ip) == ("srflx", "198.51.100.7")
    assert (public.rel_addr, public.rel_port) == ("10.0.3.7", 10000)
    assert other.ip == "fd00::1"
    assert local.priority > other.priority > public.priority
    assert len({each.id for each in (local, public, other)}) == 3


def test_a_source_without_simulcast_is_one_encoding() -> None:
    source = MediaSource(
        id="a-v1",
        type=Media.VIDEO,
        sources=(Source(ssrc=1), Source(ssrc=2)),
        groups=(SsrcGroup(Semantics.FID, (1, 2)),),
    )

    assert encodings_of(source) == ((1, 2),)
