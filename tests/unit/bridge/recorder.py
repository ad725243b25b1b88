"""The packet engine's place taken by a recorder: the real one binds sockets and starts a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tertulia.bridge.addresses import Addresses
from tertulia.bridge.errors import MediaRefused
from tertulia.bridge.media import SourceOrder, Wanted
from tertulia.public_address import PublicAddress
from tertulia.xmpp.colibri2 import MediaOffer
from tertulia.xmpp.jingle_ice import Candidate, Fingerprint


@dataclass
class Recorder:
    endpoints: dict[int, dict[str, object]] = field(default_factory=dict)
    remotes: dict[int, tuple[str, str, tuple[Fingerprint, ...]]] = field(default_factory=dict)
    sources: dict[int, list[SourceOrder]] = field(default_factory=dict)
    forwarded: dict[int, tuple[Wanted, ...]] = field(default_factory=dict)
    needed: dict[int, int] = field(default_factory=dict)
    muted: dict[int, tuple[bool, bool]] = field(default_factory=dict)
    remote_candidates: list[Candidate] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    is_behind_nat: bool = False
    restarts: list[tuple[int, str]] = field(default_factory=list)
    remote_credentials: list[tuple[int, str, str]] = field(default_factory=list)
    refuses_restarts: bool = False

    def candidates(self, *, private: bool) -> tuple[Candidate, ...]:
        public = (PublicAddress("198.51.100.7"),) if self.is_behind_nat else ()
        addresses = Addresses(udp=(("127.0.0.1", 10000),), public=public)
        return addresses.candidates(private=private)

    def fingerprint(self) -> Fingerprint:
        return Fingerprint(hash="sha-256", value="AB:CD", setup="actpass")

    def add_endpoint(
        self, handle: int, ufrag: str, pwd: str, offers: Sequence[MediaOffer], *, controlling: bool
    ) -> None:
        assert handle not in self.endpoints
        self.endpoints[handle] = {"ufrag": ufrag, "offers": offers, "controlling": controlling}

    def extend_endpoint(self, handle: int, offers: Sequence[MediaOffer]) -> None:
        self.endpoints[handle]["offers"] = offers

    def set_remote(
        self, handle: int, ufrag: str, pwd: str, fingerprints: Sequence[Fingerprint]
    ) -> None:
        self.remotes[handle] = (ufrag, pwd, tuple(fingerprints))

    def restart_ice(self, handle: int, ufrag: str, pwd: str) -> None:
        if self.refuses_restarts:
            raise MediaRefused("not now")
        self.restarts.append((handle, ufrag))

    def set_remote_credentials(self, handle: int, ufrag: str, pwd: str) -> None:
        self.remote_credentials.append((handle, ufrag, pwd))

    def add_candidate(self, handle: int, candidate: Candidate) -> None:
        self.remote_candidates.append(candidate)

    def set_sources(self, handle: int, sources: Sequence[SourceOrder]) -> None:
        self.sources[handle] = list(sources)

    def set_muted(self, handle: int, *, audio: bool, video: bool) -> None:
        self.muted[handle] = (audio, video)

    def forward(self, handle: int, wanted: Sequence[Wanted]) -> None:
        self.forwarded[handle] = tuple(wanted)

    def set_needed(self, handle: int, bps: int) -> None:
        self.needed[handle] = bps

    def request_keyframe(self, source: int) -> None:
        self.keyframes.append(source)

    def remove_endpoint(self, handle: int) -> None:
        self.removed.append(handle)
