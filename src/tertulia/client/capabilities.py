"""What a participant says it can do (XEP-0030, XEP-0115), in the features of stock clients.

There is no feature that tells "no P2P"; an offer of another occupant is declined
(`session.decline`).
"""

from __future__ import annotations

from tertulia.xmpp import ns as NS
from tertulia.xmpp.disco import DiscoInfo, Identity

NODE = "https://tertulia.example/client"

CAPABILITIES = DiscoInfo(
    identities=(Identity(category="client", type="bot", name="Tertulia"),),
    features=(
        "http://jitsi.org/json-encoded-sources",
        "http://jitsi.org/receive-multiple-video-streams",
        "http://jitsi.org/source-name",
        "http://jitsi.org/ssrc-rewriting-1",
        "http://jitsi.org/tcc",
        "urn:ietf:rfc:4588",
        NS.CAPS,
        NS.DISCO_INFO,
        NS.JINGLE,
        NS.RTP,
        NS.RTP_AUDIO,
        NS.RTP_VIDEO,
        NS.DTLS,
        NS.ICE_UDP,
        NS.PING,
    ),
)
