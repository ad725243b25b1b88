"""The bridge's orders in the terms of the packet engine (`tertulia._engine`)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any, cast

from tertulia import _engine
from tertulia.bridge.addresses import Addresses
from tertulia.bridge.errors import MediaRefused
from tertulia.bridge.media import SourceOrder, Wanted
from tertulia.xmpp.colibri2 import MediaOffer
from tertulia.xmpp.jingle_ice import Candidate, Fingerprint, Setup

# Strongest first: only values of the strongest hash that is offered count (reference bridge 1.3).
_HASHES = ("sha-512", "sha-384", "sha-256", "sha-1")
_CODECS = frozenset({"opus", "red", "vp8", "vp9", "h264", "av1", "telephone-event"})


class EngineMedia:
    """Gives the orders to the Rust engine."""

    def __init__(self, engine: _engine.Engine, addresses: Addresses) -> None:
        self.engine = engine
        self.addresses = addresses  # another one once a STUN server has answered

    def candidates(self, *, private: bool) -> tuple[Candidate, ...]:
        return self.addresses.candidates(private=private)

    def fingerprint(self) -> Fingerprint:
        name, value = self.engine.fingerprint
        return Fingerprint(hash=name, value=value, setup="actpass")

    def add_endpoint(
        self, handle: int, ufrag: str, pwd: str, offers: Sequence[MediaOffer], *, controlling: bool
    ) -> None:
        self._ordered(
            lambda: self.engine.add_endpoint(
                handle,
                ufrag=ufrag,
                pwd=pwd,
                controlling=controlling,
                payload_types=[p for offer in offers for p in self._payload_types(offer)],
                extensions=self._extensions(offers),
            )
        )

    def extend_endpoint(self, handle: int, offers: Sequence[MediaOffer]) -> None:
        self._ordered(
            lambda: self.engine.extend_endpoint(
                handle,
                payload_types=[p for offer in offers for p in self._payload_types(offer)],
                extensions=self._extensions(offers),
            )
        )

    def _extensions(self, offers: Sequence[MediaOffer]) -> list[tuple[int, str]]:
        by_id = {e.id: e.uri for offer in offers for e in offer.header_extensions}
        return list(by_id.items())

    def _payload_types(self, offer: MediaOffer) -> list[_engine.PayloadType]:
        repairs = {}
        for each in offer.payload_types:
            apt = dict(each.parameters).get("apt", "")
            if each.name.lower() == "rtx" and apt.isdigit():
                repairs[int(apt)] = each.id
        return [
            _engine.PayloadType(
                each.id,
                cast("Any", each.name.lower()),
                each.clockrate,
                channels=each.channels,
                rtx=repairs.get(each.id),
                parameters=dict(each.parameters),
            )
            for each in offer.payload_types
            if each.name.lower() in _CODECS
        ]

    def set_remote(
        self, handle: int, ufrag: str, pwd: str, fingerprints: Sequence[Fingerprint]
    ) -> None:
        offered = {f.hash for f in fingerprints}
        strongest = next((name for name in _HASHES if name in offered), None)
        if strongest is None:
            raise MediaRefused("no fingerprint with a hash that is accepted")
        chosen = [f for f in fingerprints if f.hash == strongest]
        setup: Setup = chosen[0].setup
        self._ordered(
            lambda: self.engine.set_remote(
                handle,
                ufrag=ufrag,
                pwd=pwd,
                fingerprints=[(f.hash, f.value) for f in chosen],
                setup=setup,
            )
        )

    def restart_ice(self, handle: int, ufrag: str, pwd: str) -> None:
        self._ordered(lambda: self.engine.restart_ice(handle, ufrag=ufrag, pwd=pwd))

    def set_remote_credentials(self, handle: int, ufrag: str, pwd: str) -> None:
        self._ordered(lambda: self.engine.set_remote_credentials(handle, ufrag=ufrag, pwd=pwd))

    def add_candidate(self, handle: int, candidate: Candidate) -> None:
        try:
            ipaddress.ip_address(candidate.ip)
        except ValueError:
            return  # a name of mDNS, say; the address will be learnt from the peer's checks
        if candidate.protocol == "udp":
            self._ordered(
                lambda: self.engine.add_remote_candidate(
                    handle,
                    candidate.ip,
                    candidate.port,
                    kind=candidate.type,
                    priority=candidate.priority,
                )
            )

    def set_sources(self, handle: int, sources: Sequence[SourceOrder]) -> None:
        converted = [
            _engine.Source(
                source.handle,
                source.type.value,
                [_engine.Encoding(ssrc, rtx) for ssrc, rtx in source.encodings],
            )
            for source in sources
        ]
        self._ordered(lambda: self.engine.set_sources(handle, converted))

    def set_muted(self, handle: int, *, audio: bool, video: bool) -> None:
        self.engine.set_muted(handle, audio=audio, video=video)

    def forward(self, handle: int, wanted: Sequence[Wanted]) -> None:
        self.engine.forward(handle, wanted)

    def set_needed(self, handle: int, bps: int) -> None:
        self.engine.set_needed(handle, bps)

    def request_keyframe(self, source: int) -> None:
        self.engine.request_keyframe(source)

    def remove_endpoint(self, handle: int) -> None:
        self.engine.remove_endpoint(handle)

    def _ordered(self, give: Callable[[], None]) -> None:
        try:
            give()
        except (_engine.EngineError, ValueError) as error:  # ValueError: a number it cannot take
            raise MediaRefused(str(error)) from None
