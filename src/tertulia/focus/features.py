"""What a participant's client can do, by service discovery and capabilities (XEP-0030, XEP-0115).

A discovery answer is shared between participants only when it hashes to the `ver` they
announced (XEP-0115 §5.4); otherwise it counts for its sender alone, so nobody can describe
somebody else's client.
"""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from tertulia.xmpp import ns as NS
from tertulia.xmpp.jingle_rtp import Media
from tertulia.xmpp.xml import Element

AUDIO = NS.RTP_AUDIO
VIDEO = NS.RTP_VIDEO
RTX = "urn:ietf:rfc:4588"
TRANSPORT_CC = "http://jitsi.org/tcc"
REMB = "http://jitsi.org/remb"
OPUS_RED = "http://jitsi.org/opus-red"
SSRC_REWRITING = "http://jitsi.org/ssrc-rewriting-1"
JSON_SOURCES = "http://jitsi.org/json-encoded-sources"

Features = frozenset[str]

# What the reference focus assumes of a client that does not answer (signalling 4.10), less SCTP,
# which no bridge of ours offers.
UNKNOWN_CLIENT: Features = frozenset({AUDIO, VIDEO})

_MAX_CACHED = 1000
_MAX_FEATURES = 200


@dataclass(frozen=True, slots=True)
class Caps:
    """The `<c/>` of a presence."""

    node: str
    ver: str

    @classmethod
    def of(cls, presence: Element) -> Caps | None:
        element = presence.find("c", NS.CAPS)
        if element is None or not element.get("ver") or element.get("hash") != "sha-1":
            return None
        return cls(element.get("node"), element.get("ver"))


def media_of(features: Features) -> frozenset[Media]:
    """The kinds of media a client takes part in."""
    kinds = {AUDIO: Media.AUDIO, VIDEO: Media.VIDEO}
    return frozenset(media for feature, media in kinds.items() if feature in features)


class FeatureCache:
    """Discovery answers that proved to be what their `ver` says, newest first."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Features] = OrderedDict()

    def get(self, caps: Caps | None) -> Features | None:
        if caps is None or caps.ver not in self._known:
            return None
        self._known.move_to_end(caps.ver)
        return self._known[caps.ver]

    def learn(self, caps: Caps | None, query: Element) -> Features:
        """Read one disco#info result; keep it for others when the hash agrees."""
        features = features_of(query)
        if caps is not None and verification(query) == caps.ver:
            self._known[caps.ver] = features
            if len(self._known) > _MAX_CACHED:
                self._known.popitem(last=False)
        return features


def features_of(query: Element) -> Features:
    found = [feature.get("var") for feature in query.find_all("feature")]
    return frozenset(found[:_MAX_FEATURES])


def verification(query: Element) -> str:
    """The verification string of a disco#info result (XEP-0115 §5.1), base64 of SHA-1."""
    identities = sorted(
        "/".join((i.get("category"), i.get("type"), i.get("xml:lang"), i.get("name")))
        for i in query.find_all("identity")
    )
    features = sorted(feature.get("var") for feature in query.find_all("feature"))
    forms = sorted(_form(form) for form in query.find_all("x", NS.DATA_FORMS))
    text = "".join(f"{part}<" for part in (*identities, *features)) + "".join(forms)
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _form(form: Element) -> str:
    fields = {
        field.get("var"): sorted(value.text for value in field.find_all("value"))
        for field in form.find_all("field")
    }
    kind = "".join(f"{value}<" for value in fields.pop("FORM_TYPE", [])[:1])
    return kind + "".join(
        f"{name}<" + "".join(f"{value}<" for value in fields[name]) for name in sorted(fields)
    )
