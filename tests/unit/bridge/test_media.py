"""Encodings for the engine."""

from tertulia.bridge.media import encodings_of
from tertulia.xmpp.colibri2 import MediaSource
from tertulia.xmpp.jingle_rtp import Media, Semantics, Source, SsrcGroup


def test_a_source_without_simulcast_is_one_encoding() -> None:
    source = MediaSource(
        id="a-v1",
        type=Media.VIDEO,
        sources=(Source(ssrc=1), Source(ssrc=2)),
        groups=(SsrcGroup(Semantics.FID, (1, 2)),),
    )

    assert encodings_of(source) == ((1, 2),)
