"""The packet engine as the bridge's mind sees it: the few orders it gives, in its own words.

`engine_media` hands them to the engine; tests give orders to a recorder instead, because the
engine binds sockets and starts a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tertulia.xmpp.colibri2 import MediaOffer, MediaSource
from tertulia.xmpp.jingle_ice import Candidate, Fingerprint
from tertulia.xmpp.jingle_rtp import Media as MediaType
from tertulia.xmpp.jingle_rtp import Semantics

# Source, encoding, highest spatial and highest temporal layer; and perhaps the slot it comes in,
# as (SSRC, SSRC of retransmissions).
Wanted = tuple[int, int, int, int] | tuple[int, int, int, int, tuple[int, int | None]]


@dataclass(frozen=True, slots=True)
class SourceOrder:
    """One source for the engine: its encodings as (SSRC, SSRC of retransmissions), lowest first."""

    handle: int
    type: MediaType
    encodings: tuple[tuple[int, int | None], ...]


class Media(Protocol):
    """What conferences order. Handles are integers never used twice."""

    def candidates(self, *, private: bool) -> tuple[Candidate, ...]: ...
    def fingerprint(self) -> Fingerprint: ...
    def add_endpoint(
        self, handle: int, ufrag: str, pwd: str, offers: Sequence[MediaOffer], *, controlling: bool
    ) -> None: ...
    def extend_endpoint(self, handle: int, offers: Sequence[MediaOffer]) -> None: ...
    def set_remote(
        self, handle: int, ufrag: str, pwd: str, fingerprints: Sequence[Fingerprint]
    ) -> None: ...
    def restart_ice(self, handle: int, ufrag: str, pwd: str) -> None: ...
    def set_remote_credentials(self, handle: int, ufrag: str, pwd: str) -> None: ...
    def add_candidate(self, handle: int, candidate: Candidate) -> None: ...
    def set_sources(self, handle: int, sources: Sequence[SourceOrder]) -> None: ...
    def set_muted(self, handle: int, *, audio: bool, video: bool) -> None: ...
    def forward(self, handle: int, wanted: Sequence[Wanted]) -> None: ...
    def set_needed(self, handle: int, bps: int) -> None: ...
    def request_keyframe(self, source: int) -> None: ...
    def remove_endpoint(self, handle: int) -> None: ...


def encodings_of(source: MediaSource) -> tuple[tuple[int, int | None], ...]:
    """The encodings of a source, lowest first, each with its retransmissions."""
    repairs = {
        g.ssrcs[0]: g.ssrcs[1]
        for g in source.groups
        if g.semantics is Semantics.FID and len(g.ssrcs) == 2
    }
    layers = next((g.ssrcs for g in source.groups if g.semantics is Semantics.SIM), None)
    if layers is None:
        layers = tuple(s.ssrc for s in source.sources if s.ssrc not in repairs.values())
    return tuple((ssrc, repairs.get(ssrc)) for ssrc in layers)
